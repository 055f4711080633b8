//! The zones of every recorded machine on our allocator: free lists as they were, and where requests stop.

use zonelist_core::{
    Against, Capacity, Lists, MAX_ORDER, Marks, NodeId, OutOfMemory, PageAllocator, PageRequest, Row, Slots, Spin,
    StopWorld, Urgency, Zone, ZoneId, ZoneKind, Zoneref,
    publish::{FullFence, Published},
};
use zonelist_machines::{Buddy, Golden, Zone as Recorded};

fn id(node: u32, kind: ZoneKind) -> ZoneId {
    ZoneId::new(NodeId::new(u16::try_from(node).unwrap()).unwrap(), kind)
}

/// A zone with every frame of its span free; a record does not say where the holes are.
fn free(recorded: &Recorded) -> Zone<'static> {
    let span = recorded.start_pfn..recorded.start_pfn + recorded.spanned;
    let zone = Zone::boxed(id(recorded.node, recorded.kind.0), span.clone(), MAX_ORDER, Spin::new()).unwrap();
    zone.add(span).unwrap();
    zone
}

fn goldens() -> impl Iterator<Item = (String, Golden)> {
    crate::recorded::goldens().into_iter().map(|(file, json)| (file, Golden::parse(&json).unwrap()))
}

#[test]
fn free_lists_are_those_of_the_real_machine() {
    let mut rows = 0;
    for (file, golden) in goldens() {
        for Buddy { node, kind, free_by_order } in &golden.buddy {
            let recorded = golden.zones.iter().find(|zone| (zone.node, zone.kind) == (*node, *kind)).unwrap();
            let mut wanted = [0; MAX_ORDER as usize + 1];
            wanted.iter_mut().zip(free_by_order).for_each(|(wanted, &count)| *wanted = count as usize);
            let zone = free(recorded);
            zone.leave(wanted, recorded.managed as usize)
                .unwrap_or_else(|error| panic!("{file}: {}: {error}", zone.id()));
            assert_eq!(zone.free_by_order(), wanted, "{file}: {}", zone.id());
            assert_eq!(zone.managed() as u64, recorded.managed, "{file}: {}", zone.id());
            rows += 1;
        }
    }
    assert!(rows >= 170, "{rows}");
}

/// The marks and reserves that the kernel printed.
fn marks(golden: &Golden, recorded: &Recorded) -> Marks {
    let mut reserve = [0; ZoneKind::COUNT];
    let columns = golden.zone_kinds.iter().zip(recorded.protection.as_ref().unwrap());
    columns.for_each(|(kind, &pages)| reserve[kind.0.index()] = pages);
    Marks { min: recorded.min.unwrap(), low: recorded.low.unwrap(), high: recorded.high.unwrap(), reserve }
}

/// What the kernel's watermark test leaves to a request, in its own words and order.
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

/// Each zone alone on a list, of two pages more than what it keeps back: two are had, and no third.
#[test]
fn requests_stop_where_the_formula_says_on_every_machine() {
    let mut boundaries = 0;
    for (file, golden) in goldens() {
        for recorded in golden.zones.iter().filter(|zone| zone.kind.0 != ZoneKind::Device) {
            let marks = marks(&golden, recorded);
            let above = golden.zone_kinds.iter().map(|kind| kind.0).filter(|&kind| kind >= recorded.kind.0);
            for highest in above {
                for urgency in Urgency::ALL {
                    let stop = kept_back(marks.min, urgency, marks.reserve[highest.index()]);
                    stops(recorded, &marks, highest, urgency, stop, &file);
                    boundaries += 1;
                }
            }
        }
    }
    println!("{boundaries} boundaries");
    assert!(boundaries > 3000, "{boundaries}");
}

fn stops(recorded: &Recorded, marks: &Marks, highest: ZoneKind, urgency: Urgency, stop: u64, file: &str) {
    let zone = free(&Recorded { spanned: stop + 2, ..recorded.clone() });
    let (zone_id, what) = (zone.id(), format!("{file}: {}, {highest}, {urgency:?}", zone.id()));
    zone.set_marks(marks);

    let (zonerefs, rows) =
        ([Zoneref::new(zone_id)], vec![Row { start: 0, len: 1, own: 1 }; zone_id.node().index() + 1]);
    let lists = Lists::new(&zonerefs, &rows).unwrap();
    let published = Published::<_, FullFence, 1>::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    published.publish(lists).unwrap();
    let allocator = PageAllocator::boxed(published, vec![zone]).unwrap();
    let class = allocator.class(&PageRequest::up_to(highest).urgency(urgency)).unwrap();
    let (zone, mut local) = (&allocator.zones()[0], allocator.local().unwrap());
    let without_caches = allocator.without_caches(zone_id, || {
        for left in [stop + 1, stop] {
            assert!(zone.allows(0, highest, Against::Min(urgency)), "{what}");
            let page = local.alloc(zone_id.node(), &class).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!((page.order(), zone.free_pages() as u64), (0, left), "{what}");
        }
        assert!(!zone.allows(0, highest, Against::Min(urgency)), "{what}");
        assert_eq!(local.alloc(zone_id.node(), &class), Err(OutOfMemory), "{what}");
        assert_eq!(zone.free_pages() as u64, stop, "{what}");
    });
    without_caches.unwrap();
}
