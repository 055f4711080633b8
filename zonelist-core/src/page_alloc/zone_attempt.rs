//! Allocation from one zone of the list: watermark, per-CPU pages, refill.

use super::{
    Page, PreparedRequest, Refusal,
    batch::{Trend, next_batch},
    per_cpu_pages::CacheAccess,
    slow_path::Blocking,
    zone_pool::Pool,
};
use crate::{
    Zone,
    locking::RawLock,
    publish::Scheme,
    zone::{Refilled, WatermarkLevel, count},
};

/// An attempt to allocate from one zone of the list.
pub(super) struct ZoneAttempt<'t, 'm, S: Scheme, L> {
    pub(super) pool: &'t Pool<'m, L>,
    pub(super) zone: &'t Zone<'m, L>,
    /// The number of the zone in the allocator.
    pub(super) number: usize,
    pub(super) request: &'t PreparedRequest<S>,
    pub(super) level: WatermarkLevel,
    pub(super) blocking: Blocking,
}

impl<S: Scheme, L: RawLock> ZoneAttempt<'_, '_, S, L> {
    /// Allocates a block through the zone's per-CPU pages, or from the zone if `access` is `None`. Returns the page,
    /// and whether the zone fell below its low watermark.
    pub(super) fn alloc(&self, access: Option<CacheAccess<'_>>) -> Result<(Page, bool), Refusal> {
        let Self { zone, number, request, level, .. } = *self;
        let (free, floor) = (zone.watermark_counters().free(), zone.watermark_counters().floor(request.highest, level));
        let needed = floor + request.further + 1;
        // Without the lock, so two requests may pass that together go below: watermarks are no exact limit.
        if free < needed {
            return Err(Refusal::Watermark { free, needed });
        }
        let (tag, order) = (request.tag, request.tag.order());
        let max_order = zone.max_order();
        if order > max_order {
            return Err(Refusal::Order { max_order });
        }
        if let Some(mut access) = access {
            // The fast path may have failed on the level, on a request of a writer, or on another zone's stack.
            if let Some(page) = access.pop(tag, request.start) {
                return self.note(page, &mut access).map(|page| (page, false));
            }
            // An empty stack shows demand. Below the low watermark the zone's own pages come first.
            let trend = if level == WatermarkLevel::Low { Trend::Up } else { Trend::Down };
            // Only the requested block may take the zone to the level, not blocks for later requests.
            let batch = next_batch(zone, &mut access, tag, trend).min(((free - needed) >> order.number()) + 1);
            if batch > 0 {
                let mut refilled = Some(Refilled { blocks: 0, fell: false });
                access.fill(tag, batch, |blocks| {
                    refilled = self.refill(blocks);
                    refilled.map_or(0, |refilled| refilled.blocks)
                });
                let refilled = refilled.ok_or(Refusal::Locked)?;
                count(&zone.counters().misses);
                // Not a hit: the block came from the zone for this very request.
                let page = access.pop_refilled(tag).ok_or_else(|| self.no_block(free))?;
                return self.note(page, &mut access).map(|page| (page, refilled.fell));
            }
        }
        // No stack for this order, caches are off, or a drain has them revoked: one block, straight from the zone.
        let mut block = [0];
        let refilled = self.refill_one(&mut block).ok_or(Refusal::Locked)?;
        count(&zone.counters().misses);
        if refilled.blocks == 1 {
            let page = Page::new(self.pool.page(zone.span().start + u64::from(block[0]), number, tag));
            Ok((page, refilled.fell))
        } else {
            Err(self.no_block(free))
        }
    }

    /// Why the zone has no block, though the level allows one.
    fn no_block(&self, free: usize) -> Refusal {
        if self.zone.is_lost() { Refusal::Forked } else { Refusal::NoBlock { free } }
    }

    /// Allocates blocks from the zone under its lock; `None` if the lock is held and the request must not wait.
    fn refill(&self, blocks: &mut [u32]) -> Option<Refilled> {
        let (order, mobility) = (self.request.tag.order(), self.request.tag.mobility());
        match self.blocking {
            Blocking::Allowed => Some(self.zone.refill(order, mobility, blocks)),
            Blocking::Forbidden => self.zone.try_refill(order, mobility, blocks),
        }
    }

    /// Allocates one block from the zone for the caller; `None` as [`ZoneAttempt::refill`].
    fn refill_one(&self, block: &mut [u32; 1]) -> Option<Refilled> {
        #[cfg(feature = "checked")]
        // Noted under the same lock: a second try of the lock could fail.
        if self.blocking == Blocking::Forbidden {
            return self.zone.try_refill_noted(self.request.tag.order(), self.request.tag.mobility(), block);
        }
        self.refill(block)
    }

    /// Notes that a block of the stack is allocated, if the request must not wait and the feature `checked` is on. If
    /// the zone's lock is held, pushes the block back.
    #[inline]
    #[cfg_attr(not(feature = "checked"), expect(clippy::unnecessary_wraps, reason = "it can fail with `checked`"))]
    fn note(&self, page: Page, access: &mut CacheAccess<'_>) -> Result<Page, Refusal> {
        #[cfg(feature = "checked")]
        if self.blocking == Blocking::Forbidden {
            let frame = self.zone.number(page.pfn());
            if frame.is_some_and(|frame| !self.zone.try_note_allocated(frame, page.order())) {
                // There is room: the block was just popped from there.
                access.push(page.word());
                return Err(Refusal::Locked);
            }
        }
        let _ = access;
        Ok(page)
    }
}
