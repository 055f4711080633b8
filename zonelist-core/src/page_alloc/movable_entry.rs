//! The entry of one movable page: its state, and where the page is.
//!
//! ```text
//!   state:   bits 0..12 how many hold the page | 12 in use | 13 moving | 14 pinned | 15.. generation
//!   content: the page's word, or the number of the next free entry
//! ```
//!
//! The page is held, or the entry is one thread's alone (`MOVING`), never both; what is in the page, and which page it
//! is, changes under `MOVING` only. A mover first looks for pages to move, and that look ([`Movable::look`]) leaves no
//! trace in the state: so no user of a page can take it for another user.

use super::{HandleError, Page, slow_path::Blocking};
use crate::sync::{
    Backoff, Track,
    atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, or_mutant,
};

/// Room for one page.
#[derive(Debug)]
pub struct MovableEntry {
    /// Generation, flags, and how many hold the page.
    pub(super) state: AtomicUsize,
    /// The page's word or the number of the next free entry, of which only a page has the highest bit.
    content: [AtomicUsize; PARTS],
    track: Track,
}

/// Words of a page: a page has 64 bits.
const PARTS: usize = u64::BITS as usize / usize::BITS as usize;

/// How many may hold a page at a time.
pub(super) const HOLDERS: usize = (1 << 12) - 1;
pub(super) const USED: usize = 1 << 12;
pub(super) const MOVING: usize = 1 << 13;
pub(super) const PINNED: usize = 1 << 14;
pub(super) const GENERATION: u32 = 15;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

impl MovableEntry {
    const_fn! {
        /// Without a page.
        #[must_use]
        pub const fn new() -> Self {
            #[cfg(not(loom))]
            let content = [const { AtomicUsize::new(0) }; PARTS];
            #[cfg(loom)]
            let content = core::array::from_fn(|_| AtomicUsize::new(0));
            Self { state: AtomicUsize::new(0), content, track: Track::new() }
        }
    }

    /// The page, for a thread that holds it or is its mover; `None` if the entry has none.
    pub(super) fn page(&self) -> Option<Page> {
        self.track.read();
        Page::from_word(self.word())
    }

    /// The next free entry, for the thread that has the lock of the free ones.
    pub(super) fn next_free(&self) -> Option<u32> {
        self.track.read();
        u32::try_from(self.word()).ok()
    }

    /// For the mover, or a thread that has an entry which is not in use.
    pub(super) fn set_page(&self, page: Page) {
        self.set_word(page.word());
    }

    /// For a thread that has an entry which is not in use.
    pub(super) fn set_next_free(&self, next: u32) {
        self.set_word(u64::from(next));
    }

    #[expect(clippy::cast_possible_truncation, reason = "part by part")]
    fn set_word(&self, word: u64) {
        self.track.write();
        for (part, shift) in self.content.iter().zip((0..).step_by(usize::BITS as usize)) {
            // Release: pairs with the acquire in `word`, so that a look which reads this finds the state that came before.
            part.store((word >> shift) as usize, Release);
        }
    }

    fn word(&self) -> u64 {
        let parts = self.content.iter().zip((0..).step_by(usize::BITS as usize));
        // Acquire: pairs with the release in `set_word`.
        parts.fold(0, |word, (part, shift)| word | (part.load(Acquire) as u64) << shift)
    }

    /// The page of an entry that is in use and not being moved, and the state that it was found in: nothing is changed,
    /// and both may be out of date when this returns.
    ///
    /// The page was this entry's in that state or since; and if the state says pinned, in that very generation. (Where a
    /// page takes two words, their halves may be of two pages of an entry. A frame is in the lower one, up to 2^32.)
    pub(super) fn look(&self) -> Option<(usize, Page)> {
        loop {
            // Acquire: pairs with the releases in `insert` and of a mover that is done, so that the page is no older.
            let state = self.state.load(Acquire);
            if state & USED == 0 || state & MOVING != 0 {
                return None;
            }
            let page = Page::from_word(self.word());
            // The acquire in `word` keeps this behind: it sees at least the state in which the page was written.
            let since = self.state.load(Relaxed);
            if or_mutant!((state ^ since) & !HOLDERS == 0 => true, "movables: a look at two generations") {
                return page.map(|page| (state, page));
            }
        }
    }

    /// Has the entry for itself, if the state is still this one, by which the page is neither held nor pinned.
    pub(super) fn try_own(&self, state: usize) -> bool {
        // Acquire: pairs with the release in `let_go`, so that the mover sees what the last holder did to the page.
        self.state.compare_exchange(state, state | MOVING, Acquire, Relaxed).is_ok()
    }

    /// Ends what [`Movable::try_own`] began.
    pub(super) fn disown(&self) {
        // Pairs with the acquire in `change`, so that the next holder sees the page as it was moved.
        self.state.fetch_and(!MOVING, Release);
    }

    /// Changes the state, once the page is not being moved, to what `next` makes of it.
    ///
    /// Acquire: pairs with the release in `disown`, `let_go` and `insert`.
    pub(super) fn change(
        &self,
        blocking: Blocking,
        next: impl Fn(usize) -> Result<usize, HandleError>,
    ) -> Result<(), HandleError> {
        let mut backoff = Backoff::default();
        loop {
            let state = self.state.load(Relaxed);
            let changed = next(state)?;
            if state & MOVING == 0 {
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

    pub(super) fn let_go(&self) {
        // Pairs with the acquire in `try_own` and `change`.
        self.state.fetch_sub(1, Release);
    }
}

impl Default for MovableEntry {
    fn default() -> Self {
        Self::new()
    }
}
