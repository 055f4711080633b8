//! Taking away the pages that handles keep at hand.

use super::{PageAllocator, PerCpuPages, per_cpu_pages::CacheAccess};
use crate::{
    RawLock, ZoneId,
    publish::{Barrier, BarrierError, Scheme},
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        or_mutant,
    },
};

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PageAllocator<'_, S, B, L, READERS> {
    /// Gives every page that handles keep at hand back to its zone. Returns how many pages.
    ///
    /// The handles go on meanwhile, without their caches. Waits for operations of handles that have begun, for another
    /// drain, and for the zones' locks; for no publish, and for no guard of a plain reader, this thread's among them.
    ///
    /// # Errors
    /// The barrier pair failed: now, and no page was taken from any handle; or behind the swap of an earlier publish,
    /// which is then reported instead of doing anything.
    pub fn drain(&self) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.drain_in_use()
    }

    /// The same, for a request that is about to be refused: what an earlier publish has to report is not its business.
    pub(super) fn drain_in_use(&self) -> Result<usize, BarrierError> {
        self.drain_where(|_| true, PerCpuPages::is_in_use)
    }

    /// Gives the pages of one zone that handles keep at hand back to it. Returns how many pages.
    ///
    /// # Errors
    /// As for [`PageAllocator::drain`].
    pub fn drain_zone(&self, zone: ZoneId) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.pool.slot(zone).map_or(Ok(0), |wanted| self.drain_where(|slot| slot == wanted, PerCpuPages::is_in_use))
    }

    /// Drains those caches of these zones that are `worth` it, and waits for whoever is at them.
    fn drain_where(
        &self,
        wanted: impl Fn(usize) -> bool,
        worth: impl Fn(&PerCpuPages) -> bool,
    ) -> Result<usize, BarrierError> {
        let pool = &self.pool;
        let caches = |seat: usize| {
            let caches = pool.zones.iter().zip(pool.caches(seat)).enumerate();
            caches.filter(|(slot, _)| wanted(*slot)).map(|(_, zone_and_cache)| zone_and_cache)
        };
        let mut pages = 0;
        let holds = |seat: usize| caches(seat).any(|(_, cache)| worth(cache));
        self.published().revoke_caches(holds, |seat| {
            for (zone, cache) in caches(seat) {
                // SAFETY: the drawer of this seat is borrowed, and its caches are no other seat's.
                let mut hands = unsafe { CacheAccess::on(cache) };
                pages += hands.empty_into(zone);
            }
        })?;
        Ok(pages)
    }

    /// Does something while no page of a zone is in a cache, nor gets into one: what is freed then
    /// is the zone's own at once. For taking memory offline.
    ///
    /// May be nested, and called by several at a time. A zone that there is not has no caches. Waits as
    /// [`PageAllocator::drain`] does before it calls `within`, which runs with nothing held: it may allocate, drain,
    /// publish and panic.
    ///
    /// # Errors
    /// As for [`PageAllocator::drain`]; `within` was not called.
    pub fn without_caches<R>(&self, zone: ZoneId, within: impl FnOnce() -> R) -> Result<R, BarrierError> {
        self.published().report_failure()?;
        let Some((slot, zone)) = self.pool.slot(zone).zip(self.pool.zone(zone)) else { return Ok(within()) };
        let _off = Off::new(zone.uncached());
        // Empty ones too: whoever is about to fill one has not seen yet that he must not.
        let wanted: fn(&PerCpuPages) -> bool =
            or_mutant!(|_| true => PerCpuPages::is_in_use, "pages: empty caches not waited for");
        self.drain_where(|other| other == slot, wanted)?;
        Ok(within())
    }
}

/// Keeps caches off for as long as it lives, also into a panic.
struct Off<'a>(&'a AtomicUsize);

impl<'a> Off<'a> {
    fn new(users: &'a AtomicUsize) -> Self {
        // Seen by every handle that goes in behind the drain, through its seat.
        users.fetch_add(1, Relaxed);
        Self(users)
    }
}

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
