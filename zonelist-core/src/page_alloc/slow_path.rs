//! The slow path: taken if the per-CPU pages of the first zone have no block, or no room for one.
//!
//! ```text
//! alloc:  walk the list against the low watermarks
//!         or else against the min watermarks, as the urgency reduces them
//!         or else drain the per-CPU pages of all handles, and walk against the min watermarks again
//! walk:   enter; for each zone of the list:
//!             refuse if its free pages are not above the watermark
//!             pop from its per-CPU pages; or refill them by a batch and pop; or take one block from the zone
//!         repeat a walk that a publish has torn
//! free:   enter; push, or return a batch to the zone and push; or free the block to its zone
//! ```

use core::{mem, num::NonZeroU32, ops::ControlFlow};

use super::{
    LocalHandle, OutOfMemory, Page, PerCpuPages, PreparedRequest, Refusal,
    page::Tag,
    per_cpu_pages::{CacheAccess, depth},
    zone_pool::Pool,
};
use crate::{
    FreeError, NodeId, RawLock, WatermarkLevel, Zone,
    publish::{Barrier, Scheme, WhenStopped},
    sync::{Backoff, atomic::Ordering::Relaxed},
    zone::{Refilled, count},
};

/// Walks of a request that must not block, before it fails because publishes tear or stop each of them.
const TRIES: usize = 64;

/// Whether a call may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blocking {
    /// For locks, publishes and drains.
    Allowed,
    /// For nothing: it may have interrupted the very code that it would wait for.
    Forbidden,
}

/// Why a block was not freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfreed {
    /// It can't have been allocated.
    Wrong(FreeError),
    /// The call would have to wait, and must not.
    Busy,
}

/// An allocated block, its zone, and whether the zone fell below its low watermark.
struct Found {
    page: Page,
    slot: usize,
    fell: bool,
}

/// Why a walk has no result.
enum WalkFailure {
    /// A publish has torn it.
    Torn,
    /// A publish has stopped walks.
    Stopped,
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'_, '_, S, B, L, READERS> {
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_slowly(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        blocking: Blocking,
    ) -> Result<Page, OutOfMemory> {
        let Some(Found { page, slot, fell }) = self.search(node, request, blocking) else {
            self.refuse(node, request);
            if blocking == Blocking::Allowed && !self.defers_low {
                self.allocator.report_deferred();
            }
            return Err(OutOfMemory);
        };
        let allocator = self.allocator;
        if blocking == Blocking::Forbidden || self.defers_low {
            if fell {
                allocator.pool.zones.get(slot).into_iter().for_each(|zone| allocator.defer_low(zone));
            }
            return if blocking == Blocking::Forbidden { Ok(page) } else { self.note_allocated(page) };
        }
        let page = self.note_allocated(page)?;
        // The calls may panic, and the caller has not got the page yet.
        let back = OnUnwind(|| {
            let _ = self.free_unused(page);
        });
        if let Some(zone) = allocator.pool.zones.get(slot).filter(|_| fell) {
            allocator.report_low(zone);
        }
        allocator.report_deferred();
        mem::forget(back);
        Ok(page)
    }

    /// Walks against the low watermarks, then against what the urgency leaves of the min watermarks, and once more after a
    /// drain. Under [`Blocking::Forbidden`] a block that is found is recorded as allocated.
    fn search(&mut self, node: NodeId, request: &PreparedRequest<S>, blocking: Blocking) -> Option<Found> {
        let urgent = WatermarkLevel::Min(request.urgency);
        let found = self.walk(node, request, WatermarkLevel::Low, blocking);
        let found = found.or_else(|| self.walk(node, request, urgent, blocking));
        if found.is_some() || blocking == Blocking::Forbidden {
            return found;
        }
        // Blocks among the per-CPU pages of other handles are free, but not the zones'.
        match self.allocator.drain_in_use() {
            Ok(0) => None,
            Ok(_) => self.walk(node, request, urgent, blocking),
            Err(error) => {
                self.attempt.note_barrier(error);
                None
            }
        }
    }

    /// Records, with the feature `checked`, that a block is allocated.
    #[inline(always)]
    pub(super) fn note_allocated(&self, page: Page) -> Result<Page, OutOfMemory> {
        #[cfg(feature = "checked")]
        if let Some(zone) = self.allocator.zone_of(page) {
            zone.number(page.pfn()).into_iter().for_each(|frame| zone.note_allocated(frame, page.order()));
        }
        Ok(page)
    }

    /// Walks the list, and takes a block from the first zone whose watermark allows it.
    ///
    /// Waits for a publish that tears its walks, while idle: the publish may need this CPU to continue. A request that must
    /// not block may have interrupted the publish, and fails.
    fn walk(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        against: WatermarkLevel,
        blocking: Blocking,
    ) -> Option<Found> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            let why = match self.walk_once(node, request, against, blocking) {
                Ok(found) => return found,
                Err(why) => why,
            };
            tries += 1;
            if blocking == Blocking::Allowed {
                backoff.wait();
            } else if tries == TRIES {
                match why {
                    WalkFailure::Torn => self.attempt.note_torn(),
                    WalkFailure::Stopped => self.attempt.note_stopped(),
                }
                return None;
            }
        }
    }

    /// One such walk.
    fn walk_once(
        &mut self,
        node: NodeId,
        request: &PreparedRequest<S>,
        against: WatermarkLevel,
        blocking: Blocking,
    ) -> Result<Option<Found>, WalkFailure> {
        let Self { allocator, reader, caches, attempt, .. } = self;
        let pool = &allocator.pool;
        attempt.clear();
        let when_stopped = match blocking {
            Blocking::Allowed => WhenStopped::Wait,
            Blocking::Forbidden => WhenStopped::GiveUp,
        };
        let entered = reader.enter_slot(when_stopped).ok_or(WalkFailure::Stopped)?;
        let found = entered.guard.find(node, &request.filter, NonZeroU32::MIN, |zoneref| {
            let found = pool.slot(zoneref.zone());
            let found = found.and_then(|slot| Some((slot, pool.zones.get(slot)?, caches.get(slot)?)));
            let Some((slot, zone, cache)) = found else {
                attempt.note(zoneref.zone(), Refusal::Unknown);
                return ControlFlow::Continue(());
            };
            // SAFETY: we are active in our slot, and with `may_touch` its per-CPU pages are not revoked: no drain touches them.
            let access = entered.may_touch.then(|| unsafe { CacheAccess::on(cache) });
            match (Attempt { pool, zone, slot, request, against, blocking }).take(access) {
                Ok((page, fell)) => {
                    if attempt.zones() > 0 {
                        count(&zone.counters().fallbacks);
                    }
                    ControlFlow::Break(Found { page, slot, fell })
                }
                Err(why) => {
                    attempt.note(zone.id(), why);
                    ControlFlow::Continue(())
                }
            }
        });
        found.map_err(|_| WalkFailure::Torn)
    }

    /// Frees a block that the fast path could not, and waits for the zone's lock.
    #[inline(never)]
    pub(super) fn free_waiting(&mut self, page: Page) -> Result<(), FreeError> {
        match self.free_slowly(page, Blocking::Allowed) {
            Err(Unfreed::Wrong(error)) => Err(error),
            // `Busy` does not occur: waiting was allowed.
            Ok(()) | Err(Unfreed::Busy) => Ok(()),
        }
    }

    /// Frees a block that the caller never got.
    fn free_unused(&mut self, page: Page) -> Result<(), FreeError> {
        #[cfg(feature = "checked")]
        self.note_freed(page)?;
        self.free_waiting(page)
    }

    #[cold]
    pub(super) fn free_slowly(&mut self, page: Page, blocking: Blocking) -> Result<(), Unfreed> {
        let (zone, cache, frame) = self.checked_for(page).map_err(Unfreed::Wrong)?;
        let tag = page.tag();
        self.freed = cache.stack_ref(tag);
        if let Some(_critical_section) = self.reader.enter_caches() {
            // SAFETY: we are active in our slot, and its per-CPU pages are not revoked: no drain touches them.
            let mut access = unsafe { CacheAccess::on(self.freed.cache) };
            if access.push(page) {
                return Ok(());
            }
            // The first free onto an empty stack sets its limit, which may be all the room it needs.
            let batch = next_batch(zone, &mut access, tag, Trend::Up);
            if access.is_full(tag) {
                make_room(zone, &mut access, tag, batch, blocking);
            }
            if access.push(page) {
                return Ok(());
            }
        }
        // Revoked, or no room can be made: the block goes straight to its zone.
        let freed = match blocking {
            Blocking::Allowed => Some(zone.free_block(frame, page.order())),
            Blocking::Forbidden => zone.try_free_block(frame, page.order()),
        };
        freed.ok_or(Unfreed::Busy)?.map_err(Unfreed::Wrong)
    }
}

impl<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'a, 'm, S, B, L, READERS> {
    /// The zone of a block, this handle's per-CPU pages of the zone, and the number of the block's first frame in it; if the
    /// block can be one of this allocator.
    pub(super) fn checked_for(&self, page: Page) -> Result<(&'a Zone<'m, L>, &'a PerCpuPages, u32), FreeError> {
        let allocator = self.allocator;
        let (slot, zone) = allocator.pool.slot_of(page).ok_or(FreeError::NoSuchZone)?;
        let cache = self.caches.get(slot).ok_or(FreeError::NoSuchZone)?;
        let frame = zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?;
        let (order, max_order) = (page.order(), zone.max_order());
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        // The last frame too: a block may begin within the span and end behind it.
        zone.number(page.pfn() + (1 << order) - 1).ok_or(FreeError::NoSuchFrame)?;
        Ok((zone, cache, frame))
    }
}

/// A request at one zone of its list.
struct Attempt<'t, 'm, S: Scheme, L> {
    pool: &'t Pool<'m, L>,
    zone: &'t Zone<'m, L>,
    slot: usize,
    request: &'t PreparedRequest<S>,
    against: WatermarkLevel,
    blocking: Blocking,
}

impl<S: Scheme, L: RawLock> Attempt<'_, '_, S, L> {
    /// Takes a block from the zone, through the per-CPU pages if they may be used. Returns the page, and whether the zone
    /// fell below its low watermark.
    fn take(&self, access: Option<CacheAccess<'_>>) -> Result<(Page, bool), Refusal> {
        let Self { zone, slot, request, against, .. } = *self;
        let (free, floor) =
            (zone.watermark_counters().free(), zone.watermark_counters().floor(request.highest, against));
        let needed = floor + request.further + 1;
        // Pages that the request needs beyond the watermark: those of its block.
        if free < needed {
            return Err(Refusal::Mark { free, needed });
        }
        let (tag, order) = (request.tag, request.tag.order());
        let max_order = zone.max_order();
        if order > max_order {
            return Err(Refusal::Order { max_order });
        }
        if let Some(mut access) = access {
            if let Some(page) = access.pop(tag, request.start) {
                return self.noted(page, &mut access).map(|page| (page, false));
            }
            let trend = if against == WatermarkLevel::Low { Trend::Up } else { Trend::Down };
            // Below the watermark only the request's own block is taken, and no batch for later ones.
            let batch = next_batch(zone, &mut access, tag, trend).min(((free - needed) >> order) + 1);
            if batch > 0 {
                let mut refilled = Some(Refilled { blocks: 0, fell: false });
                access.fill(tag, batch, |blocks| {
                    refilled = self.refill(blocks);
                    refilled.map_or(0, |refilled| refilled.blocks)
                });
                let refilled = refilled.ok_or(Refusal::Locked)?;
                count(&zone.counters().misses);
                let page = access.pop_refilled(tag).ok_or_else(|| self.nothing(free))?;
                return self.noted(page, &mut access).map(|page| (page, refilled.fell));
            }
        }
        // No per-CPU pages, or none may be kept of this zone: one block, under the zone's lock.
        let mut block = [0];
        let refilled = self.refill_noted(&mut block).ok_or(Refusal::Locked)?;
        count(&zone.counters().misses);
        if refilled.blocks == 1 {
            Ok((self.pool.page(zone.span().start + u64::from(block[0]), slot, tag), refilled.fell))
        } else {
            Err(self.nothing(free))
        }
    }

    /// Why there is no block although the watermark allows it.
    fn nothing(&self, free: usize) -> Refusal {
        if self.zone.is_lost() { Refusal::Forked } else { Refusal::NoBlock { free } }
    }

    /// Takes blocks from the zone; `None` if that would have to wait, and must not.
    fn refill(&self, blocks: &mut [u32]) -> Option<Refilled> {
        let (order, mobility) = (self.request.tag.order(), self.request.tag.mobility());
        match self.blocking {
            Blocking::Allowed => Some(self.zone.refill(order, mobility, blocks)),
            Blocking::Forbidden => self.zone.try_refill(order, mobility, blocks),
        }
    }

    /// The same for one block, recorded as allocated with the feature `checked`.
    fn refill_noted(&self, block: &mut [u32; 1]) -> Option<Refilled> {
        #[cfg(feature = "checked")]
        if self.blocking == Blocking::Forbidden {
            return self.zone.try_refill_noted(self.request.tag.order(), self.request.tag.mobility(), block);
        }
        self.refill(block)
    }

    /// Records, with the feature `checked` and where it must not wait, that a popped block is allocated; or pushes it back.
    #[inline]
    #[cfg_attr(not(feature = "checked"), expect(clippy::unnecessary_wraps, reason = "it can fail with `checked`"))]
    fn noted(&self, page: Page, access: &mut CacheAccess<'_>) -> Result<Page, Refusal> {
        #[cfg(feature = "checked")]
        if self.blocking == Blocking::Forbidden {
            let frame = self.zone.number(page.pfn());
            if frame.is_some_and(|frame| !self.zone.try_note_allocated(frame, page.order())) {
                // There is room: it was just popped from there.
                access.push(page);
                return Err(Refusal::Locked);
            }
        }
        let _ = access;
        Ok(page)
    }
}

/// Returns a batch to the zone. If another thread holds the zone's lock, it only makes the stack longer, while there is
/// room.
fn make_room<L: RawLock>(zone: &Zone<'_, L>, access: &mut CacheAccess<'_>, tag: Tag, batch: usize, blocking: Blocking) {
    let order = tag.order();
    // A full stack is no reason to wait for a lock: up to its room it may grow instead.
    let deferred =
        batch > 0 && !access.empty(tag, batch, |blocks| zone.try_return_blocks(order, blocks)) && access.stretch(tag);
    if !deferred && access.is_full(tag) && blocking == Blocking::Allowed {
        access.empty(tag, batch.max(1), |blocks| {
            zone.return_blocks(order, blocks);
            true
        });
    }
}

/// Whether a batch grows or shrinks: it grows with each one that was needed, and shrinks if pages are short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trend {
    Up,
    Down,
}

/// Pages of the first batch.
const FIRST: usize = 16;

/// A batch has at most the zone's managed pages divided by this.
const SHARE: usize = 128;

/// The number of blocks of the next batch; 0 if no per-CPU pages are kept of the zone.
///
/// At most half of a stack's room for single frames, which a zone gives by the word of its bitmap, and a quarter for
/// others. In a small zone it is less, so that not all of its pages become per-CPU pages: four batches are a 32nd of it.
fn next_batch<L: RawLock>(zone: &Zone<'_, L>, access: &mut CacheAccess<'_>, tag: Tag, trend: Trend) -> usize {
    let most = if zone.uncached().load(Relaxed) > 0 {
        0
    } else {
        (zone.watermark_counters().managed() / SHARE) >> tag.order()
    };
    let most = most.min(if tag.order() == 0 { depth(tag) / 2 } else { depth(tag) / 4 });
    let batch = match trend {
        Trend::Up => (2 * access.batch(tag)).max(FIRST >> tag.order()),
        Trend::Down => access.batch(tag) / 2,
    };
    let batch = batch.max(1).min(most);
    access.set_batch(tag, batch);
    batch
}

/// Calls a closure when it is dropped, which happens only if a panic unwinds past it.
pub(super) struct OnUnwind<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
