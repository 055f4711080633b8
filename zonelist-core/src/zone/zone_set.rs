//! Zone sets: the zones of one allocator, none of which adds a frame that another one manages.
//!
//! An allocator's zones are one slice that never moves. Each zone of the slice refers to its first zone, which has the
//! length of the slice and the lock that serialises additions. The set is formed once, when the allocator is made, and
//! is never dissolved.

use core::{
    ptr::null_mut,
    slice,
    sync::atomic::Ordering::{AcqRel, Acquire},
};

use super::allocator::Zone;
use crate::{ZoneId, locking::RawLock};

impl<L: RawLock> Zone<'_, L> {
    /// Forms a set of zones, unless they are one already.
    ///
    /// # Errors
    /// A zone that is in another set. Zones before it may have become part of this one all the same.
    ///
    /// # Safety
    /// The zones stay where they are for as long as one of them is used.
    pub(crate) unsafe fn join_zone_set(zones: &[Self]) -> Result<(), ZoneId> {
        let Some(first) = zones.first() else { return Ok(()) };
        // Two threads may make allocators of different slices with the same first zone: the later one fails here.
        // The count is stored before `first`: the release of the latter, below, publishes both.
        match first.zone_set.count.compare_exchange(0, zones.len(), AcqRel, Acquire) {
            Err(count) if count != zones.len() => return Err(first.id),
            _ => {}
        }
        let start = zones.as_ptr().cast_mut();
        // The release publishes the count to the acquire load of `first` in `with_zone_set`.
        let join = |zone: &Self| match zone.zone_set.first.compare_exchange(null_mut(), start, AcqRel, Acquire) {
            Err(other) if other != start => Err(zone.id),
            _ => Ok(()),
        };
        zones.iter().try_for_each(join)
    }

    /// Calls `act` with all zones of the set, this one included, while no other thread adds frames to one of them.
    /// `act` gets an empty slice if the zone is in no set.
    pub(super) fn with_zone_set<R>(&self, act: impl FnOnce(&[Self]) -> R) -> R {
        // Acquire: pairs with the release of `first` in `join_zone_set`, after which the count is there.
        let first = self.zone_set.first.load(Acquire);
        // SAFETY: the pointer is null, or that of the first zone of a slice which contains this zone. The caller of
        // `join_zone_set` promises that the slice stays where it is while one of its zones is used, as this one is now,
        // and zones are never borrowed mutably while they are shared.
        let Some(set) = (unsafe { first.as_ref() }).map(|first| &first.zone_set) else { return act(&[]) };
        // SAFETY: `first` is the start of a slice of zones that stays where it is while one of them is used, as the
        // caller of `join_zone_set` promises. The count is the slice's length: it was stored before `first`, and the
        // acquire load of `first` makes it visible here.
        let zones = unsafe { slice::from_raw_parts(first, set.count.load(Acquire)) };
        set.adding.with(|()| act(zones))
    }
}
