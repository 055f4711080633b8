//! Who holds which frame, written down apart from the allocator.

use std::sync::{
    OnceLock,
    atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use zonelist_core::Page;

/// Somebody who holds frames: never 0.
pub(super) type Owner = u32;

const NOBODY: Owner = 0;

/// A word a frame: its holder.
///
/// Words are only swapped, so that each change sees the one before it, whatever the allocator
/// orders or fails to.
pub(super) struct Owners {
    words: Box<[AtomicU32]>,
    doubled: AtomicU64,
    first: OnceLock<String>,
}

impl Owners {
    /// Nobody holds any of so many frames.
    pub(super) fn of(frames: u64) -> Self {
        let words = (0..frames).map(|_| AtomicU32::new(NOBODY)).collect();
        Self { words, doubled: AtomicU64::new(0), first: OnceLock::new() }
    }

    /// Somebody got a block: nobody may hold any of it.
    pub(super) fn claim(&self, page: Page, owner: Owner) {
        self.change(page, NOBODY, owner);
    }

    /// The holder is about to give a block back: all of it must be his.
    pub(super) fn release(&self, page: Page, owner: Owner) {
        self.change(page, owner, NOBODY);
    }

    fn change(&self, page: Page, from: Owner, to: Owner) {
        for pfn in page.pfn()..page.pfn() + (1 << page.order()) {
            let held = self.words.get(pfn as usize).map(|word| word.swap(to, Relaxed));
            if held != Some(from) {
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

    /// Frames that were found with another holder than they should have had.
    pub(super) fn doubled(&self) -> u64 {
        self.doubled.load(SeqCst)
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.doubled() > 0
    }

    /// The first of them, in words.
    pub(super) fn first_doubled(&self) -> Option<String> {
        self.first.get().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_holder() {
        let page = |pfn: u64, order: u64| Page::from_word(1 << 63 | order << 58 | pfn).unwrap();
        let owners = Owners::of(8);
        owners.claim(page(0, 2), 1);
        owners.claim(page(4, 0), 2);
        owners.release(page(0, 2), 1);
        owners.claim(page(3, 0), 2);
        assert!(!owners.is_damaged());
        owners.claim(page(2, 1), 1);
        assert_eq!(owners.doubled(), 1, "frame 3 was another's");
        owners.release(page(4, 0), 1);
        owners.claim(page(8, 0), 1);
        assert_eq!(owners.doubled(), 3, "neither his nor there");
        let first = owners.first_doubled().unwrap();
        assert!(first.starts_with("frame 3 of") && first.contains("held by 2, not by 0"), "{first}");
    }
}
