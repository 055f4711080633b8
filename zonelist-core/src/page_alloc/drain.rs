//! Drains: the per-CPU pages of all handles go back to their zones, while the handles go on without them.
//!
//! ```text
//! drain:
//!   for each reader slot whose pages are wanted: request := revoked
//!   heavy half of the barrier pair            # each handle sees the request, or its active flag is seen here
//!   for each of these slots:
//!     wait until its handle is not active, or has acknowledged that it does not access its pages
//!     return its pages to the zones; request := not revoked
//! ```

use super::{PageAllocator, per_cpu_pages::CacheAccess};
use crate::{
    ZoneId,
    publish::{BarrierError, Platform, Scheme},
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        or_mutant,
    },
};

impl<S: Scheme, P: Platform> PageAllocator<'_, S, P> {
    /// Returns the per-CPU pages of all handles to their zones. Returns the number of pages.
    ///
    /// The handles go on meanwhile, without their per-CPU pages. The call waits for operations of handles that have
    /// begun, for another drain, and for the zones' locks. It waits for no publish and for no guard of a plain reader,
    /// this thread's included.
    ///
    /// # Errors
    /// The barrier pair failed in this call, and no page has moved. Or it failed after the swap of an earlier publish:
    /// that is reported now, and nothing is done.
    pub fn drain(&self) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.drain_in_use()
    }

    /// Drains for a request that is about to be refused. A failure of an earlier publish is left for other callers.
    pub(super) fn drain_in_use(&self) -> Result<usize, BarrierError> {
        self.drain_where(|_| true, false)
    }

    /// Returns the per-CPU pages of one zone, of all handles, to the zone. Returns the number of pages.
    ///
    /// # Errors
    /// The errors of [`PageAllocator::drain`].
    pub fn drain_zone(&self, zone: ZoneId) -> Result<usize, BarrierError> {
        self.published().report_failure()?;
        self.pool.zone_number(zone).map_or(Ok(0), |wanted| self.drain_where(|number| number == wanted, false))
    }

    /// Drains the zones whose number is `wanted`, for each handle that has pages of one; or for `every` slot. Waits for
    /// operations that have begun on them.
    fn drain_where(&self, wanted: impl Fn(usize) -> bool, every: bool) -> Result<usize, BarrierError> {
        let pool = &self.pool;
        let caches = |reader: usize| {
            let caches = pool.zones.iter().zip(pool.caches(reader)).enumerate();
            caches.filter(|(number, _)| wanted(*number)).map(|(_, zone_and_cache)| zone_and_cache)
        };
        let mut pages = 0;
        // Handles without such pages are not disturbed: neither revoked nor waited for.
        let holds = |reader: usize| every || caches(reader).any(|(_, cache)| cache.is_in_use());
        self.published().revoke_caches(holds, |reader| {
            for (zone, cache) in caches(reader) {
                // SAFETY: `revoke_caches` calls this while the slot's per-CPU pages are revoked and its handle has
                // released them, and they are of no other slot.
                let mut access = unsafe { CacheAccess::on(cache) };
                pages += access.drain_into(zone);
            }
        })?;
        Ok(pages)
    }

    /// Calls `within` while no page of a zone is in per-CPU pages: frees go to the zone at once. For offlining memory.
    ///
    /// Calls may be nested and concurrent. If the allocator does not have the zone, only `within` is called. The call
    /// waits as [`PageAllocator::drain`] does before it calls `within`, which runs with no lock held: it may allocate,
    /// drain, publish and panic.
    ///
    /// # Errors
    /// The errors of [`PageAllocator::drain`]; `within` was not called.
    pub fn without_caches<R>(&self, zone: ZoneId, within: impl FnOnce() -> R) -> Result<R, BarrierError> {
        self.published().report_failure()?;
        let Some((number, zone)) = self.pool.zone_number(zone).zip(self.pool.zone(zone)) else { return Ok(within()) };
        // First: what a handle does after the drain has revoked its pages, it does with caches off.
        let _off = CachesOff::new(zone.uncached());
        // Empty per-CPU pages too: an operation that has begun may not have seen the count, and may still fill them. And
        // slots without any: per-CPU pages that are added behind the drain lock are of handles that see the count.
        let every = or_mutant!(true => false, "pages: empty caches not waited for");
        self.drain_where(|other| other == number, every)?;
        Ok(within())
    }
}

/// Keeps the caching of a zone's pages off until it is dropped, also by a panic.
struct CachesOff<'a>(&'a AtomicUsize);

impl<'a> CachesOff<'a> {
    fn new(users: &'a AtomicUsize) -> Self {
        // Relaxed: pairs with the load in `next_batch`. The drain that follows orders them: a handle whose pages it had
        // revoked enters again by the acquire in `try_enter_for_caches` or `acknowledge`, which pairs with the release in `lend`.
        users.fetch_add(1, Relaxed);
        Self(users)
    }
}

impl Drop for CachesOff<'_> {
    fn drop(&mut self) {
        // Relaxed: a handle that sees it late only caches nothing for a little longer.
        self.0.fetch_sub(1, Relaxed);
    }
}
