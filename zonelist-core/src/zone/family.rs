//! The zones that one allocator has: none of them takes a frame that another one manages.
//!
//! An allocator's zones stand side by side and are never moved, so each remembers where they stand. They are brought
//! together once, when the allocator is made, and stay together for as long as they are there.

use core::{
    ptr::null_mut,
    slice,
    // Not those of the models: what they guard is behind a lock that is.
    sync::atomic::{
        AtomicPtr, AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
};

use super::Zone;
use crate::{Locked, RawLock, Spin, ZoneId};

/// Which zones a zone is together with.
pub(super) struct Family<'m, L> {
    /// The first of them, which has what belongs to all; null while the zone is by itself.
    first: AtomicPtr<Zone<'m, L>>,
    /// Of the first: how many they are.
    count: AtomicUsize,
    /// Of the first: held while one of them takes frames.
    adding: Locked<()>,
}

impl<L> Family<'_, L> {
    pub(super) fn none() -> Self {
        let (first, count) = (AtomicPtr::new(null_mut()), AtomicUsize::new(0));
        Self { first, count, adding: Locked::new(Spin::new(), ()) }
    }
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// Brings zones together, unless they are already. An error names one that is together with others; then some of
    /// those before it may be together all the same.
    ///
    /// # Safety
    /// All these zones stay where they are for as long as one of them is used.
    pub(crate) unsafe fn bring_together(zones: &[Self]) -> Result<(), ZoneId> {
        let Some(first) = zones.first() else { return Ok(()) };
        // Of two who make allocators of different slices with the same first zone, one is late. Acquire and release:
        // a thread that finds the first zone in another finds its count too.
        match first.family.count.compare_exchange(0, zones.len(), AcqRel, Acquire) {
            Err(count) if count != zones.len() => return Err(first.id),
            _ => {}
        }
        let start = zones.as_ptr().cast_mut();
        let join = |zone: &Self| match zone.family.first.compare_exchange(null_mut(), start, AcqRel, Acquire) {
            Err(other) if other != start => Err(zone.id),
            _ => Ok(()),
        };
        zones.iter().try_for_each(join)
    }

    /// Does something with all zones that this one is together with, itself included, while none of them takes frames
    /// elsewhere; with none if it is by itself.
    pub(super) fn with_family<R>(&self, act: impl FnOnce(&[Self]) -> R) -> R {
        let first = self.family.first.load(Acquire);
        // SAFETY: it is null, or the first of a slice of zones, of which this is one: they are where they were as long
        // as this one is used, as the caller of `bring_together` promises, and there is no mutable reference to one.
        let Some(family) = (unsafe { first.as_ref() }).map(|first| &first.family) else { return act(&[]) };
        // SAFETY: as above; the count was set before the first zone was shown.
        let zones = unsafe { slice::from_raw_parts(first, family.count.load(Acquire)) };
        family.adding.with(|()| act(zones))
    }
}
