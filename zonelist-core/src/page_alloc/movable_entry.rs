//! The entry of one movable page: its state, and its page.
//!
//! ```text
//!   state:   bits 0..12 number of holders | 12 in use | 13 claimed (moving) | 14 pinned | 15.. generation
//!   content: the page's word, or the number of the next free entry
//! ```
//!
//! Either the page has holders, or one thread has claimed the entry (`MOVING`), never both. The content of the page,
//! and the page of the entry, change under a claim only. A move first searches for pages by [`MovableEntry::inspect`],
//! which does not change the state, so that it can't be mistaken for a holder.

use super::{HandleError, page::PageWord, slow_path::Blocking};
use crate::sync::{
    Backoff, Track,
    atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, or_mutant,
};

/// Room for one movable page.
#[derive(Debug)]
pub struct MovableEntry {
    /// The generation, the flags, and the number of holders.
    pub(super) state: AtomicUsize,
    /// The page's word, or the number of the next free entry. Only a page's word has the highest bit.
    content: [AtomicUsize; PARTS],
    track: Track,
}

/// The number of words of a page, which has 64 bits.
const PARTS: usize = u64::BITS as usize / usize::BITS as usize;

/// The bits of the number of holders, and its maximum.
pub(super) const HOLDERS: usize = (1 << 12) - 1;
/// The entry has a page.
pub(super) const USED: usize = 1 << 12;
/// A thread has claimed the entry: it moves or removes the page.
pub(super) const MOVING: usize = 1 << 13;
/// The page must not be moved.
pub(super) const PINNED: usize = 1 << 14;
/// The lowest bit of the generation: the number of pages that the entry had before.
pub(super) const GENERATION: u32 = 15;

/// The end of the list of free entries.
pub(super) const NONE: u32 = u32::MAX;

impl MovableEntry {
    const_fn! {
        /// Creates an entry without a page.
        #[must_use]
        pub const fn new() -> Self {
            #[cfg(not(loom))]
            let content = [const { AtomicUsize::new(0) }; PARTS];
            #[cfg(loom)]
            let content = core::array::from_fn(|_| AtomicUsize::new(0));
            Self { state: AtomicUsize::new(0), content, track: Track::new() }
        }
    }

    /// The word of the page, for a thread that holds it or has claimed the entry; `None` if the entry has none.
    pub(super) fn page(&self) -> Option<PageWord> {
        self.track.read();
        PageWord::from_raw(self.word())
    }

    /// The next free entry, for a thread that has the lock of the free list.
    pub(super) fn next_free(&self) -> Option<u32> {
        self.track.read();
        u32::try_from(self.word()).ok()
    }

    /// Sets the page, which the entry owns from then on, for a thread that has claimed the entry, or has just taken it from the free list.
    pub(super) fn set_page(&self, page: PageWord) {
        self.set_word(page.get());
    }

    /// Sets the next free entry, for a thread that has an entry which is not in use.
    pub(super) fn set_next_free(&self, next: u32) {
        self.set_word(u64::from(next));
    }

    /// Stores a word in its parts.
    #[expect(clippy::cast_possible_truncation, reason = "part by part")]
    fn set_word(&self, word: u64) {
        self.track.write();
        for (part, shift) in self.content.iter().zip((0..).step_by(usize::BITS as usize)) {
            // Release: pairs with the acquire in `word`. An `inspect` that reads this then sees the state from before
            // it.
            part.store((word >> shift) as usize, Release);
        }
    }

    /// Loads a word from its parts.
    fn word(&self) -> u64 {
        let parts = self.content.iter().zip((0..).step_by(usize::BITS as usize));
        // Acquire: pairs with the release in `set_word`, and keeps the second load of the state in `inspect` after it.
        parts.fold(0, |word, (part, shift)| word | (part.load(Acquire) as u64) << shift)
    }

    /// The state and page of an entry that is in use and not claimed. Changes nothing, and both may be out of date when
    /// this returns.
    ///
    /// The page was the entry's in that state or later. If the state is pinned, the page was the entry's in that very
    /// generation. Where a page takes two words, they may be of two pages of the entry; a frame below 2^32 is in the
    /// lower one.
    pub(super) fn inspect(&self) -> Option<(usize, PageWord)> {
        loop {
            // Acquire: pairs with the releases in `MovablePages::insert` and `release_claim`, so that the page is not
            // older than the state.
            let state = self.state.load(Acquire);
            if state & USED == 0 || state & MOVING != 0 {
                return None;
            }
            let page = PageWord::from_raw(self.word());
            // After the load of the page, by the acquire in `word`: it sees at least the state in which the page was
            // written. So if only holders have changed, the page is of this generation. It may still be newer than the
            // state: a move that ends restores the state, and `move_one` compares the page under its claim.
            let since = self.state.load(Relaxed);
            if or_mutant!((state ^ since) & !HOLDERS == 0 => true, "movables: an inspection of two generations") {
                return page.map(|page| (state, page));
            }
        }
    }

    /// Claims the entry for a move, if the state is still `state`, in which the page has no holder and no pin.
    pub(super) fn try_claim(&self, state: usize) -> bool {
        // Acquire: pairs with the release in `release_hold`, so that the move copies what the last holder wrote.
        self.state.compare_exchange(state, state | MOVING, Acquire, Relaxed).is_ok()
    }

    /// Ends a claim.
    pub(super) fn release_claim(&self) {
        // Release: pairs with the acquire in `change`, so that the next holder sees the moved page, and in `inspect`.
        self.state.fetch_and(!MOVING, Release);
    }

    /// Replaces the state by the result of `next`, once no other thread has claimed the entry. Fails at once with an
    /// error of `next`, or with [`HandleError::Moving`] if the entry is claimed and the call must not wait.
    pub(super) fn change(
        &self,
        blocking: Blocking,
        next: impl Fn(usize) -> Result<usize, HandleError>,
    ) -> Result<(), HandleError> {
        let mut backoff = Backoff::default();
        loop {
            let state = self.state.load(Relaxed);
            // Before the check of a claim: a handle without a page fails also while its entry is claimed.
            let changed = next(state)?;
            if state & MOVING == 0 {
                // Acquire: pairs with the releases in `release_claim` and `MovablePages::insert`, so that a holder sees
                // the page; and with that in `release_hold`, so that a removal sees what the last holder wrote.
                if self.state.compare_exchange(state, changed, Acquire, Relaxed).is_ok() {
                    return Ok(());
                }
            } else if blocking == Blocking::Forbidden {
                return Err(HandleError::Moving);
            } else {
                backoff.wait();
            }
        }
    }

    /// Ends one hold of the page.
    pub(super) fn release_hold(&self) {
        // Release: pairs with the acquire in `try_claim` and `change`: the next claim sees what this holder wrote.
        self.state.fetch_sub(1, Release);
    }
}

impl Default for MovableEntry {
    fn default() -> Self {
        Self::new()
    }
}
