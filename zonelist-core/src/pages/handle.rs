//! The handle of a movable page.

use super::{
    Page,
    movable::{GENERATION, HOLDERS, USED},
};

/// A movable page, as its user knows it. A copy does not keep it.
///
/// It is a handle of the [`Movables`](super::Movables) that it came from, and of no others of the next 2^32 that are made; it ends with
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
    /// It was removed, or is of other movables.
    #[error("the handle has no page; expected one that is in use")]
    Gone,
    /// Somebody holds the page.
    #[error("somebody holds the page; expected nobody to")]
    Held,
    /// As many hold the page as can be counted.
    #[error("{HOLDERS} hold the page; expected fewer")]
    TooMany,
}

/// There is no entry for another page, which comes back with the error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no room for {page:?}; expected fewer movable pages at a time")]
pub struct NoRoom {
    /// The page.
    pub page: Page,
}
