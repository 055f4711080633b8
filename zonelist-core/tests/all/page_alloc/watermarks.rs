//! Watermarks: at which page requests of each urgency are refused, and the reports of low zones.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use zonelist_core::{
    NodeId, PageRequest, Request, Zone, ZoneId,
    ZoneKind::{Dma32, Movable, Normal},
    page_alloc::{OutOfMemory, Refusal},
    publish::Standard,
    zone::Urgency,
};

use super::{
    oracle::{URGENCIES, floor},
    setup::{Allocator, NoProtocol, no_protocol, torn, versions, watermarks, zone_id},
};

/// Calls `within` while no page is in per-CPU pages.
fn without_caches(allocator: &Allocator<NoProtocol, Standard>, within: &mut dyn FnMut()) {
    fn nested(allocator: &Allocator<NoProtocol, Standard>, zones: &[ZoneId], within: &mut dyn FnMut()) {
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
            let allocator = no_protocol::<Standard>();
            let request = PageRequest::up_to(highest).urgency(urgency);
            let (prepared, mut local) = (allocator.prepare(&request), allocator.local().unwrap());
            without_caches(&allocator, &mut || {
                // Each zone down to its low watermark in the order of the list, then each down to what the urgency
                // leaves.
                let lists = &versions()[0];
                let listed = lists.lists().of(node, request.zones.scope).iter().map(|entry| entry.zone());
                let listed: Vec<ZoneId> = listed.filter(|zone| zone.kind() <= highest).collect();
                let low = |zone: ZoneId| watermarks(zone).low + watermarks(zone).reserve[highest.index()];
                let plan = listed
                    .iter()
                    .map(|&zone| (zone, low(zone)))
                    .chain(listed.iter().map(|&zone| (zone, floor(zone, &request))));
                for (zone, stop) in plan {
                    while allocator.zone(zone).unwrap().free_pages() as u64 > stop {
                        let page = local.alloc(node, &prepared).unwrap();
                        assert_eq!(allocator.zone_of(&page).unwrap().id(), zone, "{highest} {urgency:?}");
                    }
                }
                assert_eq!(local.alloc(node, &prepared), Err(OutOfMemory));
                let refused: Vec<_> = local.failure().refused().collect();
                let expected = listed.iter().map(|&zone| {
                    let free = floor(zone, &request) as usize;
                    (zone, Refusal::Watermark { free, needed: free + 1 })
                });
                assert_eq!(refused, expected.collect::<Vec<_>>());
            });
        }
    }
}

#[test]
fn a_fall_below_the_low_watermark_is_reported_once() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    static FREE: AtomicUsize = AtomicUsize::new(0);
    let allocator = no_protocol::<Standard>().on_low(|zone, free| {
        assert_eq!(zone, zone_id(0, Normal));
        REPORTS.fetch_add(1, Relaxed);
        FREE.store(free, Relaxed);
    });
    let node = NodeId::new(0).unwrap();
    let own = PageRequest { zones: Request::up_to(Normal).this_node(), ..PageRequest::up_to(Normal) };
    let nodes = Some([node].into_iter().collect());
    let own = PageRequest { zones: Request { nodes, ..own.zones }, ..own };
    let (prepared, mut local) = (allocator.prepare(&own), allocator.local().unwrap());
    let zone = allocator.zone(zone_id(0, Normal)).unwrap();
    let mut pages = Vec::new();
    // The first walk stops at the low watermark of both zones; only the second takes them lower.
    while let Ok(page) = local.alloc(node, &prepared) {
        pages.push(page);
        let below = zone.free_pages() < 50;
        assert_eq!(REPORTS.load(Relaxed), usize::from(below));
    }
    assert!((40..50).contains(&FREE.load(Relaxed)));
    local.free_bulk(pages).unwrap();
    local.drain();
    assert_eq!(REPORTS.load(Relaxed), 1);
}

#[test]
fn a_page_is_not_lost_if_the_report_panics() {
    let allocator = no_protocol::<Standard>().on_low(|_, _| panic!("in the caller's code"));
    let node = NodeId::new(0).unwrap();
    let prepared = allocator.prepare(&PageRequest::up_to(Normal));
    let free = || allocator.zones().iter().map(Zone::free_pages).sum::<usize>();
    let (all, mut local) = (free(), allocator.local().unwrap());
    let (mut pages, mut panics) = (Vec::new(), 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| local.alloc(node, &prepared))) {
            Ok(Ok(page)) => pages.push(page),
            Ok(Err(_)) => break,
            Err(_) => panics += 1,
        }
    }
    assert!(panics > 0, "the function is called");
    local.free_bulk(pages).unwrap();
    drop(local);
    assert_eq!(free(), all);
}

#[test]
fn an_urgent_request_does_not_drain_other_handles() {
    let allocator = no_protocol::<Standard>();
    let node = NodeId::new(0).unwrap();
    let prepared = |urgency| allocator.prepare(&PageRequest::up_to(Dma32).urgency(urgency));
    let (mut caching, mut local) = (allocator.local().unwrap(), allocator.local().unwrap());
    let mut pages = Vec::new();
    while let Ok(page) = caching.alloc(node, &prepared(Urgency::NONE)) {
        pages.push(page);
    }
    caching.free_bulk(pages.drain(..50)).unwrap();
    let cached = allocator.stats(zone_id(0, Dma32)).unwrap().cached;
    assert_eq!(cached, 50);
    assert_eq!(
        local.alloc(node, &prepared(Urgency::NON_BLOCKING)).map(drop),
        Ok(()),
        "the request may take a quarter of the min watermark"
    );
    let mut taken = 0;
    while let Ok(page) = local.alloc(node, &prepared(Urgency::NON_BLOCKING)) {
        pages.push(page);
        taken += 1;
    }
    assert_eq!((taken, allocator.stats(zone_id(0, Dma32)).unwrap().cached), (9, 50));
    let page = local.alloc(node, &prepared(Urgency::NONE)).unwrap();
    assert_eq!(allocator.zone_of(&page).unwrap().id(), zone_id(0, Dma32), "the other handle's pages are drained");
    assert_eq!(allocator.drain(), Ok(0));
}

#[test]
fn a_request_repeats_torn_walks_unless_it_must_not_wait() {
    let node = NodeId::new(0).unwrap();
    let allocator = torn::<Standard>(1000);
    let mut local = allocator.local().unwrap();
    let waits = allocator.prepare(&PageRequest::up_to(Normal));
    let never = allocator.prepare(&PageRequest::up_to(Normal).urgency(Urgency::NON_BLOCKING));

    assert_eq!(local.alloc(node, &never), Err(OutOfMemory));
    assert!(local.failure().was_torn() && local.failure().zones() == 0);
    let report = local.failure().to_string();
    assert_eq!(
        report,
        "0 zones tried; every walk was torn by a publish; 1 not tried; 1/Movable: of a higher kind than Normal"
    );
    let page = local.alloc(node, &waits).unwrap();
    assert_eq!(allocator.zone_of(&page).unwrap().id(), zone_id(0, Normal));
    local.free(page).unwrap();
    assert!(local.alloc(node, &never).is_ok(), "no more walks are torn");
}
