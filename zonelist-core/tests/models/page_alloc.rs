//! Models of the page allocator: per-CPU pages that are drained while their handle uses them, and a zone that allocates
//! while pages are freed.

use std::sync::Arc;

use zonelist_core::{
    Mobility, NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind, Zoneref,
    conformance::models::{Bound, asymmetric, explore},
    publish::{Membarrier, Parts, Platform, Published, ReaderSlots, Scheme, Standard},
    stop_world::{StopWorld, StopWorldPreempted},
    sync::{Spin, traced::membarrier},
    table::{Capacity, Slot, Slots},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

/// One pageblock, of which a batch is four single pages: that keeps the models small.
const FRAMES: u64 = 512;
const NODE: NodeId = NodeId::new(0).unwrap();
const ZONE: ZoneId = ZoneId::new(NODE, ZoneKind::Normal);

type Allocator<S, P = Standard> = PageAllocator<'static, S, P>;

fn zone() -> Zone<'static> {
    let zone = Zone::boxed(ZONE, Pfn::range(0..FRAMES), Order::PAGEBLOCK, Spin::new()).unwrap();
    zone.add(Pfn::range(0..FRAMES)).unwrap();
    zone
}

fn allocator<S: Scheme>(scheme: impl FnOnce(Slots<Box<[Slot]>>) -> S) -> Allocator<S> {
    let table = Slots::boxed(Capacity::new(1, 1).unwrap());
    with_lists(Published::with_slots(scheme(table), ReaderSlots::boxed(1)))
}

fn with_lists<S: Scheme, P: Platform<Lock = Spin>>(published: Published<S, P>) -> Allocator<S, P> {
    publish(&published);
    PageAllocator::boxed(published, vec![zone()]).unwrap()
}

fn publish<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
    published.publish(ZonelistsRef::new(&[Zoneref::new(ZONE)], &rows).unwrap()).unwrap();
}

fn drain<S: Scheme, P: Platform>(allocator: &Allocator<S, P>) {
    allocator.drain().unwrap();
}

/// A handle with per-CPU pages allocates a page and frees one, while `meanwhile` runs in another thread.
fn drained_under_its_owner<S: Scheme + Send + Sync + 'static, P: Platform>(
    name: &str,
    preemptions: usize,
    make: impl Fn() -> Allocator<S, P> + Sync + Send + 'static,
    meanwhile: fn(&Allocator<S, P>),
) {
    explore(name, Bound::Preemptions(preemptions), move || {
        let allocator = Arc::new(make());
        let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
        let mut local = allocator.local().unwrap();
        let kept = local.alloc(NODE, &request).unwrap();
        let other = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || meanwhile(&allocator)
        });
        let page = local.alloc(NODE, &request).unwrap();
        assert_ne!(page, kept);
        local.free(kept).unwrap();
        membarrier::join(other);
        local.free(page).unwrap();
        // A leaked handle keeps its reader slot, and none of its pages.
        std::mem::forget(local);
        allocator.drain().unwrap();
        let stats = allocator.stats(ZONE).unwrap();
        assert_eq!((stats.free, stats.cached, stats.misdirected), (FRAMES as usize, 0, 0));
        assert_eq!(stats.free_by_order[9], 1);
    });
}

#[test]
fn a_cache_is_drained_under_its_owner() {
    drained_under_its_owner("pages: drained, one handshake", 3, || allocator(StopWorld::new), drain);
}

/// The handle runs no fences, and the drain makes it run one.
#[test]
fn a_cache_is_drained_by_membarrier_under_its_owner() {
    let make = || with_lists(asymmetric(StopWorld::<Box<[Slot]>>::new(Slots::boxed(Capacity::new(1, 1).unwrap())), 1));
    drained_under_its_owner("pages: drained by membarrier", 2, make, drain::<_, Parts<Membarrier>>);
}

#[test]
fn a_cache_is_drained_with_a_per_entry_protocol() {
    let make = || allocator(StopWorldPreempted::new);
    drained_under_its_owner("pages: drained, handshake of its own", 3, make, drain);
}

/// A handle without per-CPU pages is about to refill them when that is no longer allowed.
#[test]
fn a_zone_without_caches_has_none() {
    explore("pages: without caches", Bound::Preemptions(3), || {
        let allocator = Arc::new(allocator(StopWorld::new));
        let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
        let mut local = allocator.local().unwrap();
        let other = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || allocator.without_caches(ZONE, || assert_eq!(allocator.stats(ZONE).unwrap().cached, 0)).unwrap()
        });
        let page = local.alloc(NODE, &request).unwrap();
        other.join().unwrap();
        local.free(page).unwrap();
        drop(local);
        assert_eq!(allocator.zones()[0].free_pages(), FRAMES as usize);
    });
}

#[test]
fn a_publish_and_a_drain_do_not_interfere() {
    drained_under_its_owner(
        "pages: drained between publishes",
        2,
        || allocator(StopWorld::new),
        |allocator| {
            publish(allocator.published());
            allocator.drain().unwrap();
        },
    );
}

/// One thread allocates from a zone without free pages, or with just freed ones, while another thread frees pages.
#[test]
fn a_zone_allocates_while_pages_are_freed() {
    explore("zone: an allocation against a free", Bound::Exhaustive, || {
        let zone = Arc::new(zone());
        let first = zone.alloc(Order::of::<8>(), Mobility::Movable).unwrap();
        let second = zone.alloc(Order::of::<8>(), Mobility::Movable).unwrap();
        let other = loom::thread::spawn({
            let zone = Arc::clone(&zone);
            move || zone.free(first, Order::of::<8>()).unwrap()
        });
        let taken = zone.alloc(Order::ZERO, Mobility::Unmovable);
        zone.free(second, Order::of::<8>()).unwrap();
        other.join().unwrap();
        assert_eq!(zone.free_pages(), FRAMES as usize - usize::from(taken.is_some()));
        taken.into_iter().for_each(|page| zone.free(page, Order::ZERO).unwrap());
        assert_eq!((zone.free_pages(), zone.free_by_order()[9]), (FRAMES as usize, 1));
    });
}
