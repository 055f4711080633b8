//! Zones without an allocator.

use core::ops::Range;

use zonelist_core::{
    Mobility, NodeId, Pfn, Zone, ZoneId, ZoneKind,
    sync::Spin,
    zone::{Order, Urgency, WatermarkLevel, ZoneWatermarks},
};

use crate::{any, holds, length};

const SPAN: Range<u64> = 100..9000;

/// Room for a zone and for bitmaps of all its pageblocks.
const WORDS: usize = Zone::<Spin>::words(Pfn::range(SPAN)) + 8 * 18;

pub(crate) fn check() -> Option<()> {
    let mut words = [0; WORDS];
    let id = ZoneId::new(NodeId::new(any(1))?, any(ZoneKind::Normal));
    let span = Pfn::range(any(SPAN));
    holds(
        Zone::new(id, Pfn::range(any(5..5)), any(Order::of::<3>()), &mut [], Spin::new())
            .is_err_and(|error| length(error) > 0),
    )?;
    holds(Zone::<Spin>::words(Pfn::range(any(0..u64::MAX))) == 0)?;
    let zone = Zone::new(id, span.clone(), any(Order::MAX), &mut words, Spin::new()).ok()?;
    holds(zone.id() == id && zone.span() == span && zone.max_order() == Order::MAX)?;
    ranges(&zone)?;
    blocks(&zone)?;
    several(&zone)?;
    memory(&zone)?;
    numbers()
}

/// Page frame numbers and orders.
fn numbers() -> Option<()> {
    let (order, pfn) = (Order::new(any(3))?, Pfn::new(any(0x1234)));
    holds(Order::new(any(u8::MAX)).is_none() && order.half()?.number() == any(2) && order.index() == any(3))?;
    holds(pfn.align_up(order) - pfn.align_down(order) == order.pages() && !pfn.is_aligned(order))?;
    holds(pfn.saturating_sub(pfn + any(1)) == 0 && pfn.saturating_add(any(u64::MAX)).number() == u64::MAX)
}

fn ranges(zone: &Zone<'_>) -> Option<()> {
    // Every third page frame of a pageblock, and contiguous ranges of others.
    zone.add(Pfn::range(any(1024..9000))).ok()?;
    for at in 0..any(100) {
        zone.add(Pfn::range(any(512 + 3 * at..513 + 3 * at))).ok()?;
    }
    holds(
        zone.manages(Pfn::new(any(515))) && !zone.manages(Pfn::new(any(516))) && zone.managed() == 9000 - 1024 + 100,
    )?;
    holds(zone.add(Pfn::range(any(0..u64::MAX))).is_err_and(|error| length(error) > 0))?;
    zone.isolate(Pfn::range(any(1024..2048))).ok()?;
    zone.unisolate(Pfn::range(any(1536..2048))).ok()?;
    zone.remove(Pfn::range(any(1024..1536))).ok()?;
    zone.set_mobility(Pfn::range(any(2048..4096)), any(Mobility::Movable)).ok()?;
    let block = zone.pageblock(Pfn::new(any(2048)))?;
    holds(block.mobility == Mobility::Movable)
}

fn blocks(zone: &Zone<'_>) -> Option<()> {
    let watermarks = ZoneWatermarks { min: any(100), low: any(200), high: any(300), ..ZoneWatermarks::default() };
    zone.set_watermarks(&watermarks);
    holds(zone.watermarks() == watermarks)?;
    let urgency = Urgency::HIGH.and(any(Urgency::NON_BLOCKING));
    holds(urgency.has(Urgency::HIGH) && urgency.reduced(any(u64::MAX)) < u64::MAX)?;
    for order in any(Order::ALL) {
        let allowed = zone.allows(order, any(ZoneKind::Movable), any(WatermarkLevel::Min(urgency)));
        let block = zone.alloc(order, any(Mobility::Unmovable));
        holds(allowed || block.is_none())?;
        if let Some(pfn) = block {
            zone.free(pfn, order).ok()?;
        }
        holds(zone.free(Pfn::new(any(u64::MAX)), order).is_err_and(|error| length(error) > 0))?;
    }
    holds(zone.free_pages() == zone.free_by_order().iter().enumerate().map(|(order, count)| count << order).sum())
}

fn several(zone: &Zone<'_>) -> Option<()> {
    let mut frames = [Pfn::new(any(0)); 40];
    let taken = zone.alloc_bulk(any(Mobility::Movable), &mut frames);
    zone.free_bulk(frames.get(..taken)?).ok()?;
    holds(zone.free_bulk(any(&[Pfn::new(7); 3])).is_err())?;
    let first = zone.alloc_contig(any(700), any(512))?;
    holds(zone.alloc_contig(any(usize::MAX), any(u64::MAX)).is_none())?;
    holds(zone.free_contig(Pfn::range(any(0..u64::MAX))).is_err())?;
    zone.free_contig(first..first + any(700)).ok()
}

fn memory(zone: &Zone<'_>) -> Option<()> {
    let free = zone.free_by_order();
    zone.set_boot_layout(free, zone.managed()).ok()?;
    holds(zone.set_boot_layout(any([usize::MAX; Order::COUNT]), any(usize::MAX)).is_err())?;
    holds(
        zone.first_in_use(Pfn::range(any(2048..4096))).ok()?.is_none()
            && zone.first_in_use(Pfn::range(any(0..1))).is_err(),
    )?;
    holds(zone.has_metadata() && zone.detach_metadata().is_none())?;
    let nothing = Zone::without_metadata(zone.id(), Pfn::range(any(SPAN)), any(Order::MAX), Spin::new()).ok()?;
    holds(!nothing.has_metadata() && nothing.alloc(any(Order::ZERO), any(Mobility::Movable)).is_none())?;
    holds(nothing.add(Pfn::range(any(SPAN))).is_err_and(|error| length(error) > 0))?;
    for at in 0..any(100) {
        zone.remove(Pfn::range(any(512 + 3 * at..513 + 3 * at))).ok()?;
    }
    zone.remove(Pfn::range(any(1536..9000))).ok()?;
    // SAFETY: the process has one thread, as the child of a fork has.
    holds(!unsafe { zone.after_fork() } && zone.detach_metadata().is_some())
}
