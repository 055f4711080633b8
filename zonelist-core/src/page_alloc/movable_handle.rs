//! The handle of a movable page.

use super::{
    Page,
    movable_entry::{GENERATION, HOLDERS, USED},
};

/// A movable page, as its user knows it. A copy does not keep it.
///
/// It is a handle of the [`MovablePages`](super::MovablePages) that it came from, and of no others of the next 2^32 that are made; it ends with
/// its page, and a later handle is another one until the entry has had 2^49 pages (2^17 where a word has 32 bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle {
    pub(super) index: u32,
    /// Of which movables.
    pub(super) of: u32,
    /// How many pages the entry had before, of which so many bits as its state has room for: 49, or 17
    /// where a word is of 32 bits.
    pub(super) generation: usize,
}

impl Handle {
    /// The place of its entry, below the number of entries: for whoever keeps something beside.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The state, if it is this handle's.
    pub(super) fn check(self, state: usize) -> Result<usize, HandleError> {
        let is_ours = state >> GENERATION == self.generation & usize::MAX >> GENERATION && state & USED != 0;
        if is_ours { Ok(state) } else { Err(HandleError::Gone) }
    }
}

/// Why nothing was done to a handle's page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The page was removed, or lost in a fork.
    #[error("the handle's page was removed; expected a handle whose page is there")]
    Gone,
    /// It is a handle of other movables.
    #[error("the handle is of other movables; expected one of these")]
    Foreign,
    /// A [`PageGuard`](super::PageGuard) of the page is there.
    #[error("the page is held; expected it to be let go before")]
    Held,
    /// As many hold the page as can be counted.
    #[error("the page is held {HOLDERS} times; expected fewer")]
    TooMany,
    /// The page is being moved or removed. Only of calls that wait for nothing.
    #[error("the page is being moved or removed; expected neither, or a call that waits")]
    Moving,
    /// Another thread inserts or removes a page. Only of calls that wait for nothing.
    #[error("another thread inserts or removes a page; expected none, or a call that waits")]
    Busy,
}

/// There is no entry for another page, which comes back with the error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no free entry for {page:?}; expected at most {entries} movable pages at a time")]
pub struct NoRoom {
    /// The page.
    pub page: Page,
    /// Entries that there are.
    pub entries: usize,
}
