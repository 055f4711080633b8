//! What all handles share: the zones, where each zone is, and the caches of every seat.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::ops::Deref;

use super::cache::PageCache;
use crate::{RawLock, Zone, ZoneError, ZoneId, sync::unmodelled::AtomicBool};

/// Things that are never moved: in memory that the caller gave, or on the heap.
#[derive(Debug)]
pub(super) enum Store<'m, T> {
    Given(&'m [T]),
    #[cfg(feature = "alloc")]
    Owned(Box<[T]>),
}

impl<T> Deref for Store<'_, T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        match self {
            Self::Given(things) => things,
            #[cfg(feature = "alloc")]
            Self::Owned(things) => things,
        }
    }
}

/// Why an allocator cannot be made of these zones and this memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no zone.
    #[error("no zone; expected at least one")]
    NoZone,
    /// Two of the zones have one name.
    #[error("zone {zone} comes twice; expected each zone once")]
    DuplicateZone {
        /// The name.
        zone: ZoneId,
    },
    /// Some zone's index is not below the number of entries.
    #[error("{entries} entries to find zones by; expected at least {needed}")]
    Index {
        /// How many there are.
        entries: usize,
        /// How many are needed: one more than the highest [`ZoneId::index`].
        needed: usize,
    },
    /// A zone can't be made.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// There are fewer caches than seats times zones.
    #[error("{caches} page caches; expected at least {needed}, for each seat as many as there are zones")]
    Caches {
        /// How many there are.
        caches: usize,
        /// How many are needed.
        needed: usize,
    },
}

/// No zone of that index.
const NONE: u16 = u16::MAX;

/// The zones and what belongs to them.
#[derive(Debug)]
pub(super) struct Pool<'m, L> {
    pub(super) zones: Store<'m, Zone<'m, L>>,
    /// By a zone's index, its place in `zones`.
    slots: Store<'m, u16>,
    /// Seat by seat, a cache for each zone.
    caches: Store<'m, PageCache>,
    pub(super) on_low: Option<fn(ZoneId, usize)>,
    /// Whether some zone has a call of that due.
    pub(super) low_unreported: AtomicBool,
}

impl<'m, L: RawLock> Pool<'m, L> {
    /// Fills the index. It has an entry for every zone, and there are caches for so many seats.
    pub(super) fn check(
        zones: &[Zone<'m, L>],
        slots: &mut [u16],
        caches: usize,
        seats: usize,
    ) -> Result<(), SetupError> {
        if zones.is_empty() {
            return Err(SetupError::NoZone);
        }
        slots.fill(NONE);
        for (slot, zone) in zones.iter().enumerate() {
            let (zone, entries) = (zone.id(), slots.len());
            let needed = zone.index() + 1;
            let entry = slots.get_mut(zone.index()).ok_or(SetupError::Index { entries, needed })?;
            if *entry != NONE {
                return Err(SetupError::DuplicateZone { zone });
            }
            // Zones that differ are at most as many as there are names.
            *entry = slot as u16;
        }
        let needed = seats * zones.len();
        if caches < needed { Err(SetupError::Caches { caches, needed }) } else { Ok(()) }
    }

    /// Of parts that were checked.
    pub(super) fn new(zones: Store<'m, Zone<'m, L>>, slots: Store<'m, u16>, caches: Store<'m, PageCache>) -> Self {
        Self { zones, slots, caches, on_low: None, low_unreported: AtomicBool::new(false) }
    }

    /// Where a zone is: below the number of zones.
    #[inline(always)]
    pub(super) fn slot(&self, zone: ZoneId) -> Option<usize> {
        match self.slots.get(zone.index()) {
            Some(&slot) if slot != NONE => Some(usize::from(slot)),
            _ => None,
        }
    }

    /// A seat's caches, one for each zone.
    pub(super) fn caches(&self, seat: usize) -> &[PageCache] {
        let zones = self.zones.len();
        &self.caches[seat * zones..][..zones]
    }

    /// Every seat's cache of one zone.
    pub(super) fn caches_of(&self, slot: usize) -> impl Iterator<Item = &PageCache> {
        self.caches.iter().skip(slot).step_by(self.zones.len().max(1))
    }
}
