//! Where requests of each urgency stop, page by page, and whom that is told.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use zonelist_core::{
    NodeId, OutOfMemory, PageRequest, Refusal, Request, Urgency, Zone, ZoneId,
    ZoneKind::{Dma32, Movable, Normal},
    publish::FullFence,
};

use super::{
    naive::{URGENCIES, floor},
    setup::{Allocator, Loose, loose, marks, torn, versions, zone_id},
};

/// Does something with no page in any cache.
fn without_caches(allocator: &Allocator<Loose, FullFence>, within: &mut dyn FnMut()) {
    fn nested(allocator: &Allocator<Loose, FullFence>, zones: &[ZoneId], within: &mut dyn FnMut()) {
        match zones.split_first() {
            Some((&zone, rest)) => allocator.without_caches(zone, || nested(allocator, rest, within)).unwrap(),
            None => within(),
        }
    }
    let zones: Vec<ZoneId> = allocator.zones().iter().map(|zone| zone.id()).collect();
    nested(allocator, &zones, within);
}

#[test]
fn every_urgency_stops_at_its_page() {
    let node = NodeId::new(0).unwrap();
    for highest in [Dma32, Normal, Movable] {
        for urgency in URGENCIES {
            let allocator = loose::<FullFence>();
            let request = PageRequest::up_to(highest).urgency(urgency);
            let (class, mut local) = (allocator.prepare(&request).unwrap(), allocator.local().unwrap());
            without_caches(&allocator, &mut || {
                // Down to the low marks in the list's order, then from its start down to what urgency leaves.
                let lists = &versions()[0];
                let listed = lists.lists().of(node, request.zones.scope).iter().map(|entry| entry.zone());
                let listed: Vec<ZoneId> = listed.filter(|zone| zone.kind() <= highest).collect();
                let low = |zone: ZoneId| marks(zone).low + marks(zone).reserve[highest.index()];
                let plan = listed
                    .iter()
                    .map(|&zone| (zone, low(zone)))
                    .chain(listed.iter().map(|&zone| (zone, floor(zone, &request))));
                for (zone, stop) in plan {
                    while allocator.zone(zone).unwrap().free_pages() as u64 > stop {
                        let page = local.alloc(node, &class).unwrap();
                        assert_eq!(allocator.zone_of(page).unwrap().id(), zone, "{highest} {urgency:?}");
                    }
                }
                assert_eq!(local.alloc(node, &class), Err(OutOfMemory));
                let refused: Vec<_> = local.failure().refused().collect();
                let expected = listed.iter().map(|&zone| {
                    let free = floor(zone, &request) as usize;
                    (zone, Refusal::Mark { free, needed: free + 1 })
                });
                assert_eq!(refused, expected.collect::<Vec<_>>());
            });
        }
    }
}

#[test]
fn falling_below_the_low_mark_is_told_once() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    static FREE: AtomicUsize = AtomicUsize::new(0);
    let allocator = loose::<FullFence>().on_low(|zone, free| {
        assert_eq!(zone, zone_id(0, Normal));
        TOLD.fetch_add(1, Relaxed);
        FREE.store(free, Relaxed);
    });
    let node = NodeId::new(0).unwrap();
    let own = PageRequest { zones: Request::up_to(Normal).this_node(), ..PageRequest::up_to(Normal) };
    let nodes = Some([node].into_iter().collect());
    let own = PageRequest { zones: Request { nodes, ..own.zones }, ..own };
    let (class, mut local) = (allocator.prepare(&own).unwrap(), allocator.local().unwrap());
    let zone = allocator.zone(zone_id(0, Normal)).unwrap();
    let mut pages = Vec::new();
    // The first walk stops at the low mark in both zones, and only the second goes below.
    while let Ok(page) = local.alloc(node, &class) {
        pages.push(page);
        let below = zone.free_pages() < 50;
        assert_eq!(TOLD.load(Relaxed), usize::from(below));
    }
    assert!((40..50).contains(&FREE.load(Relaxed)));
    local.free_bulk(pages).unwrap();
    local.drain();
    assert_eq!(TOLD.load(Relaxed), 1);
}

#[test]
fn a_page_is_not_lost_when_what_is_told_panics() {
    let allocator = loose::<FullFence>().on_low(|_, _| panic!("as a caller's code may"));
    let node = NodeId::new(0).unwrap();
    let class = allocator.prepare(&PageRequest::up_to(Normal)).unwrap();
    let free = || allocator.zones().iter().map(Zone::free_pages).sum::<usize>();
    let (all, mut local) = (free(), allocator.local().unwrap());
    let (mut pages, mut panics) = (Vec::new(), 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| local.alloc(node, &class))) {
            Ok(Ok(page)) => pages.push(page),
            Ok(Err(_)) => break,
            Err(_) => panics += 1,
        }
    }
    assert!(panics > 0, "it was told");
    local.free_bulk(pages).unwrap();
    drop(local);
    assert_eq!(free(), all);
}

#[test]
fn an_urgent_request_does_not_wait_for_what_others_have_at_hand() {
    let allocator = loose::<FullFence>();
    let node = NodeId::new(0).unwrap();
    let class = |urgency| allocator.prepare(&PageRequest::up_to(Dma32).urgency(urgency)).unwrap();
    let (mut hoarder, mut local) = (allocator.local().unwrap(), allocator.local().unwrap());
    let mut pages = Vec::new();
    while let Ok(page) = hoarder.alloc(node, &class(Urgency::NONE)) {
        pages.push(page);
    }
    hoarder.free_bulk(pages.drain(..50)).unwrap();
    let cached = allocator.stats(zone_id(0, Dma32)).unwrap().cached;
    assert_eq!(cached, 50);
    assert_eq!(
        local.alloc(node, &class(Urgency::NON_BLOCKING)).map(drop),
        Ok(()),
        "a quarter of what the mark keeps back"
    );
    let mut taken = 0;
    while let Ok(page) = local.alloc(node, &class(Urgency::NON_BLOCKING)) {
        pages.push(page);
        taken += 1;
    }
    assert_eq!((taken, allocator.stats(zone_id(0, Dma32)).unwrap().cached), (9, 50));
    let page = local.alloc(node, &class(Urgency::NONE)).unwrap();
    assert_eq!(allocator.zone_of(page).unwrap().id(), zone_id(0, Dma32), "what the other had is the zone's again");
    assert_eq!(allocator.drain(), Ok(0));
}

#[test]
fn a_request_outlasts_torn_walks_unless_it_must_not_wait() {
    let node = NodeId::new(0).unwrap();
    let allocator = torn::<FullFence>(1000);
    let mut local = allocator.local().unwrap();
    let waits = allocator.prepare(&PageRequest::up_to(Normal)).unwrap();
    let never = allocator.prepare(&PageRequest::up_to(Normal).urgency(Urgency::NON_BLOCKING)).unwrap();

    assert_eq!(local.alloc(node, &never), Err(OutOfMemory));
    assert!(local.failure().was_torn() && local.failure().zones() == 0);
    let said = local.failure().to_string();
    assert_eq!(
        said,
        "0 zones asked; every walk was torn by a publish; 1 not asked; 1/Movable: of a higher kind than Normal"
    );
    let page = local.alloc(node, &waits).unwrap();
    assert_eq!(allocator.zone_of(page).unwrap().id(), zone_id(0, Normal));
    local.free(page).unwrap();
    assert!(local.alloc(node, &never).is_ok(), "nobody tears walks any more");
}
