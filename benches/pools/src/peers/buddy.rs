//! `buddy-alloc`: free lists through the free memory itself, bitmaps of what is split.

use std::ptr::with_exposed_provenance_mut;

use buddy_alloc::buddy_alloc::{BuddyAlloc, BuddyAllocParam};
use spin::Mutex;

use crate::{
    Block, Pool, SetUpError,
    frames::{FRAME, Frames},
};

/// The allocator behind a lock, with the memory it writes to.
#[expect(missing_debug_implementations, reason = "what it holds has none")]
pub struct Buddy {
    /// Dropped before the memory is given back.
    buddy: Mutex<Owned>,
    /// Held as long as the allocator is.
    _frames: Frames,
}

/// The allocator, as the only user of its memory.
struct Owned(BuddyAlloc);

// SAFETY: its pointers are to memory that nobody else uses, and to no thread's own.
unsafe impl Send for Owned {}

impl Pool for Buddy {
    type Local<'p> = &'p Self;

    fn new(count: usize, _: usize) -> Result<Self, SetUpError> {
        let frames = Frames::take(count)?;
        let parameters = BuddyAllocParam::new(frames.start(), count * FRAME, FRAME);
        // SAFETY: the memory is this pool's as long as `frames` is held.
        let buddy = unsafe { BuddyAlloc::new(parameters) };
        Ok(Self { buddy: Mutex::new(Owned(buddy)), _frames: frames })
    }

    fn local(&self, _: usize) -> &Self {
        self
    }

    fn alloc(local: &mut &Self, order: u8, _: bool) -> Option<Block> {
        let start = local.buddy.lock().0.malloc(FRAME << order);
        Block::new(start.expose_provenance() as u64)
    }

    unsafe fn free(local: &mut &Self, block: Block, _: u8) {
        local.buddy.lock().0.free(with_exposed_provenance_mut(block.get() as usize));
    }
}
