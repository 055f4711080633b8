//! Zones of every recorded machine in our page allocator: their free blocks, and the limits of requests.

use zonelist_core::{
    NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind, Zoneref,
    page_alloc::OutOfMemory,
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slots},
    zone::{Order, Urgency, WatermarkLevel, ZoneWatermarks},
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_machines::{BuddyRecord, MachineFile, ZoneRecord};

fn id(node: u32, kind: ZoneKind) -> ZoneId {
    ZoneId::new(NodeId::new(u16::try_from(node).unwrap()).unwrap(), kind)
}

/// A zone with every frame of its span free. A machine file does not say where the holes are.
fn free(recorded: &ZoneRecord) -> Zone<'static> {
    let span = recorded.start_pfn..recorded.start_pfn + recorded.spanned;
    let zone =
        Zone::boxed(id(recorded.node, recorded.kind.0), Pfn::range(span.clone()), Order::MAX, Spin::new()).unwrap();
    zone.add(Pfn::range(span)).unwrap();
    zone
}

fn goldens() -> impl Iterator<Item = (String, MachineFile)> {
    crate::fixtures::goldens().into_iter().map(|(file, json)| (file, MachineFile::parse(&json).unwrap()))
}

#[test]
fn free_blocks_are_those_of_the_recorded_machine() {
    let mut zones = 0;
    for (file, golden) in goldens() {
        for BuddyRecord { node, kind, free_by_order } in &golden.buddy {
            let recorded = golden.zones.iter().find(|zone| (zone.node, zone.kind) == (*node, *kind)).unwrap();
            let mut wanted = [0; Order::COUNT];
            wanted.iter_mut().zip(free_by_order).for_each(|(wanted, &count)| *wanted = count as usize);
            let zone = free(recorded);
            zone.set_boot_layout(wanted, recorded.managed as usize)
                .unwrap_or_else(|error| panic!("{file}: {}: {error}", zone.id()));
            assert_eq!(zone.free_by_order(), wanted, "{file}: {}", zone.id());
            assert_eq!(zone.managed() as u64, recorded.managed, "{file}: {}", zone.id());
            zones += 1;
        }
    }
    assert!(zones >= 170, "{zones}");
}

/// The watermarks and reserves that the kernel printed.
fn watermarks(golden: &MachineFile, recorded: &ZoneRecord) -> ZoneWatermarks {
    let mut reserve = [0; ZoneKind::COUNT];
    let columns = golden.zone_kinds.iter().zip(recorded.protection.as_ref().unwrap());
    columns.for_each(|(kind, &pages)| reserve[kind.0.index()] = pages);
    ZoneWatermarks { min: recorded.min.unwrap(), low: recorded.low.unwrap(), high: recorded.high.unwrap(), reserve }
}

/// The free pages that a request must leave, computed step by step as Linux's `__zone_watermark_ok` does.
fn kept_back(min: u64, urgency: Urgency, reserve: u64) -> u64 {
    let mut mark = min;
    if urgency.has(Urgency::HIGH) {
        mark -= mark / 2;
    }
    if urgency.has(Urgency::OUT_OF_MEMORY) {
        mark -= mark / 2;
    } else if urgency.has(Urgency::NON_BLOCKING) {
        mark -= mark / 4;
    }
    mark + reserve
}

/// Each zone is alone on a list and has two pages more than it must keep: two allocations succeed, a third fails.
#[test]
fn requests_fail_below_the_formula_on_every_machine() {
    let mut boundaries = 0;
    for (file, golden) in goldens() {
        for recorded in golden.zones.iter().filter(|zone| zone.kind.0 != ZoneKind::Device) {
            let limits = watermarks(&golden, recorded);
            let above = golden.zone_kinds.iter().map(|kind| kind.0).filter(|&kind| kind >= recorded.kind.0);
            for highest in above {
                for urgency in Urgency::ALL {
                    let stop = kept_back(limits.min, urgency, limits.reserve[highest.index()]);
                    assert_limit(recorded, &limits, highest, urgency, stop, &file);
                    boundaries += 1;
                }
            }
        }
    }
    println!("{boundaries} boundaries");
    assert!(boundaries > 3000, "{boundaries}");
}

fn assert_limit(
    recorded: &ZoneRecord,
    limits: &ZoneWatermarks,
    highest: ZoneKind,
    urgency: Urgency,
    stop: u64,
    file: &str,
) {
    let zone = free(&ZoneRecord { spanned: stop + 2, ..recorded.clone() });
    let (zone_id, what) = (zone.id(), format!("{file}: {}, {highest}, {urgency:?}", zone.id()));
    zone.set_watermarks(limits);

    let (zonerefs, rows) =
        ([Zoneref::new(zone_id)], vec![NodeSpan { start: 0, len: 1, own: 1 }; zone_id.node().index() + 1]);
    let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
    let published = Published::with_slots(StopWorld::new(Slots::boxed(Capacity::of(lists))), ReaderSlots::boxed(1));
    published.publish(lists).unwrap();
    let allocator = PageAllocator::boxed(published, vec![zone]).unwrap();
    let class = allocator.prepare(&PageRequest::up_to(highest).urgency(urgency));
    let (zone, mut local) = (&allocator.zones()[0], allocator.local().unwrap());
    let without_caches = allocator.without_caches(zone_id, || {
        for left in [stop + 1, stop] {
            assert!(zone.allows(Order::ZERO, highest, WatermarkLevel::Min(urgency)), "{what}");
            let page = local.alloc(zone_id.node(), &class).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!((page.order(), zone.free_pages() as u64), (Order::ZERO, left), "{what}");
        }
        assert!(!zone.allows(Order::ZERO, highest, WatermarkLevel::Min(urgency)), "{what}");
        assert_eq!(local.alloc(zone_id.node(), &class), Err(OutOfMemory), "{what}");
        assert_eq!(zone.free_pages() as u64, stop, "{what}");
    });
    without_caches.unwrap();
}
