//! Models of the page allocator: a cache that is drained under its owner, and a zone that is taken
//! from while somebody gives back.

use std::sync::Arc;

use zonelist_core::{
    Capacity, Mobility, NodeId, NodeSpan, PageAllocator, PageRequest, Slot, Slots, Spin, StopWorld, StopWorldPreempted,
    Zone, ZoneId, ZoneKind, ZonelistsRef, Zoneref,
    conformance::models::{Bound, asymmetric, explore},
    publish::{Barrier, FullFence, Membarrier, Published, Scheme},
    sync::traced::membarrier,
};

/// A pageblock: a batch is four single pages, so that a model is small.
const FRAMES: u64 = 512;
const NODE: NodeId = NodeId::new(0).unwrap();
const ZONE: ZoneId = ZoneId::new(NODE, ZoneKind::Normal);

type Allocator<S, B = FullFence> = PageAllocator<'static, S, B, Spin, 1>;

fn zone() -> Zone<'static> {
    let zone = Zone::boxed(ZONE, 0..FRAMES, 9, Spin::new()).unwrap();
    zone.add(0..FRAMES).unwrap();
    zone
}

fn allocator<S: Scheme>(scheme: impl FnOnce(Slots<Box<[Slot]>>) -> S) -> Allocator<S> {
    over(Published::new(scheme(Slots::boxed(Capacity::new(1, 1).unwrap()))))
}

fn over<S: Scheme, B: Barrier>(published: Published<S, B, 1>) -> Allocator<S, B> {
    publish(&published);
    PageAllocator::boxed(published, vec![zone()]).unwrap()
}

fn publish<S: Scheme, B: Barrier>(published: &Published<S, B, 1>) {
    let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
    published.publish(ZonelistsRef::new(&[Zoneref::new(ZONE)], &rows).unwrap()).unwrap();
}

fn drain<S: Scheme, B: Barrier>(allocator: &Allocator<S, B>) {
    allocator.drain().unwrap();
}

/// An owner with pages at hand takes one and gives one back while another drains.
fn drained_under_its_owner<S: Scheme + Send + Sync + 'static, B: Barrier>(
    name: &str,
    preemptions: usize,
    make: impl Fn() -> Allocator<S, B> + Sync + Send + 'static,
    meanwhile: fn(&Allocator<S, B>),
) {
    explore(name, Bound::Preemptions(preemptions), move || {
        let allocator = Arc::new(make());
        let class = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal)).unwrap();
        let mut local = allocator.local().unwrap();
        let kept = local.alloc(NODE, &class).unwrap();
        let other = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || meanwhile(&allocator)
        });
        let page = local.alloc(NODE, &class).unwrap();
        assert_ne!(page, kept);
        local.free(kept).unwrap();
        membarrier::join(other);
        local.free(page).unwrap();
        // A handle that is leaked keeps its seat, and none of its pages.
        std::mem::forget(local);
        allocator.drain().unwrap();
        let stats = allocator.stats(ZONE).unwrap();
        assert_eq!((stats.free, stats.cached, stats.misdirected), (FRAMES as usize, 0, 0));
        assert_eq!(stats.free_by_order[9], 1);
    });
}

#[test]
fn a_cache_is_drained_under_its_owner() {
    drained_under_its_owner("pages: drained, readers seated", 3, || allocator(StopWorld::new), drain);
}

/// The owner goes without fences, and the drain has it run one.
#[test]
fn a_cache_is_drained_by_membarrier_under_its_owner() {
    let make = || over(asymmetric(StopWorld::<Box<[Slot]>>::new(Slots::boxed(Capacity::new(1, 1).unwrap()))));
    drained_under_its_owner("pages: drained by membarrier", 2, make, drain::<_, Membarrier>);
}

#[test]
fn a_cache_is_drained_with_a_per_entry_protocol() {
    let make = || allocator(StopWorldPreempted::new);
    drained_under_its_owner("pages: drained, readers seated by steps", 3, make, drain);
}

/// An owner with nothing at hand is about to fill its cache when it must not any more.
#[test]
fn a_zone_without_caches_has_none() {
    explore("pages: without caches", Bound::Preemptions(3), || {
        let allocator = Arc::new(allocator(StopWorld::new));
        let class = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal)).unwrap();
        let mut local = allocator.local().unwrap();
        let other = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || allocator.without_caches(ZONE, || assert_eq!(allocator.stats(ZONE).unwrap().cached, 0)).unwrap()
        });
        let page = local.alloc(NODE, &class).unwrap();
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
        |pages| {
            publish(pages.published());
            pages.drain().unwrap();
        },
    );
}

/// One takes a zone's only free page, or finds none, while another gives pages back.
#[test]
fn a_zone_allocates_while_pages_are_freed() {
    explore("zone: an allocation against a free", Bound::Exhaustive, || {
        let zone = Arc::new(zone());
        let first = zone.alloc(8, Mobility::Movable).unwrap();
        let second = zone.alloc(8, Mobility::Movable).unwrap();
        let other = loom::thread::spawn({
            let zone = Arc::clone(&zone);
            move || zone.free(first, 8).unwrap()
        });
        let taken = zone.alloc(0, Mobility::Unmovable);
        zone.free(second, 8).unwrap();
        other.join().unwrap();
        assert_eq!(zone.free_pages(), FRAMES as usize - usize::from(taken.is_some()));
        taken.into_iter().for_each(|page| zone.free(page, 0).unwrap());
        assert_eq!((zone.free_pages(), zone.free_by_order()[9]), (FRAMES as usize, 1));
    });
}
