//! What is done when the first zone's cache has no page, or no room for one.

use core::{mem, num::NonZeroU32, ops::ControlFlow};

use super::{
    Class, Local, OutOfMemory, Page, Refusal,
    cache::{Hands, depth},
    page::Tag,
};
use crate::{
    Against, FreeError, NodeId, RawLock, Urgency, Zone,
    publish::{Barrier, Scheme, Torn},
    sync::{Backoff, atomic::Ordering::Relaxed},
    zone::{Supplied, count},
};

/// Walks that a request makes which must not wait, before it gives up because publishes tear each.
const TRIES: usize = 64;

/// A block, and what has to be told about it.
struct Found {
    page: Page,
    slot: usize,
    fell: bool,
}

impl<S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> Local<'_, '_, S, B, L, SEATS> {
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_slowly(&mut self, node: NodeId, class: &Class<S>) -> Result<Page, OutOfMemory> {
        let urgent = Against::Min(class.urgency);
        let mut found = self.walk(node, class, Against::Low).or_else(|| self.walk(node, class, urgent));
        if found.is_none() && !class.urgency.has(Urgency::NON_BLOCKING) && self.allocator.drain() > 0 {
            found = self.walk(node, class, urgent);
        }
        let Some(Found { page, slot, fell }) = found else {
            for (zone, _) in self.failure.refused() {
                self.allocator.zone(zone).into_iter().for_each(|zone| count(&zone.counters().failures));
            }
            return Err(OutOfMemory);
        };
        let page = self.handed_out(page)?;
        let low = self.allocator.pool.on_low.filter(|_| fell);
        if let Some((call, zone)) = low.zip(self.allocator.pool.zones.get(slot)) {
            // The call may panic, and nobody else knows of the page.
            let back = OnUnwind(|| {
                let _ = self.free(page);
            });
            call(zone.id(), zone.free_pages());
            mem::forget(back);
        }
        Ok(page)
    }

    /// Notes, where that is asked for, that a block goes to its user.
    #[inline(always)]
    pub(super) fn handed_out(&self, page: Page) -> Result<Page, OutOfMemory> {
        #[cfg(feature = "checked")]
        if let Some(zone) = self.allocator.zone_of(page) {
            if let Some(frame) = zone.number(page.pfn()) {
                zone.note_out(frame, page.order());
            }
        }
        Ok(page)
    }

    /// Goes along the list and takes the block of the first zone that its mark lets have it.
    ///
    /// Waits for a publish that tears its walks, outside the seat: whoever publishes may need this CPU
    /// to get on. A request that must not wait may have interrupted him, and gives up.
    fn walk(&mut self, node: NodeId, class: &Class<S>, against: Against) -> Option<Found> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            if let Ok(found) = self.walk_once(node, class, against) {
                return found;
            }
            tries += 1;
            if tries == TRIES && class.urgency.has(Urgency::NON_BLOCKING) {
                self.failure.note_torn();
                return None;
            }
            backoff.wait();
        }
    }

    /// The same, unless the walk is torn.
    fn walk_once(&mut self, node: NodeId, class: &Class<S>, against: Against) -> Result<Option<Found>, Torn> {
        let Self { allocator, reader, caches, failure, .. } = self;
        let pool = &allocator.pool;
        failure.clear();
        let seated = reader.enter_seated();
        seated.guard.find(node, &class.filter, NonZeroU32::MIN, |zoneref| {
            let found = pool.slot(zoneref.zone());
            let found = found.and_then(|slot| Some((slot, pool.zones.get(slot)?, caches.get(slot)?)));
            let Some((slot, zone, cache)) = found else {
                failure.note(zoneref.zone(), Refusal::Unknown);
                return ControlFlow::Continue(());
            };
            // SAFETY: we are in our seat, and what is kept there is ours.
            let hands = seated.mine.then(|| unsafe { Hands::on(cache) });
            match take(zone, |pfn| pool.page(pfn, slot, class.tag), hands, class, against) {
                Ok((page, fell)) => {
                    if failure.zones() > 0 {
                        count(&zone.counters().fallbacks);
                    }
                    ControlFlow::Break(Found { page, slot, fell })
                }
                Err(why) => {
                    failure.note(zone.id(), why);
                    ControlFlow::Continue(())
                }
            }
        })
    }

    #[cold]
    #[inline(never)]
    pub(super) fn free_slowly(&mut self, page: Page) -> Result<(), FreeError> {
        let (slot, zone) = self.allocator.pool.slot_of(page).ok_or(FreeError::NoSuchZone)?;
        let cache = self.caches.get(slot).ok_or(FreeError::NoSuchZone)?;
        let frame = zone.number(page.pfn()).ok_or(FreeError::NoSuchFrame)?;
        let (tag, order, max_order) = (page.tag(), page.order(), zone.max_order());
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        // A block may begin within the span and end behind it.
        zone.number(page.pfn() + (1 << order) - 1).ok_or(FreeError::NoSuchFrame)?;
        self.freed = cache.spot(tag);
        let (_sitting, mine) = self.reader.sit();
        if mine {
            // SAFETY: we are in our seat, and what is kept there is ours.
            let mut hands = unsafe { Hands::on(self.freed.cache) };
            if hands.push(page) {
                return Ok(());
            }
            let batch = next_batch(zone, &mut hands, tag, Trend::Up);
            if hands.is_full(tag) {
                make_room(zone, &mut hands, tag, batch);
            }
            if hands.push(page) {
                return Ok(());
            }
        }
        zone.take_back(frame, order)
    }
}

/// Takes a block of a zone, through its cache if there may be one: the page, and whether the zone
/// fell below its low mark.
fn take<S: Scheme, L: RawLock>(
    zone: &Zone<'_, L>,
    page_at: impl Fn(u64) -> Page,
    hands: Option<Hands<'_>>,
    class: &Class<S>,
    against: Against,
) -> Result<(Page, bool), Refusal> {
    let (free, floor) = (zone.watch().free(), zone.watch().floor(class.highest, against));
    let needed = floor + class.further + 1;
    if free < needed {
        return Err(Refusal::Mark { free, needed });
    }
    let (tag, order) = (class.tag, class.tag.order());
    if order > zone.max_order() {
        return Err(Refusal::NoBlock { free });
    }
    if let Some(mut hands) = hands {
        if let Some(page) = hands.pop(tag, class.start) {
            return Ok((page, false));
        }
        let trend = if against == Against::Low { Trend::Up } else { Trend::Down };
        // What nobody asked for yet is not taken below the mark.
        let batch = next_batch(zone, &mut hands, tag, trend).min(((free - needed) >> order) + 1);
        if batch > 0 {
            let mut supplied = Supplied { blocks: 0, fell: false };
            hands.fill(tag, batch, |blocks| {
                supplied = zone.supply(order, tag.mobility(), blocks);
                supplied.blocks
            });
            count(&zone.counters().misses);
            let page = hands.pop_unasked(tag).ok_or(Refusal::NoBlock { free })?;
            return Ok((page, supplied.fell));
        }
    }
    let mut block = [0];
    let supplied = zone.supply(order, tag.mobility(), &mut block);
    count(&zone.counters().misses);
    if supplied.blocks == 1 {
        Ok((page_at(zone.span().start + u64::from(block[0])), supplied.fell))
    } else {
        Err(Refusal::NoBlock { free })
    }
}

/// Gives a batch back to the zone, or if somebody else is at it puts that off while there is room.
fn make_room<L: RawLock>(zone: &Zone<'_, L>, hands: &mut Hands<'_>, tag: Tag, batch: usize) {
    let order = tag.order();
    let put_off = batch > 0 && !hands.empty(tag, batch, |blocks| zone.try_restock(order, blocks)) && hands.stretch(tag);
    if !put_off && hands.is_full(tag) {
        hands.empty(tag, batch.max(1), |blocks| {
            zone.restock(order, blocks);
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
fn next_batch<L: RawLock>(zone: &Zone<'_, L>, hands: &mut Hands<'_>, tag: Tag, trend: Trend) -> usize {
    let most = if zone.uncached().load(Relaxed) > 0 { 0 } else { (zone.watch().managed() / SHARE) >> tag.order() };
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
struct OnUnwind<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
