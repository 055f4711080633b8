//! One slot of a table: a zoneref, or nothing.

use crate::{
    Zoneref,
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        const_fn,
    },
};

/// An atomic slot, which the writer rewrites while readers load it.
///
/// Every load and store is `Relaxed`: a slot is one word. A scheme that needs an order between slots adds the orderings
/// itself.
#[derive(Debug)]
pub struct Slot(AtomicU32);

impl Slot {
    const_fn! {
        /// An empty slot.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Stores an entry, or 0 for none.
    #[inline]
    pub(super) fn put(&self, entry: Option<Zoneref>) {
        self.store(entry.map_or(0, Zoneref::word));
    }

    #[inline(always)]
    pub(crate) fn load(&self) -> u32 {
        self.0.load(Relaxed)
    }

    #[inline]
    pub(crate) fn store(&self, word: u32) {
        self.0.store(word, Relaxed);
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// The element of a table: a [`Slot`], or a plain `Option<Zoneref>` in a table that is never rewritten.
pub trait Word: sealed::Sealed {
    /// The entry in the slot; `None` if the slot is empty.
    fn get(&self) -> Option<Zoneref>;
}

impl sealed::Sealed for Slot {}

impl Word for Slot {
    #[inline]
    fn get(&self) -> Option<Zoneref> {
        Zoneref::in_slot(self.load())
    }
}

impl sealed::Sealed for Option<Zoneref> {}

impl Word for Option<Zoneref> {
    #[inline]
    fn get(&self) -> Option<Zoneref> {
        *self
    }
}
