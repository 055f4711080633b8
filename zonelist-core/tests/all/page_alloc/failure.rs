//! Reports of refused requests: the reason of each zone, and how long a report stays.

use zonelist_core::{
    Mobility, NodeId, PageAllocator, PageRequest, Pfn, Request, Zone, ZoneId,
    ZoneKind::{self, Dma, Dma32, Movable, Normal},
    Zoneref,
    page_alloc::{Failure, Refusal},
    publish::{Published, ReaderSlots, Standard},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slots},
    topology::NodeSet,
    zone::{Order, Urgency},
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

use super::setup::{Allocator, NoProtocol, READERS, ZONES, no_protocol, one_zone, versions, zone_id};
use crate::support::order;

const NODE: NodeId = NodeId::new(0).unwrap();

fn tried(failure: &Failure) -> Vec<(ZoneId, Refusal)> {
    failure.refused().collect()
}

fn passed_over(failure: &Failure) -> Vec<(ZoneId, Refusal)> {
    failure.passed_over().collect()
}

/// An allocator of one zone with this number of free frames.
fn single(frames: u64) -> Allocator<StopWorld<Box<[zonelist_core::table::Slot]>>, Standard> {
    one_zone(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())), frames, READERS)
}

#[test]
fn a_report_stays_until_another_request_is_refused() {
    let allocator = single(4096);
    let prepared = |order| allocator.prepare(&PageRequest::up_to(Normal).order(order));
    let mut local = allocator.local().unwrap();
    assert_eq!(local.failure().to_string(), "no request was refused");
    let mut pages: Vec<_> = std::iter::from_fn(|| local.alloc(NODE, &prepared(Order::MAX)).ok()).collect();
    let report = local.failure().to_string();
    assert_eq!(report, "1 zone tried; 0/Normal: 0 pages free, 1024 needed");
    local.free(pages.pop().unwrap()).unwrap();
    // Served by the zone, by per-CPU pages after a refill, and by per-CPU pages alone.
    for order in [10, 0, 0, 3, 5].map(order) {
        let page = local.alloc(NODE, &prepared(order)).unwrap();
        assert_eq!(local.failure().to_string(), report, "after a request of order {order} that succeeded");
        local.free(page).unwrap();
        local.drain();
    }
    pages.push(local.alloc(NODE, &prepared(Order::ZERO)).unwrap());
    assert!(local.alloc(NODE, &prepared(Order::MAX)).is_err());
    assert_ne!(local.failure().to_string(), report, "the number of free pages differs");
}

#[test]
fn a_first_walk_that_fails_is_not_reported_if_the_second_succeeds() {
    let allocator = no_protocol::<Standard>();
    let mut local = allocator.local().unwrap();
    let (low, any) = (PageRequest::up_to(Dma32), PageRequest::up_to(Dma32).order(Order::MAX));
    let (low, any) = (allocator.prepare(&low), allocator.prepare(&any));
    while local.alloc(NODE, &any).is_ok() {}
    let report = local.failure().to_string();
    // Below the low watermark the first walk fails.
    let mut served = 0;
    while allocator.zone(zone_id(0, Dma32)).unwrap().free_pages() > 41 && local.alloc(NODE, &low).is_ok() {
        served += 1;
        assert_eq!(local.failure().to_string(), report);
    }
    assert!(served > 100);
}

/// The reason of a zone, computed from the request and the list alone. `None` if the zone must be tried.
fn expected(zone: ZoneId, request: &Request, listed: &[ZoneId]) -> Option<Refusal> {
    if zone.kind() > request.highest {
        Some(Refusal::Kind { highest: request.highest })
    } else if request.nodes.is_some_and(|nodes| !nodes.contains(zone.node())) {
        Some(Refusal::Nodes)
    } else if request.scope == Scope::ThisNode && zone.node() != NODE {
        Some(Refusal::Scope { node: NODE })
    } else if listed.contains(&zone) {
        None
    } else {
        Some(Refusal::NotListed)
    }
}

#[test]
fn every_zone_is_reported_with_its_reason() {
    let allocator: Allocator<NoProtocol, Standard> = no_protocol();
    let nodes = |numbers: &[u16]| numbers.iter().map(|&number| NodeId::new(number).unwrap()).collect::<NodeSet>();
    let masks = [None, Some(nodes(&[])), Some(nodes(&[0])), Some(nodes(&[1])), Some(nodes(&[0, 1])), Some(nodes(&[5]))];
    let mut seen = [0; 4];
    for version in versions() {
        allocator.published().publish(&version).unwrap();
        let listed = |scope| version.lists().of(NODE, scope).iter().map(|entry| entry.zone()).collect::<Vec<_>>();
        for highest in [Dma, Dma32, Normal, Movable] {
            for (scope, nodes) in [Scope::Fallback, Scope::ThisNode].iter().flat_map(|&scope| masks.map(|n| (scope, n)))
            {
                for urgency in [Urgency::NONE, Urgency::NON_BLOCKING] {
                    let zones = Request { scope, highest, nodes };
                    let request = PageRequest { zones, urgency, ..PageRequest::up_to(highest).order(Order::MAX) };
                    let (prepared, mut local) = (allocator.prepare(&request), allocator.local().unwrap());
                    let pages: Vec<_> = std::iter::from_fn(|| local.alloc(NODE, &prepared).ok()).collect();
                    let (failure, list) = (local.failure().clone(), listed(scope));
                    let why = |zone| expected(zone, &zones, &list);
                    let mut must_be_tried = list.clone();
                    must_be_tried.retain(|&zone| why(zone).is_none());
                    assert_eq!(tried(&failure).iter().map(|(zone, _)| *zone).collect::<Vec<_>>(), must_be_tried);
                    let others = ZONES.iter().filter_map(|(zone, _)| Some((*zone, why(*zone)?)));
                    let others: Vec<_> = others.collect();
                    assert_eq!(passed_over(&failure), others, "{request:?}");
                    assert_eq!(failure.zones() + failure.zones_passed_over(), ZONES.len());
                    for (_, why) in others {
                        let reasons =
                            [why == Refusal::Nodes, why == Refusal::NotListed, why == Refusal::Kind { highest }];
                        seen[reasons.iter().position(|&is| is).unwrap_or(3)] += 1;
                    }
                    pages.into_iter().for_each(|page| local.free(page).unwrap());
                }
            }
        }
    }
    assert!(seen.iter().all(|&seen| seen > 0), "{seen:?}");
}

#[test]
fn isolated_and_fragmented_pages_are_reported() {
    let allocator = single(4096);
    let zone = allocator.zone(zone_id(0, Normal)).unwrap();
    let mut local = allocator.local().unwrap();
    let why = |local: &mut super::Handle<'_, _, _>, order| {
        let prepared = allocator.prepare(&PageRequest::up_to(Normal).order(order));
        assert!(local.alloc(NODE, &prepared).is_err());
        tried(local.failure())
    };
    let id = zone.id();

    // All frames are isolated; then some of the isolated frames are removed.
    zone.isolate(Pfn::range(0..4096)).unwrap();
    assert_eq!(why(&mut local, Order::ZERO), [(id, Refusal::Isolated { free: 0, isolated: 4096 })]);
    assert_eq!(
        local.failure().to_string(),
        "1 zone tried; 0/Normal: 0 pages free, and 4096 in isolated pageblocks, out of reach"
    );
    zone.remove(Pfn::range(0..512)).unwrap();
    assert_eq!(why(&mut local, Order::MAX), [(id, Refusal::Isolated { free: 0, isolated: 3584 })]);
    zone.unisolate(Pfn::range(0..512)).unwrap();
    zone.unisolate(Pfn::range(1024..1536)).unwrap();
    assert_eq!(
        why(&mut local, Order::MAX),
        [(id, Refusal::Isolated { free: 512, isolated: 3072 })],
        "the isolated pages would suffice"
    );
    zone.unisolate(Pfn::range(512..1024)).unwrap();
    zone.unisolate(Pfn::range(1536..4096)).unwrap();

    // Frees into isolated pageblocks, singly and in bulk, are counted as isolated.
    let single = allocator.prepare(&PageRequest::up_to(Normal));
    let pages: Vec<_> = std::iter::from_fn(|| local.alloc(NODE, &single).ok()).collect();
    assert_eq!(why(&mut local, Order::ZERO), [(id, Refusal::Watermark { free: 0, needed: 1 })]);
    zone.isolate(Pfn::range(3584..4096)).unwrap();
    assert_eq!(
        why(&mut local, Order::ZERO),
        [(id, Refusal::Watermark { free: 0, needed: 1 })],
        "no isolated page is free either"
    );
    let (theirs, ours): (Vec<_>, Vec<_>) = pages.into_iter().partition(|page| page.pfn() >= Pfn::new(3584));
    theirs[..7].iter().for_each(|page| zone.free(page.pfn(), Order::ZERO).unwrap());
    zone.free_bulk(&theirs[7..10].iter().map(|page| page.pfn()).collect::<Vec<_>>()).unwrap();
    assert_eq!(why(&mut local, Order::ZERO), [(id, Refusal::Isolated { free: 0, isolated: 10 })]);
    zone.unisolate(Pfn::range(3584..4096)).unwrap();
    assert_eq!(why(&mut local, Order::MAX), [(id, Refusal::Watermark { free: 10, needed: 1024 })]);

    // Every second page, besides those ten: enough pages, in blocks of low orders.
    ours.iter()
        .filter(|page| page.pfn().is_aligned(order(1)))
        .for_each(|page| zone.free(page.pfn(), Order::ZERO).unwrap());
    let free = zone.free_pages();
    let refused = why(&mut local, Order::of::<4>());
    assert!(matches!(refused[..], [(of, Refusal::NoBlock { free: now })] if of == id && now == free), "{refused:?}");
}

#[test]
fn an_order_above_the_highest_of_the_zone_is_reported() {
    let id = zone_id(0, Normal);
    let zone = Zone::boxed(id, Pfn::range(0..4096), Order::of::<4>(), Spin::new()).unwrap();
    zone.add(Pfn::range(0..4096)).unwrap();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())), ReaderSlots::boxed(2));
    let entries = [zone_id(0, Normal), zone_id(0, Dma)].map(Zoneref::new);
    published.publish(ZonelistsRef::new(&entries, &[NodeSpan { start: 0, len: 2, own: 2 }]).unwrap()).unwrap();
    let allocator = PageAllocator::boxed(published, vec![zone]).unwrap();
    let mut local = allocator.local().unwrap();
    let prepared = allocator.prepare(&PageRequest::up_to(Normal).order(Order::of::<5>()).mobility(Mobility::Movable));
    assert!(local.alloc(NODE, &prepared).is_err());
    let expected = [(id, Refusal::Order { max_order: Order::of::<4>() }), (zone_id(0, Dma), Refusal::Unknown)];
    assert_eq!(tried(local.failure()), expected);
    assert_eq!(
        local.failure().to_string(),
        "2 zones tried; 0/Normal: its longest blocks are of order 4; 0/DMA: no such zone"
    );
}

/// More zones than a report has room for: those that were tried come first, and the rest are counted.
#[test]
fn of_many_zones_those_that_were_tried_are_reported_first() {
    const NODES: u16 = 30;
    let ids = |kind: ZoneKind| (0..NODES).map(move |node| zone_id(node, kind));
    let zones = ids(Normal).chain(ids(Movable)).zip(0..).map(|(id, at)| {
        let zone = Zone::boxed(id, Pfn::range(at * 1024..(at + 1) * 1024), Order::MAX, Spin::new()).unwrap();
        zone.add(Pfn::range(at * 1024..at * 1024 + 512)).unwrap();
        zone
    });
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 60).unwrap())), ReaderSlots::boxed(2));
    let entries: Vec<Zoneref> = ids(Normal).map(Zoneref::new).collect();
    let rows = [NodeSpan { start: 0, len: 30, own: 1 }];
    published.publish(ZonelistsRef::new(&entries, &rows).unwrap()).unwrap();
    let allocator = PageAllocator::boxed(published, zones.collect()).unwrap();
    let mut local = allocator.local().unwrap();
    let prepared = allocator.prepare(&PageRequest::up_to(Normal).order(Order::MAX));
    assert!(local.alloc(NODE, &prepared).is_err());
    let failure = local.failure();
    assert_eq!((failure.zones(), failure.zones_passed_over()), (30, 30));
    assert_eq!((failure.refused().count(), failure.passed_over().count()), (30, Failure::ROOM - 30));
    assert!(failure.to_string().ends_with("; and 28 zones more"), "{failure}");
}

/// The zone has fewer pages than the block, but could not serve it with any number of pages.
#[test]
fn a_low_max_order_is_reported_also_if_pages_are_short() {
    let id = zone_id(0, Normal);
    let zone = Zone::boxed(id, Pfn::range(0..4096), Order::of::<4>(), Spin::new()).unwrap();
    zone.add(Pfn::range(0..64)).unwrap();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())), ReaderSlots::boxed(2));
    published
        .publish(ZonelistsRef::new(&[Zoneref::new(id)], &[NodeSpan { start: 0, len: 1, own: 1 }]).unwrap())
        .unwrap();
    let allocator = PageAllocator::boxed(published, vec![zone]).unwrap();
    let mut local = allocator.local().unwrap();
    for order in [5, 9, 10].map(order) {
        let prepared = allocator.prepare(&PageRequest::up_to(Normal).order(order));
        assert!(local.alloc(NODE, &prepared).is_err());
        assert_eq!(tried(local.failure()), [(id, Refusal::Order { max_order: Order::of::<4>() })]);
    }
}
