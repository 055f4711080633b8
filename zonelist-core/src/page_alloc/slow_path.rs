//! What is done when the first zone's cache has no page, or no room for one.

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

/// Walks that a request makes which must not block, before it gives up because publishes tear each, or stop it.
const TRIES: usize = 64;

/// Whether a call may wait for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blocking {
    /// For locks, publishes and drains.
    Allowed,
    /// For nothing: whoever it would wait for may be what the caller has interrupted.
    Forbidden,
}

/// Why a block was not given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfreed {
    /// It cannot have been handed out.
    Wrong(FreeError),
    /// That would have to wait, and must not.
    Busy,
}

/// A block, and what has to be told about it.
struct Found {
    page: Page,
    slot: usize,
    fell: bool,
}

/// Why there is nothing to be said of a walk.
enum Unsaid {
    /// A publish has torn it.
    Torn,
    /// A publish has walks stopped.
    Stopped,
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'_, '_, S, B, L, READERS> {
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_slowly(
        &mut self,
        node: NodeId,
        class: &PreparedRequest<S>,
        blocking: Blocking,
    ) -> Result<Page, OutOfMemory> {
        let Some(Found { page, slot, fell }) = self.search(node, class, blocking) else {
            self.refuse(node, class);
            if blocking == Blocking::Allowed && !self.puts_off_low {
                self.allocator.report_put_off();
            }
            return Err(OutOfMemory);
        };
        let allocator = self.allocator;
        if blocking == Blocking::Forbidden || self.puts_off_low {
            if fell {
                allocator.pool.zones.get(slot).into_iter().for_each(|zone| allocator.put_off_low(zone));
            }
            return if blocking == Blocking::Forbidden { Ok(page) } else { self.handed_out(page) };
        }
        let page = self.handed_out(page)?;
        // The calls may panic, and nobody else knows of the page.
        let back = OnUnwind(|| {
            let _ = self.free_unused(page);
        });
        if let Some(zone) = allocator.pool.zones.get(slot).filter(|_| fell) {
            allocator.report_low(zone);
        }
        allocator.report_put_off();
        mem::forget(back);
        Ok(page)
    }

    /// Walks against the low marks, then against what the urgency leaves of the min marks, and once more when the
    /// caches are drained. Under [`Blocking::Forbidden`] what is found is noted as handed out.
    fn search(&mut self, node: NodeId, class: &PreparedRequest<S>, blocking: Blocking) -> Option<Found> {
        let urgent = WatermarkLevel::Min(class.urgency);
        let found = self.walk(node, class, WatermarkLevel::Low, blocking);
        let found = found.or_else(|| self.walk(node, class, urgent, blocking));
        if found.is_some() || blocking == Blocking::Forbidden {
            return found;
        }
        match self.allocator.drain_in_use() {
            Ok(0) => None,
            Ok(_) => self.walk(node, class, urgent, blocking),
            Err(error) => {
                self.attempt.note_barrier(error);
                None
            }
        }
    }

    /// Notes, where that is asked for, that a block goes to its user.
    #[inline(always)]
    pub(super) fn handed_out(&self, page: Page) -> Result<Page, OutOfMemory> {
        #[cfg(feature = "checked")]
        if let Some(zone) = self.allocator.zone_of(page) {
            zone.number(page.pfn()).into_iter().for_each(|frame| zone.note_allocated(frame, page.order()));
        }
        Ok(page)
    }

    /// Goes along the list and takes the block of the first zone that its mark lets have it.
    ///
    /// Waits for a publish that tears its walks, outside the seat: whoever publishes may need this CPU
    /// to get on. A request that must not block may have interrupted him, and gives up.
    fn walk(
        &mut self,
        node: NodeId,
        class: &PreparedRequest<S>,
        against: WatermarkLevel,
        blocking: Blocking,
    ) -> Option<Found> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            let why = match self.walk_once(node, class, against, blocking) {
                Ok(found) => return found,
                Err(why) => why,
            };
            tries += 1;
            if blocking == Blocking::Allowed {
                backoff.wait();
            } else if tries == TRIES {
                match why {
                    Unsaid::Torn => self.attempt.note_torn(),
                    Unsaid::Stopped => self.attempt.note_stopped(),
                }
                return None;
            }
        }
    }

    /// The same, unless the walk is torn, or must not wait until it may begin.
    fn walk_once(
        &mut self,
        node: NodeId,
        class: &PreparedRequest<S>,
        against: WatermarkLevel,
        blocking: Blocking,
    ) -> Result<Option<Found>, Unsaid> {
        let Self { allocator, reader, caches, attempt, .. } = self;
        let pool = &allocator.pool;
        attempt.clear();
        let when_stopped = match blocking {
            Blocking::Allowed => WhenStopped::Wait,
            Blocking::Forbidden => WhenStopped::GiveUp,
        };
        let seated = reader.enter_slot(when_stopped).ok_or(Unsaid::Stopped)?;
        let found = seated.guard.find(node, &class.filter, NonZeroU32::MIN, |zoneref| {
            let found = pool.slot(zoneref.zone());
            let found = found.and_then(|slot| Some((slot, pool.zones.get(slot)?, caches.get(slot)?)));
            let Some((slot, zone, cache)) = found else {
                attempt.note(zoneref.zone(), Refusal::Unknown);
                return ControlFlow::Continue(());
            };
            // SAFETY: we are in our seat, and what is kept there is ours.
            let hands = seated.may_touch.then(|| unsafe { CacheAccess::on(cache) });
            match (Taking { pool, zone, slot, class, against, blocking }).take(hands) {
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
        found.map_err(|_| Unsaid::Torn)
    }

    /// Gives a block back that did not fit on top of a cache, and waits for that.
    #[inline(never)]
    pub(super) fn free_waiting(&mut self, page: Page) -> Result<(), FreeError> {
        match self.free_slowly(page, Blocking::Allowed) {
            Err(Unfreed::Wrong(error)) => Err(error),
            // It has waited.
            Ok(()) | Err(Unfreed::Busy) => Ok(()),
        }
    }

    /// Gives a block back that its user never got.
    fn free_unused(&mut self, page: Page) -> Result<(), FreeError> {
        #[cfg(feature = "checked")]
        self.handed_in(page)?;
        self.free_waiting(page)
    }

    #[cold]
    pub(super) fn free_slowly(&mut self, page: Page, blocking: Blocking) -> Result<(), Unfreed> {
        let (zone, cache, frame) = self.checked_for(page).map_err(Unfreed::Wrong)?;
        let tag = page.tag();
        self.freed = cache.stack_ref(tag);
        if let Some(_critical_section) = self.reader.enter_caches() {
            // SAFETY: we are in our seat, and what is kept there is ours.
            let mut hands = unsafe { CacheAccess::on(self.freed.cache) };
            if hands.push(page) {
                return Ok(());
            }
            let batch = next_batch(zone, &mut hands, tag, Trend::Up);
            if hands.is_full(tag) {
                make_room(zone, &mut hands, tag, batch, blocking);
            }
            if hands.push(page) {
                return Ok(());
            }
        }
        let taken_back = match blocking {
            Blocking::Allowed => Some(zone.free_block(frame, page.order())),
            Blocking::Forbidden => zone.try_free_block(frame, page.order()),
        };
        taken_back.ok_or(Unfreed::Busy)?.map_err(Unfreed::Wrong)
    }
}

impl<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> LocalHandle<'a, 'm, S, B, L, READERS> {
    /// The zone of a block, this handle's cache for it, and the number of its first frame there, if it can be one of this
    /// allocator's.
    pub(super) fn checked_for(&self, page: Page) -> Result<(&'a Zone<'m, L>, &'a PerCpuPages, u32), FreeError> {
        let allocator = self.allocator;
        let (slot, zone) = allocator.pool.slot_of(page).ok_or(FreeError::NoSuchZone)?;
        let cache = self.caches.get(slot).ok_or(FreeError::NoSuchZone)?;
        let frame = zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?;
        let (order, max_order) = (page.order(), zone.max_order());
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        // A block may begin within the span and end behind it.
        zone.number(page.pfn() + (1 << order) - 1).ok_or(FreeError::NoSuchFrame)?;
        Ok((zone, cache, frame))
    }
}

/// A request before one zone of its list.
struct Taking<'t, 'm, S: Scheme, L> {
    pool: &'t Pool<'m, L>,
    zone: &'t Zone<'m, L>,
    slot: usize,
    class: &'t PreparedRequest<S>,
    against: WatermarkLevel,
    blocking: Blocking,
}

impl<S: Scheme, L: RawLock> Taking<'_, '_, S, L> {
    /// Takes a block of the zone, through its cache if there may be one: the page, and whether the zone
    /// fell below its low mark.
    fn take(&self, hands: Option<CacheAccess<'_>>) -> Result<(Page, bool), Refusal> {
        let Self { zone, slot, class, against, .. } = *self;
        let (free, floor) = (zone.watermark_counters().free(), zone.watermark_counters().floor(class.highest, against));
        let needed = floor + class.further + 1;
        if free < needed {
            return Err(Refusal::Mark { free, needed });
        }
        let (tag, order) = (class.tag, class.tag.order());
        let max_order = zone.max_order();
        if order > max_order {
            return Err(Refusal::Order { max_order });
        }
        if let Some(mut hands) = hands {
            if let Some(page) = hands.pop(tag, class.start) {
                return self.noted(page, &mut hands).map(|page| (page, false));
            }
            let trend = if against == WatermarkLevel::Low { Trend::Up } else { Trend::Down };
            // What nobody asked for yet is not taken below the mark.
            let batch = next_batch(zone, &mut hands, tag, trend).min(((free - needed) >> order) + 1);
            if batch > 0 {
                let mut supplied = Some(Refilled { blocks: 0, fell: false });
                hands.fill(tag, batch, |blocks| {
                    supplied = self.supply(blocks);
                    supplied.map_or(0, |supplied| supplied.blocks)
                });
                let supplied = supplied.ok_or(Refusal::Locked)?;
                count(&zone.counters().misses);
                let page = hands.pop_unasked(tag).ok_or_else(|| self.nothing(free))?;
                return self.noted(page, &mut hands).map(|page| (page, supplied.fell));
            }
        }
        let mut block = [0];
        let supplied = self.supply_noted(&mut block).ok_or(Refusal::Locked)?;
        count(&zone.counters().misses);
        if supplied.blocks == 1 {
            Ok((self.pool.page(zone.span().start + u64::from(block[0]), slot, tag), supplied.fell))
        } else {
            Err(self.nothing(free))
        }
    }

    /// Why there is no block though the marks allow it.
    fn nothing(&self, free: usize) -> Refusal {
        if self.zone.is_lost() { Refusal::Forked } else { Refusal::NoBlock { free } }
    }

    /// Takes blocks from the zone; `None` if that would have to wait, and must not.
    fn supply(&self, blocks: &mut [u32]) -> Option<Refilled> {
        let (order, mobility) = (self.class.tag.order(), self.class.tag.mobility());
        match self.blocking {
            Blocking::Allowed => Some(self.zone.refill(order, mobility, blocks)),
            Blocking::Forbidden => self.zone.try_refill(order, mobility, blocks),
        }
    }

    /// The same, of one block that goes to its user.
    fn supply_noted(&self, block: &mut [u32; 1]) -> Option<Refilled> {
        #[cfg(feature = "checked")]
        if self.blocking == Blocking::Forbidden {
            return self.zone.try_refill_noted(self.class.tag.order(), self.class.tag.mobility(), block);
        }
        self.supply(block)
    }

    /// Notes, where that is asked for and must not wait, that a block from the cache goes to its user; or puts it back.
    #[inline]
    #[cfg_attr(not(feature = "checked"), expect(clippy::unnecessary_wraps, reason = "it can fail with `checked`"))]
    fn noted(&self, page: Page, hands: &mut CacheAccess<'_>) -> Result<Page, Refusal> {
        #[cfg(feature = "checked")]
        if self.blocking == Blocking::Forbidden {
            let frame = self.zone.number(page.pfn());
            if frame.is_some_and(|frame| !self.zone.try_note_allocated(frame, page.order())) {
                // There is room: it was just taken from there.
                hands.push(page);
                return Err(Refusal::Locked);
            }
        }
        let _ = hands;
        Ok(page)
    }
}

/// Gives a batch back to the zone, or if somebody else is at it puts that off while there is room.
fn make_room<L: RawLock>(zone: &Zone<'_, L>, hands: &mut CacheAccess<'_>, tag: Tag, batch: usize, blocking: Blocking) {
    let order = tag.order();
    let deferred =
        batch > 0 && !hands.empty(tag, batch, |blocks| zone.try_return_blocks(order, blocks)) && hands.stretch(tag);
    if !deferred && hands.is_full(tag) && blocking == Blocking::Allowed {
        hands.empty(tag, batch.max(1), |blocks| {
            zone.return_blocks(order, blocks);
            true
        });
    }
}

/// Whether batches are to grow: they do with every one that was needed, and shrink where pages are short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trend {
    Up,
    Down,
}

/// Pages of the first batch.
const FIRST: usize = 16;

/// Of a zone's pages, one in so many may come in a batch.
const SHARE: usize = 128;

/// How many blocks come or go this time; 0 if the zone's pages are not to be kept in caches.
///
/// Of what there is room for, at most half for single frames, which a zone gives by the row, and a quarter for
/// others. So few of a small zone that its pages are not all in caches: four batches are a 32nd of it.
fn next_batch<L: RawLock>(zone: &Zone<'_, L>, hands: &mut CacheAccess<'_>, tag: Tag, trend: Trend) -> usize {
    let most = if zone.uncached().load(Relaxed) > 0 {
        0
    } else {
        (zone.watermark_counters().managed() / SHARE) >> tag.order()
    };
    let most = most.min(if tag.order() == 0 { depth(tag) / 2 } else { depth(tag) / 4 });
    let batch = match trend {
        Trend::Up => (2 * hands.batch(tag)).max(FIRST >> tag.order()),
        Trend::Down => hands.batch(tag) / 2,
    };
    let batch = batch.max(1).min(most);
    hands.set_batch(tag, batch);
    batch
}

/// Does something when it is dropped, which is when somebody unwinds past it.
pub(super) struct OnUnwind<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
