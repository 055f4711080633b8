//! The slow path of allocation and free: empty or full per-CPU pages, low zones, publishes and drains under way.
//!
//! ```text
//! search(node, request):
//!   walk against the low watermark                        # leaves each zone a margin before it needs reclaim
//!   walk against the min watermark, reduced by the urgency
//!   the request may block: drain all per-CPU pages; if any page came back, walk against the min watermark once more
//!
//! walk(level):
//!   repeat until a walk is not torn                       # at most TRIES times if the request must not block
//!     for each zone of the list:
//!       free pages < level + reserve + length: next zone
//!       pop the stack of this handle's per-CPU pages      # unless a drain has revoked them
//!       stack empty: refill it from the zone by a batch, and pop
//!       no stack: allocate one block from the zone
//!       lock held and must not block, or no block that long: next zone
//! ```

use core::{mem, num::NonZeroU32, ops::ControlFlow};

use super::{
    LocalHandle, NotFreed, OutOfMemory, Page, PerCpuPages, PreparedRequest, Refusal,
    batch::{Trend, make_room, next_batch},
    page::PageWord,
    per_cpu_pages::CacheAccess,
    zone_attempt::ZoneAttempt,
};
use crate::{
    NodeId, Zone,
    publish::{Platform, Scheme, WhenStopped, order_walks},
    sync::Backoff,
    zone::{FreeError, WatermarkLevel, count},
};

/// The number of walks after which a request that must not block gives up, if publishes tear or stop each of them.
const TRIES: usize = 64;

/// Whether a call may wait for other threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blocking {
    /// The call may wait for locks, publishes and drains.
    Allowed,
    /// The call waits for nothing: the thread to wait for may be the one that the caller has interrupted.
    Forbidden,
}

/// Why a block was not freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FreeFailure {
    /// The block cannot have been allocated.
    Invalid(FreeError),
    /// The free would have to wait, and must not.
    Busy,
}

/// An allocated block, with what has to be reported of its zone.
struct Found {
    page: Page,
    /// The number of the zone in the allocator.
    number: usize,
    /// True if the zone fell below its low watermark.
    fell: bool,
}

/// Why a walk has no result.
enum WalkError {
    /// A publish has torn the walk.
    Torn,
    /// A publish has stopped walks, and the request must not wait.
    Stopped,
}

impl<S: Scheme, P: Platform> LocalHandle<'_, '_, S, P> {
    /// Allocates a block after the fast path got none, and reports zones that fell below their low watermarks.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_slow(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        blocking: Blocking,
    ) -> Result<Page, OutOfMemory> {
        let Some(Found { page, number, fell }) = self.search(node, request, blocking) else {
            self.refuse(node, request);
            // Reports may be due from requests that could not make them, and this may be the last request for a while.
            if blocking == Blocking::Allowed && !self.defers_low {
                self.allocator.report_deferred_low();
            }
            return Err(OutOfMemory);
        };
        let allocator = self.allocator;
        // `on_low` may block and may start a hotplug operation, which these callers must not do: another request
        // reports.
        if blocking == Blocking::Forbidden || self.defers_low {
            if fell {
                allocator.pool.zones.get(number).into_iter().for_each(|zone| allocator.defer_low(zone));
            }
            // Under `Blocking::Forbidden` the walk has noted it already, where it could try the zone's lock.
            return if blocking == Blocking::Forbidden { Ok(page) } else { self.note_allocated(page) };
        }
        let page = self.note_allocated(page)?;
        // The calls may panic, and the page would leak: only this frame has it.
        let unused = page.word();
        let free_page = OnUnwind(|| {
            let _ = self.free_unused(Page::new(unused));
        });
        if let Some(zone) = allocator.pool.zones.get(number).filter(|_| fell) {
            allocator.report_low(zone);
        }
        allocator.report_deferred_low();
        mem::forget(free_page);
        Ok(page)
    }

    /// Walks against the low watermarks, then against the min watermarks reduced by the urgency, and once more after a
    /// drain. Under [`Blocking::Forbidden`] the block is noted as allocated.
    fn search(&mut self, node: NodeId, request: &PreparedRequest<S>, blocking: Blocking) -> Option<Found> {
        let urgent = WatermarkLevel::Min(request.urgency);
        // A zone above its low watermark farther away is better than one nearer that is short of pages.
        let found = self.walk(node, request, WatermarkLevel::Low, blocking);
        let found = found.or_else(|| self.walk(node, request, urgent, blocking));
        if found.is_some() || blocking == Blocking::Forbidden {
            return found;
        }
        // Pages of other handles are the last resort: the drain costs each of them a refill.
        match self.allocator.drain_in_use() {
            // The drain moved no page: another walk would most likely fail for the same reasons.
            Ok(0) => None,
            Ok(_) => self.walk(node, request, urgent, blocking),
            // Not an error of the request, but pages may be left in per-CPU pages: the report says so.
            Err(error) => {
                self.attempt.note_barrier(error);
                None
            }
        }
    }

    /// Notes in the zone that a block is allocated, with the feature `checked`; otherwise does nothing.
    #[inline(always)]
    pub(super) fn note_allocated(&self, page: Page) -> Result<Page, OutOfMemory> {
        #[cfg(feature = "checked")]
        if let Some(zone) = self.allocator.zone_of(&page) {
            zone.number(page.pfn()).into_iter().for_each(|frame| zone.note_allocated(frame, page.order()));
        }
        Ok(page)
    }

    /// Allocates from the first zone of the list whose watermark allows it; repeats torn walks.
    ///
    /// Waits for a publish that tears the walks, outside the critical section: the publisher may need this CPU to
    /// progress. A request that must not block may have interrupted the publisher, so it gives up after [`TRIES`]
    /// walks.
    fn walk(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        level: WatermarkLevel,
        blocking: Blocking,
    ) -> Option<Found> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            let error = match self.walk_once(node, request, level, blocking) {
                Ok(found) => return found,
                Err(error) => error,
            };
            tries += 1;
            // Walks that may wait are repeated without a limit: each publish ends, and one that tears has made
            // progress.
            if blocking == Blocking::Allowed {
                backoff.wait();
            } else if tries == TRIES {
                match error {
                    WalkError::Torn => self.attempt.note_torn(),
                    WalkError::Stopped => self.attempt.note_stopped(),
                }
                return None;
            }
        }
    }

    /// Walks once. Fails if the walk is torn, or if walks are stopped and the request must not wait.
    fn walk_once(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        level: WatermarkLevel,
        blocking: Blocking,
    ) -> Result<Option<Found>, WalkError> {
        let Self { allocator, reader, caches, attempt, .. } = self;
        let pool = &allocator.pool;
        attempt.clear();
        // Unlike the fast path, this enters while a drain has the per-CPU pages revoked: zones serve it without them.
        let when_stopped = match blocking {
            Blocking::Allowed => WhenStopped::Wait,
            Blocking::Forbidden => WhenStopped::GiveUp,
        };
        let entered = reader.enter_slot(when_stopped).ok_or(WalkError::Stopped)?;
        // One try: `walk` repeats a torn walk outside the critical section.
        let found = entered.guard.find(node, &request.filter, NonZeroU32::MIN, |zoneref| {
            let zone = pool.zone_number(zoneref.zone());
            let zone = zone.and_then(|number| Some((number, pool.zones.get(number)?, caches.get(number)?)));
            let Some((number, zone, cache)) = zone else {
                // The lists are the publisher's, and may name zones that this allocator was not given.
                attempt.note(zoneref.zone(), Refusal::Unknown);
                return ControlFlow::Continue(());
            };
            // SAFETY: the slot is active, and `may_touch` says that its per-CPU pages are not revoked, so this thread
            // alone accesses them until the critical section ends.
            let access = entered.may_touch.then(|| unsafe { CacheAccess::on(cache) });
            match (ZoneAttempt { pool, zone, number, request, level, blocking }).alloc(access) {
                Ok((page, fell)) => {
                    // Another zone of this walk refused before.
                    if attempt.zones() > 0 {
                        count(&zone.counters().fallbacks);
                    }
                    ControlFlow::Break(Found { page, number, fell })
                }
                Err(refusal) => {
                    attempt.note(zone.id(), refusal);
                    ControlFlow::Continue(())
                }
            }
        });
        // The next allocation's load of the stamp is not of a version before one that this walk has seen.
        order_walks();
        // A torn walk that found a block has succeeded: the zone allowed it, in the old version or the new one.
        found.map_err(|_| WalkError::Torn)
    }

    /// Frees a block that the fast path did not take. Waits for the zone's lock.
    #[inline(never)]
    pub(super) fn free_waiting(&mut self, page: Page) -> Result<(), NotFreed> {
        match self.free_slow(page.word(), Blocking::Allowed) {
            Err(FreeFailure::Invalid(error)) => Err(NotFreed { page, error }),
            // Not `Busy`: a free that may wait has waited.
            Ok(()) | Err(FreeFailure::Busy) => Ok(()),
        }
    }

    /// Frees a block that was noted as allocated but not returned to a caller.
    fn free_unused(&mut self, page: Page) -> Result<(), NotFreed> {
        #[cfg(feature = "checked")]
        let page = self.note_freed(page)?;
        self.free_waiting(page)
    }

    /// Frees a block to the stack of its zone, after a batch made room there, or else to the zone.
    #[cold]
    pub(super) fn free_slow(&mut self, page: PageWord, blocking: Blocking) -> Result<(), FreeFailure> {
        let (zone, cache, frame) = self.check_page(page).map_err(FreeFailure::Invalid)?;
        let tag = page.tag();
        // The prediction of the next free, as the last free's was wrong or its stack is full.
        self.freed = cache.stack_ref(tag);
        if let Some(_critical_section) = self.reader.enter_caches() {
            // SAFETY: the slot is active and its per-CPU pages are not revoked, so this thread alone accesses them.
            let mut access = unsafe { CacheAccess::on(self.freed.cache) };
            if access.push(page) {
                return Ok(());
            }
            // The limit grows with the batch, and may be enough without a return to the zone.
            let batch = next_batch(zone, &mut access, tag, Trend::Up);
            if access.is_full(tag) {
                make_room(zone, &mut access, tag, batch, blocking);
            }
            if access.push(page) {
                return Ok(());
            }
        }
        // No stack for this order, none while caches are off, or a drain has them revoked.
        let freed = match blocking {
            Blocking::Allowed => Some(zone.free_block(frame, page.order())),
            Blocking::Forbidden => zone.try_free_block(frame, page.order()),
        };
        freed.ok_or(FreeFailure::Busy)?.map_err(FreeFailure::Invalid)
    }
}

impl<'a, 'm, S: Scheme, P: Platform> LocalHandle<'a, 'm, S, P> {
    /// Checks that a page can be one of this allocator's. Returns its zone, this handle's per-CPU pages of the zone,
    /// and the number of its first frame in the zone.
    pub(super) fn check_page(
        &self,
        page: PageWord,
    ) -> Result<(&'a Zone<'m, P::Lock>, &'a PerCpuPages, u32), FreeError> {
        let allocator = self.allocator;
        let (number, zone) = allocator.pool.zone_of_page(page).ok_or(FreeError::NoSuchZone)?;
        let cache = self.caches.get(number).ok_or(FreeError::NoSuchZone)?;
        let frame = zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?;
        let (order, max_order) = (page.order(), zone.max_order());
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        // A block may begin within the zone's span and end after it.
        zone.number(page.pfn() + (1 << order) - 1).ok_or(FreeError::NoSuchFrame)?;
        Ok((zone, cache, frame))
    }
}

/// Calls a closure when it is dropped. The caller forgets it on success, so that only a panic calls the closure.
pub(super) struct OnUnwind<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
