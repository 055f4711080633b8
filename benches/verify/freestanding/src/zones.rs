//! Zones without an allocator.

use core::ops::Range;

use zonelist_core::{
    Mobility, NodeId, Zone, ZoneId, ZoneKind,
    sync::Spin,
    zone::{MAX_ORDER, Urgency, WatermarkLevel, ZoneWatermarks},
};

use crate::{any, holds, length};

const SPAN: Range<u64> = 100..9000;

/// Room for a zone and for bitmaps of all its pageblocks.
const WORDS: usize = Zone::<Spin>::words(SPAN.start, SPAN.end) + 8 * 18;

pub(crate) fn check() -> Option<()> {
    let mut words = [0; WORDS];
    let id = ZoneId::new(NodeId::new(any(1))?, any(ZoneKind::Normal));
    let span = any(SPAN);
    holds(Zone::new(id, any(5..5), any(3), &mut [], Spin::new()).is_err_and(|error| length(error) > 0))?;
    holds(Zone::<Spin>::words(any(0), any(u64::MAX)) == 0)?;
    let zone = Zone::new(id, span.clone(), any(MAX_ORDER), &mut words, Spin::new()).ok()?;
    holds(zone.id() == id && zone.span() == span && zone.max_order() == MAX_ORDER)?;
    ranges(&zone)?;
    blocks(&zone)?;
    several(&zone)?;
    memory(&zone)
}

fn ranges(zone: &Zone<'_>) -> Option<()> {
    // Every third page frame of a pageblock, and contiguous ranges of others.
    zone.add(any(1024..9000)).ok()?;
    for at in 0..any(100) {
        zone.add(any(512 + 3 * at..513 + 3 * at)).ok()?;
    }
    holds(zone.manages(any(515)) && !zone.manages(any(516)) && zone.managed() == 9000 - 1024 + 100)?;
    holds(zone.add(any(0..u64::MAX)).is_err_and(|error| length(error) > 0))?;
    zone.isolate(any(1024..2048)).ok()?;
    zone.unisolate(any(1536..2048)).ok()?;
    zone.remove(any(1024..1536)).ok()?;
    zone.set_mobility(any(2048..4096), any(Mobility::Movable)).ok()?;
    let block = zone.pageblock(any(2048))?;
    holds(block.mobility == Mobility::Movable)
}

fn blocks(zone: &Zone<'_>) -> Option<()> {
    let watermarks = ZoneWatermarks { min: any(100), low: any(200), high: any(300), ..ZoneWatermarks::default() };
    zone.set_watermarks(&watermarks);
    holds(zone.watermarks() == watermarks)?;
    let urgency = Urgency::HIGH.and(any(Urgency::NON_BLOCKING));
    holds(urgency.has(Urgency::HIGH) && urgency.reduced(any(u64::MAX)) < u64::MAX)?;
    for order in 0..any(u8::MAX) {
        let allowed = zone.allows(order, any(ZoneKind::Movable), any(WatermarkLevel::Min(urgency)));
        let block = zone.alloc(order, any(Mobility::Unmovable));
        holds(allowed || block.is_none())?;
        if let Some(pfn) = block {
            zone.free(pfn, order).ok()?;
        }
        holds(zone.free(any(u64::MAX), order).is_err_and(|error| length(error) > 0))?;
    }
    holds(zone.free_pages() == zone.free_by_order().iter().enumerate().map(|(order, count)| count << order).sum())
}

fn several(zone: &Zone<'_>) -> Option<()> {
    let mut frames = [0; 40];
    let taken = zone.alloc_bulk(any(Mobility::Movable), &mut frames);
    zone.free_bulk(frames.get(..taken)?).ok()?;
    holds(zone.free_bulk(any(&[7, 7, 7])).is_err())?;
    let first = zone.alloc_contig(any(700), any(512))?;
    holds(zone.alloc_contig(any(usize::MAX), any(u64::MAX)).is_none())?;
    holds(zone.free_contig(any(0..u64::MAX)).is_err())?;
    zone.free_contig(first..first + any(700)).ok()
}

fn memory(zone: &Zone<'_>) -> Option<()> {
    let free = zone.free_by_order();
    zone.set_boot_layout(free, zone.managed()).ok()?;
    holds(zone.set_boot_layout(any([usize::MAX; MAX_ORDER as usize + 1]), any(usize::MAX)).is_err())?;
    holds(zone.first_in_use(any(2048..4096)).ok()?.is_none() && zone.first_in_use(any(0..1)).is_err())?;
    holds(zone.has_metadata() && zone.detach_metadata().is_none())?;
    let nothing = Zone::without_metadata(zone.id(), any(SPAN), any(MAX_ORDER), Spin::new()).ok()?;
    holds(!nothing.has_metadata() && nothing.alloc(any(0), any(Mobility::Movable)).is_none())?;
    holds(nothing.add(any(SPAN)).is_err_and(|error| length(error) > 0))?;
    for at in 0..any(100) {
        zone.remove(any(512 + 3 * at..513 + 3 * at)).ok()?;
    }
    zone.remove(any(1536..9000)).ok()?;
    // SAFETY: the process has one thread, as the child of a fork has.
    holds(!unsafe { zone.after_fork() } && zone.detach_metadata().is_some())
}
