//! The handle of a movable page.

use super::{
    Page,
    movable_entry::{GENERATION, HOLDERS, USED},
};

/// Names a movable page, wherever it is moved. A copy does not keep the page.
///
/// A handle is valid for the [`MovablePages`](super::MovablePages) that returned it, and for none of the next 2^32 that
/// are created. It ends with its page. A later handle of the same entry differs until the entry has had 2^49 pages, or
/// 2^17 where a word has 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle {
    /// The number of the entry.
    pub(super) index: u32,
    /// The number of the [`MovablePages`](super::MovablePages).
    pub(super) owner: u32,
    /// The number of pages that the entry had before, modulo the bits of the state: 49, or 17 where a word has 32 bits.
    pub(super) generation: usize,
}

impl Handle {
    /// The number of the entry, which is below the number of entries: an index for data of the caller.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Returns the state if it is of this handle's page, or an error.
    pub(super) fn check(self, state: usize) -> Result<usize, HandleError> {
        // The handle's generation may have more bits than the state has room for.
        let is_ours = state >> GENERATION == self.generation & usize::MAX >> GENERATION && state & USED != 0;
        if is_ours { Ok(state) } else { Err(HandleError::Gone) }
    }
}

/// Why a call on a handle failed. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The page was removed, or lost by a fork.
    #[error("the handle's page was removed; expected a handle whose page is there")]
    Gone,
    /// The handle is of other movable pages.
    #[error("the handle is of other movable pages; expected a handle of these")]
    Foreign,
    /// A [`PageGuard`](super::PageGuard) of the page exists.
    #[error("the page is held; expected all of its guards to be dropped before")]
    Held,
    /// The number of guards of the page is at its maximum.
    #[error("the page is held {HOLDERS} times; expected fewer")]
    TooMany,
    /// The page is being moved or removed. Returned only by calls that wait for nothing.
    #[error("the page is being moved or removed; expected neither, or a call that waits")]
    Moving,
    /// Another thread inserts or removes a page. Returned only by calls that wait for nothing.
    #[error("another thread inserts or removes a page; expected none, or a call that waits")]
    Busy,
}

/// There is no free entry. The page is the caller's again.
#[derive(PartialEq, Eq, Debug, thiserror::Error)]
#[error("no free entry for {page:?}; expected at most {entries} movable pages at a time")]
pub struct NoRoom {
    /// The page.
    pub page: Page,
    /// The number of entries.
    pub entries: usize,
}
