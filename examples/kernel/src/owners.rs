//! Checks by the kernel itself: each frame has at most one owner, and keeps what its owner has written.

use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Relaxed},
    },
};

use zonelist_core::{
    Page,
    page_alloc::{Handle, Migrate, MoveError},
};

/// Frames that have a bit: those of the first GiB.
pub const FRAMES: usize = 1 << 18;
/// A bit for each frame, set while the frame has an owner.
static OWNED: [AtomicU64; FRAMES / 64] = [const { AtomicU64::new(0) }; FRAMES / 64];

/// Makes the caller the owner of the frames of a page, and writes to each of them.
pub fn claim(page: &Page) {
    let Range { start, end } = numbers(page);
    for frame in start..end {
        let (word, bit) = place(frame);
        assert!(word.fetch_or(bit, AcqRel) & bit == 0, "frame {frame:#x} has two owners");
        // SAFETY: the frame is RAM that no zone had reserved, mapped to itself, and the caller owns its page.
        unsafe { stamp(frame).write_volatile(stamp_of(frame)) };
    }
}

/// Ends the ownership of a page's frames, which must have what `claim` has written.
pub fn release(page: &Page) {
    let Range { start, end } = numbers(page);
    for frame in start..end {
        // SAFETY: the frame is RAM that no zone had reserved, mapped to itself, and the caller owns its page.
        let found = unsafe { stamp(frame).read_volatile() };
        assert!(found == stamp_of(frame), "frame {frame:#x} was overwritten");
        let (word, bit) = place(frame);
        assert!(word.fetch_and(!bit, AcqRel) & bit != 0, "frame {frame:#x} has no owner");
    }
}

/// The number of frames that have an owner.
pub fn owned() -> usize {
    OWNED.iter().map(|word| word.load(Relaxed).count_ones() as usize).sum()
}

fn numbers(page: &Page) -> Range<u64> {
    let frames = page.frames();
    frames.start.number()..frames.end.number()
}

fn place(frame: u64) -> (&'static AtomicU64, u64) {
    (&OWNED[frame as usize / 64], 1 << (frame % 64))
}

fn stamp(frame: u64) -> *mut u64 {
    (frame << 12) as *mut u64
}

fn stamp_of(frame: u64) -> u64 {
    frame ^ 0x5eed_5eed_5eed_5eed
}

/// The byte that fills movable page number `number`.
pub fn content(number: usize) -> u8 {
    (number % 251) as u8
}

/// The content of a page of order 0, without its stamp.
pub fn bytes(page: &Page) -> *mut [u8; 4088] {
    ((page.pfn().number() << 12) + 8) as *mut [u8; 4088]
}

/// Copies pages of order 0 whose frames go offline.
#[derive(Debug)]
pub struct CopyPage;

impl Migrate for CopyPage {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        claim(to);
        // SAFETY: both pages are lent to this call alone, each is RAM of its own, and both are mapped to themselves.
        unsafe { bytes(from).copy_to_nonoverlapping(bytes(to), 1) };
        release(from);
        Ok(())
    }
}
