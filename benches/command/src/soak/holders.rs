//! The holder of each page frame, recorded independently of the allocator.

use std::sync::{
    OnceLock,
    atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use zonelist_core::{Page, Pfn};

/// The number of a thread that holds page frames: never 0.
pub(super) type Holder = u32;

/// The word of a page frame without a holder.
const FREE: Holder = 0;

/// One word for each page frame: its holder.
///
/// Words are only swapped. A swap reads the latest value in the word's modification order. Each change therefore sees the
/// one before it, even if the allocator fails to order them.
pub(super) struct Holders {
    words: Box<[AtomicU32]>,
    doubled: AtomicU64,
    first: OnceLock<String>,
}

impl Holders {
    /// This number of page frames, without holders.
    pub(super) fn of(frames: u64) -> Self {
        let words = (0..frames).map(|_| AtomicU32::new(FREE)).collect();
        Self { words, doubled: AtomicU64::new(0), first: OnceLock::new() }
    }

    /// Records the holder of an allocated block. None of its frames may have a holder.
    pub(super) fn claim(&self, page: &Page, holder: Holder) {
        self.change(page, FREE, holder);
    }

    /// Records that a block will be freed. All of its frames must have this holder.
    pub(super) fn release(&self, page: &Page, holder: Holder) {
        self.change(page, holder, FREE);
    }

    fn change(&self, page: &Page, from: Holder, to: Holder) {
        for pfn in Pfn::iter(page.frames()) {
            // Relaxed: swaps of one word are totally ordered by themselves, and must not add an order that the
            // allocator lacks.
            let held = self.words.get(pfn.number() as usize).map(|word| word.swap(to, Relaxed));
            if held != Some(from) {
                // SeqCst, with the load in `doubled`: no data depends on it, and only a failed run reaches it.
                self.doubled.fetch_add(1, SeqCst);
                self.first.get_or_init(|| match held {
                    Some(held) => {
                        format!("frame {pfn} of {page:?}: held by {held}, not by {from}, when it went to {to}")
                    }
                    None => format!("frame {pfn} of {page:?}: there is no such frame"),
                });
            }
        }
    }

    /// Page frames whose holder was not the expected one.
    pub(super) fn doubled(&self) -> u64 {
        // SeqCst, with the increment in `change`.
        self.doubled.load(SeqCst)
    }

    /// True if a page frame had an unexpected holder.
    pub(super) fn is_damaged(&self) -> bool {
        self.doubled() > 0
    }

    /// A message about the first of these frames.
    pub(super) fn first_doubled(&self) -> Option<String> {
        self.first.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_holder() {
        // SAFETY: the frames have no memory, and no code relies on the ownership of such a page.
        let page = |pfn: u64, order: u64| unsafe { Page::from_raw(1 << 63 | order << 58 | pfn) }.unwrap();
        let holders = Holders::of(8);
        holders.claim(&page(0, 2), 1);
        holders.claim(&page(4, 0), 2);
        holders.release(&page(0, 2), 1);
        holders.claim(&page(3, 0), 2);
        assert!(!holders.is_damaged());
        holders.claim(&page(2, 1), 1);
        assert_eq!(holders.doubled(), 1, "frame 3 has another holder");
        holders.release(&page(4, 0), 1);
        holders.claim(&page(8, 0), 1);
        assert_eq!(holders.doubled(), 3, "frame 4 has another holder, and there is no frame 8");
        let first = holders.first_doubled().unwrap();
        assert!(first.starts_with("frame 3 of") && first.contains("held by 2, not by 0"), "{first}");
    }
}
