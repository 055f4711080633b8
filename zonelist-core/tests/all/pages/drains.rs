//! What a drain waits for, what it leaves behind when it fails, and when it is not made at all.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::Duration,
};

use zonelist_core::{
    Page, PageRequest, Slot, StopWorld,
    ZoneKind::{Dma32, Movable, Normal},
    conformance::Unreliable,
    publish::{BarrierError, FullFence, PublishError, Scheme},
};

use super::{
    hooked,
    setup::{Allocator, ZONES, loose, preempted, stop_world, versions, zone_id},
};

/// Fails instead of hanging, if it hangs.
fn ends(what: impl FnOnce() + Send + 'static) {
    let (ends, has_ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        what();
        ends.send(()).unwrap();
    });
    if has_ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    thread.join().unwrap();
}

/// A handle with pages at hand: some it has given back, and some it still holds.
macro_rules! hoarder {
    ($allocator:expr) => {{
        let class = $allocator.prepare(&PageRequest::up_to(Movable)).unwrap();
        let mut local = $allocator.local().unwrap();
        let mut pages: Vec<Page> = (0..20).map(|_| local.alloc(ZONES[0].0.node(), &class).unwrap()).collect();
        local.free_bulk(pages.drain(..10)).unwrap();
        assert!($allocator.zones().iter().any(|zone| $allocator.stats(zone.id()).unwrap().cached > 0));
        (local, pages)
    }};
}

/// With this thread within a guard of a plain reader.
fn drained_within_a_guard<S: Scheme>(allocator: &Allocator<S, FullFence>) {
    let (mut local, mut pages) = hoarder!(allocator);
    let mut reader = allocator.published().reader().unwrap();
    let guard = reader.enter();
    assert!(allocator.drain().unwrap() > 0);
    local.free(pages.pop().unwrap()).unwrap();
    assert!(allocator.drain_zone(zone_id(0, Normal)).is_ok());
    assert_eq!(allocator.without_caches(zone_id(0, Normal), || 7), Ok(7));
    let class = allocator.prepare(&PageRequest::up_to(Dma32).order(10)).unwrap();
    while local.alloc(ZONES[0].0.node(), &class).is_ok() {}
    drop(guard);
}

#[test]
fn guards_are_not_waited_for() {
    ends(|| drained_within_a_guard(&stop_world()));
    ends(|| drained_within_a_guard(&preempted()));
    ends(|| drained_within_a_guard(&loose()));
}

/// A publish waits for this thread's guard, and has readers stopped. Nothing but a walk has to wait for it.
#[test]
fn pages_and_handles_come_back_within_a_guard_that_a_publish_waits_for() {
    ends(|| {
        let allocator = stop_world::<FullFence>();
        let (mut local, mut pages) = hoarder!(allocator);
        let (other, _) = hoarder!(allocator);
        let mut reader = allocator.published().reader().unwrap();
        thread::scope(|scope| {
            let guard = reader.enter();
            let publish = scope.spawn(|| allocator.published().publish(&versions()[1]));
            while allocator.published().try_publish(&versions()[1]) != Err(PublishError::Busy) {
                thread::yield_now();
            }
            local.free(pages.pop().unwrap()).unwrap();
            local.try_free(pages.pop().unwrap()).unwrap();
            local.drain();
            local.free_bulk(pages.drain(..)).unwrap();
            drop(other);
            drop(allocator.local().unwrap());
            assert!(allocator.drain().is_ok());
            drop(local);
            assert!(!publish.is_finished(), "a publish ended within a walk");
            drop(guard);
            publish.join().unwrap().unwrap();
        });
    });
}

/// The barrier pair fails here, so that a heavy half that runs is seen.
#[test]
fn with_nothing_to_drain_nobody_is_disturbed() {
    let allocator = loose::<Unreliable>();
    let class = allocator.prepare(&PageRequest::up_to(Dma32).order(10)).unwrap();
    let mut local = allocator.local().unwrap();
    while local.alloc(ZONES[0].0.node(), &class).is_ok() {}
    let (refused, failures) = Unreliable::failing(12, || local.alloc(ZONES[0].0.node(), &class));
    assert!(refused.is_err() && failures == 0 && local.failure().undrained().is_none());
    let (drained, failures) = Unreliable::failing(12, || (allocator.drain(), allocator.drain_zone(zone_id(0, Dma32))));
    assert_eq!((drained, failures), ((Ok(0), Ok(0)), 0));

    let _hoarder = hoarder!(allocator);
    let (refused, failures) = Unreliable::failing(12, || local.alloc(ZONES[0].0.node(), &class));
    assert!(refused.is_err() && failures == 1);
    assert_eq!(local.failure().undrained(), Some(BarrierError { errno: 12 }));
    assert!(local.failure().to_string().contains("; caches not drained: the system refused"), "{}", local.failure());
}

#[test]
fn a_drain_that_fails_takes_nothing_and_gives_all_caches_back() {
    let allocator = stop_world::<Unreliable>();
    let (mut local, pages) = hoarder!(allocator);
    let stats = || ZONES.map(|zone| allocator.stats(zone.0).unwrap());
    let before = stats();
    let error = Err(BarrierError { errno: 1 });
    let (outcomes, failures) = Unreliable::failing(1, || {
        let zone = before.iter().find(|stats| stats.cached > 0).unwrap().zone;
        let called = || unreachable!("caches are in use");
        (allocator.drain(), allocator.drain_zone(zone), allocator.without_caches::<()>(zone, called))
    });
    assert_eq!((outcomes, failures), ((error, error, Err(BarrierError { errno: 1 })), 3));
    assert_eq!(stats(), before);
    // A cache that had stayed revoked would not be used any more.
    let class = allocator.prepare(&PageRequest::up_to(Movable)).unwrap();
    let page = local.alloc(ZONES[0].0.node(), &class).unwrap();
    local.free(page).unwrap();
    let sum = |stats: [zonelist_core::ZoneStats; 4]| stats.iter().map(|stats| stats.hits).sum::<usize>();
    assert_eq!(sum(stats()), sum(before) + 1);
    local.free_bulk(pages).unwrap();
    drop(local);
    assert_eq!(allocator.drain(), Ok(0));
}

/// What a publish could not report, the first drain does, and does nothing else.
#[test]
fn a_drain_reports_what_a_publish_could_not() {
    use zonelist_core::{NodeId, Request, Slots, ZonelistsRef};

    /// Asks behind its swap, as schemes with grace periods do.
    #[derive(Debug)]
    struct Asks(Slots<Box<[Slot]>>);
    impl Scheme for Asks {
        const FACTS: zonelist_core::publish::Facts = <StopWorld<Box<[Slot]>>>::FACTS;
        const PROTOCOL: zonelist_core::publish::ReaderProtocol =
            zonelist_core::publish::ReaderProtocol::CriticalSection;
        type Local = ();
        type Filter = zonelist_core::SlotFilter;
        type Pinned<'g> = &'g Self;
        type Walk<'w> = zonelist_core::SlotWalk<'w, Slot>;
        fn local(&self) {}
        fn filter(&self, request: &Request) -> Self::Filter {
            zonelist_core::SlotFilter::new(request)
        }
        fn pin<'g>(&'g self, (): &'g (), _: zonelist_core::publish::ReadToken<'g, Self>) -> &'g Self {
            self
        }
        fn walk<'w, 'g: 'w>(table: &'w &'g Self, node: NodeId, filter: &'w Self::Filter) -> Self::Walk<'w> {
            table.0.walk(node, filter)
        }
        fn publish(
            &self,
            next: ZonelistsRef<'_>,
            writer: &mut zonelist_core::publish::Writer<'_>,
        ) -> Result<(), PublishError> {
            self.0.rewrite(next)?;
            writer.start_grace_period();
            Ok(())
        }
    }

    let allocator = super::setup::allocator::<_, Unreliable>(Asks);
    let _hoarder = hoarder!(allocator);
    let publish = || Unreliable::failing(5, || allocator.published().publish(&versions()[1])).0.unwrap();
    let (zone, error) = (zone_id(1, Movable), BarrierError { errno: 5 });
    publish();
    assert_eq!(allocator.drain(), Err(error));
    publish();
    assert_eq!(allocator.drain_zone(zone), Err(error));
    publish();
    assert_eq!(allocator.without_caches::<()>(zone, || unreachable!("nothing else is done")), Err(error));
    publish();
    assert_eq!(allocator.published().try_publish(&versions()[0]), Err(PublishError::Barrier(error)));
    assert!(allocator.drain().unwrap() > 0, "each is reported once");
    publish();
    // A refused request drains, and what others have to report is not its business.
    let _hoarder = hoarder!(allocator);
    let class = allocator.prepare(&PageRequest::up_to(Dma32).order(10)).unwrap();
    let mut local = allocator.local().unwrap();
    while local.alloc(ZONES[0].0.node(), &class).is_ok() {}
    assert!(local.failure().undrained().is_none());
    assert_eq!(allocator.published().publish(&versions()[0]), Err(PublishError::Barrier(error)));
}

/// A zone's lock panics amid a drain, as a caller's code may.
#[test]
fn a_panic_in_a_drain_leaves_no_cache_revoked_and_no_page_lost() {
    let allocator = hooked::allocator::<FullFence>();
    let class = allocator.prepare(&PageRequest::up_to(Movable)).unwrap();
    let fill = |local: &mut zonelist_core::LocalHandle<'_, '_, _, _, _, 4>| {
        let pages: Vec<Page> = (0..20).map(|_| local.alloc(hooked::NODE, &class).unwrap()).collect();
        local.free_bulk(pages).unwrap();
    };
    let (mut one, mut other) = (allocator.local().unwrap(), allocator.local().unwrap());
    fill(&mut one);
    fill(&mut other);
    let hits = || allocator.stats(hooked::ZONES[0]).unwrap().hits;
    let panics = |what: &mut dyn FnMut()| {
        let hook = || panic!("as a caller's code may");
        assert!(catch_unwind(AssertUnwindSafe(|| hooked::before_each_lock(hook, what))).is_err());
    };
    panics(&mut || _ = allocator.drain());
    panics(&mut || _ = allocator.without_caches(hooked::ZONES[0], || ()));
    let before = hits();
    fill(&mut one);
    fill(&mut other);
    assert_eq!(hits(), before + 40, "all caches are in use");
    // A handle that goes amid a panic leaves its pages to the next drain, and its slot to the next handle.
    panics(&mut || drop(mem::replace(&mut one, allocator.local().unwrap())));
    drop((one, other));
    let handles: Vec<_> = (0..4).map(|_| allocator.local().unwrap()).collect();
    assert_eq!(handles.len(), 4, "no slot is lost");
    allocator.drain().unwrap();
    for zone in allocator.zones() {
        let stats = allocator.stats(zone.id()).unwrap();
        assert_eq!((stats.free, stats.cached, stats.misdirected), (stats.managed, 0, 0));
    }
}
