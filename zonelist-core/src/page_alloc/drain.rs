//! Drains: per-CPU pages return to their zones.

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
    /// Returns the per-CPU pages of all handles to their zones. Returns the number of pages.
    ///
    /// The handles go on meanwhile, without their per-CPU pages. Waits for operations of handles that have begun, for another
    /// drain, and for the zones' locks; for no publish, and for no guard of a plain reader, this thread's among them.
    ///
    /// # Errors
    /// The barrier pair failed: now, and no page was taken from any handle; or behind the swap of an earlier publish,
    /// which is then reported instead of doing anything.
    pub fn drain(&self) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.drain_in_use()
    }

    /// The same for a request that is about to fail, which does not report the error of an earlier publish.
    pub(super) fn drain_in_use(&self) -> Result<usize, BarrierError> {
        self.drain_where(|_| true, PerCpuPages::is_in_use)
    }

    /// Returns the per-CPU pages of one zone to it. Returns the number of pages.
    ///
    /// # Errors
    /// As for [`PageAllocator::drain`].
    pub fn drain_zone(&self, zone: ZoneId) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.pool.slot(zone).map_or(Ok(0), |wanted| self.drain_where(|slot| slot == wanted, PerCpuPages::is_in_use))
    }

    /// Drains the per-CPU pages of the `wanted` zones in each reader slot where one of them `needs` it.
    fn drain_where(
        &self,
        wanted: impl Fn(usize) -> bool,
        needs: impl Fn(&PerCpuPages) -> bool,
    ) -> Result<usize, BarrierError> {
        let pool = &self.pool;
        let caches = |reader_slot: usize| {
            let caches = pool.zones.iter().zip(pool.caches(reader_slot)).enumerate();
            caches.filter(|(slot, _)| wanted(*slot)).map(|(_, zone_and_cache)| zone_and_cache)
        };
        let mut pages = 0;
        let holds = |reader_slot: usize| caches(reader_slot).any(|(_, cache)| needs(cache));
        self.published().revoke_caches(holds, |reader_slot| {
            for (zone, cache) in caches(reader_slot) {
                // SAFETY: the per-CPU pages of this slot are revoked and its owner was waited for. They are no other slot's.
                let mut access = unsafe { CacheAccess::on(cache) };
                pages += access.empty_into(zone);
            }
        })?;
        Ok(pages)
    }

    /// Calls `within` while no handle keeps per-CPU pages of a zone: a page that is freed then is in the zone at once. For
    /// offlining memory.
    ///
    /// May be nested, and called by several threads at a time. An unknown zone has no per-CPU pages. Waits as
    /// [`PageAllocator::drain`] does before it calls `within`, which runs without any lock: it may allocate, drain, publish
    /// and panic.
    ///
    /// # Errors
    /// As for [`PageAllocator::drain`]; `within` was not called.
    pub fn without_caches<R>(&self, zone: ZoneId, within: impl FnOnce() -> R) -> Result<R, BarrierError> {
        self.published().report_failure()?;
        let Some((slot, zone)) = self.pool.slot(zone).zip(self.pool.zone(zone)) else { return Ok(within()) };
        let _off = Uncached::new(zone.uncached());
        // Empty ones too: an owner that is about to fill one may not have loaded yet that it must not.
        let wanted: fn(&PerCpuPages) -> bool =
            or_mutant!(|_| true => PerCpuPages::is_in_use, "pages: empty caches not waited for");
        self.drain_where(|other| other == slot, wanted)?;
        Ok(within())
    }
}

/// Keeps handles from having per-CPU pages of a zone, for as long as it lives, also out of a panic.
struct Uncached<'a>(&'a AtomicUsize);

impl<'a> Uncached<'a> {
    fn new(users: &'a AtomicUsize) -> Self {
        // Relaxed: a handle that becomes active after the drain sees it through the handshake of its slot.
        users.fetch_add(1, Relaxed);
        Self(users)
    }
}

impl Drop for Uncached<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
