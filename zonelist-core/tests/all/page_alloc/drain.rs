//! Drains: what a drain waits for, the state after a failed drain, and drains without effect.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
    time::Duration,
};

use zonelist_core::{
    Page, PageRequest,
    ZoneKind::{Dma32, Movable, Normal},
    conformance::Unreliable,
    publish::{BarrierError, Parts, PublishError, Scheme, Standard},
    stop_world::StopWorld,
    table::Slot,
    zone::Order,
};

use super::{
    hooked_lock,
    setup::{Allocator, ZONES, no_protocol, preempted, stop_world, versions, zone_id},
};

/// Runs a closure in a thread; panics if the closure does not return in time.
fn ends(what: impl FnOnce() + Send + 'static) {
    let (ends, has_ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        what();
        ends.send(()).unwrap();
    });
    if has_ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("expected the call to return within 60 s");
    }
    thread.join().unwrap();
}

/// A handle with per-CPU pages, and pages that it has allocated.
macro_rules! caching_handle {
    ($allocator:expr) => {{
        let request = $allocator.prepare(&PageRequest::up_to(Movable));
        let mut local = $allocator.local().unwrap();
        let mut pages: Vec<Page> = (0..20).map(|_| local.alloc(ZONES[0].0.node(), &request).unwrap()).collect();
        local.free_bulk(pages.drain(..10)).unwrap();
        assert!($allocator.zones().iter().any(|zone| $allocator.stats(zone.id()).unwrap().cached > 0));
        (local, pages)
    }};
}

/// Drains while this thread is within a guard of a plain reader.
fn drained_within_a_guard<S: Scheme>(allocator: &Allocator<S, Standard>) {
    let (mut local, mut pages) = caching_handle!(allocator);
    let mut reader = allocator.published().reader().unwrap();
    let guard = reader.enter();
    assert!(allocator.drain().unwrap() > 0);
    local.free(pages.pop().unwrap()).unwrap();
    assert!(allocator.drain_zone(zone_id(0, Normal)).is_ok());
    assert_eq!(allocator.without_caches(zone_id(0, Normal), || 7), Ok(7));
    let request = allocator.prepare(&PageRequest::up_to(Dma32).order(Order::MAX));
    while local.alloc(ZONES[0].0.node(), &request).is_ok() {}
    drop(guard);
}

#[test]
fn a_drain_does_not_wait_for_guards() {
    ends(|| drained_within_a_guard(&stop_world()));
    ends(|| drained_within_a_guard(&preempted()));
    ends(|| drained_within_a_guard(&no_protocol()));
}

/// A publish waits for this thread's guard, and has stopped readers. Only walks have to wait for the publish.
#[test]
fn pages_and_handles_are_freed_within_a_guard_that_a_publish_waits_for() {
    ends(|| {
        let allocator = stop_world::<Standard>();
        let (mut local, mut pages) = caching_handle!(allocator);
        let (other, _) = caching_handle!(allocator);
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
            assert!(!publish.is_finished(), "the publish ended within a guard");
            drop(guard);
            publish.join().unwrap().unwrap();
        });
    });
}

/// The barrier pair fails here, so that a run of the heavy half is detected.
#[test]
fn a_drain_of_nothing_runs_no_heavy_barrier() {
    let allocator = no_protocol::<Parts<Unreliable>>();
    let request = allocator.prepare(&PageRequest::up_to(Dma32).order(Order::MAX));
    let mut local = allocator.local().unwrap();
    while local.alloc(ZONES[0].0.node(), &request).is_ok() {}
    let (refused, failures) = Unreliable::failing(12, || local.alloc(ZONES[0].0.node(), &request));
    assert!(refused.is_err() && failures == 0 && local.failure().undrained().is_none());
    let (drained, failures) = Unreliable::failing(12, || (allocator.drain(), allocator.drain_zone(zone_id(0, Dma32))));
    assert_eq!((drained, failures), ((Ok(0), Ok(0)), 0));

    let _caching_handle = caching_handle!(allocator);
    let (refused, failures) = Unreliable::failing(12, || local.alloc(ZONES[0].0.node(), &request));
    assert!(refused.is_err() && failures == 1);
    assert_eq!(local.failure().undrained(), Some(BarrierError { errno: 12 }));
    assert!(
        local.failure().to_string().contains("; per-CPU pages not drained: the system refused"),
        "{}",
        local.failure()
    );
}

#[test]
fn a_failed_drain_moves_no_page_and_lends_all_caches_again() {
    let allocator = stop_world::<Parts<Unreliable>>();
    let (mut local, pages) = caching_handle!(allocator);
    let stats = || ZONES.map(|zone| allocator.stats(zone.0).unwrap());
    let before = stats();
    let error = Err(BarrierError { errno: 1 });
    let (outcomes, failures) = Unreliable::failing(1, || {
        let zone = before.iter().find(|stats| stats.cached > 0).unwrap().zone;
        let called = || unreachable!("per-CPU pages are in use");
        (allocator.drain(), allocator.drain_zone(zone), allocator.without_caches::<()>(zone, called))
    });
    assert_eq!((outcomes, failures), ((error, error, Err(BarrierError { errno: 1 })), 3));
    assert_eq!(stats(), before);
    // Per-CPU pages that had stayed revoked would not be used any more.
    let request = allocator.prepare(&PageRequest::up_to(Movable));
    let page = local.alloc(ZONES[0].0.node(), &request).unwrap();
    local.free(page).unwrap();
    let sum = |stats: [zonelist_core::page_alloc::ZoneStats; 4]| stats.iter().map(|stats| stats.hits).sum::<usize>();
    assert_eq!(sum(stats()), sum(before) + 1);
    local.free_bulk(pages).unwrap();
    drop(local);
    assert_eq!(allocator.drain(), Ok(0));
}

/// A failure that a publish could not report is reported by the first drain, which does nothing else.
#[test]
fn a_drain_reports_the_failure_of_an_earlier_publish() {
    use zonelist_core::{NodeId, Request, table::Slots, zonelist::ZonelistsRef};

    /// Starts a grace period after its swap.
    #[derive(Debug)]
    struct StartsGracePeriod(Slots<Box<[Slot]>>);
    impl Scheme for StartsGracePeriod {
        const FACTS: zonelist_core::publish::Facts = <StopWorld<Box<[Slot]>>>::FACTS;
        const PROTOCOL: zonelist_core::publish::ReaderProtocol =
            zonelist_core::publish::ReaderProtocol::CriticalSection;
        type Local = ();
        type Filter = zonelist_core::table::SlotFilter;
        type Pinned<'g> = &'g Self;
        type Walk<'w> = zonelist_core::table::SlotWalk<'w, Slot>;
        fn local(&self) {}
        fn filter(&self, request: &Request) -> Self::Filter {
            zonelist_core::table::SlotFilter::new(request)
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

    let allocator = super::setup::allocator::<_, Parts<Unreliable>>(StartsGracePeriod);
    let _caching_handle = caching_handle!(allocator);
    let publish = || Unreliable::failing(5, || allocator.published().publish(&versions()[1])).0.unwrap();
    let (zone, error) = (zone_id(1, Movable), BarrierError { errno: 5 });
    publish();
    assert_eq!(allocator.drain(), Err(error));
    publish();
    assert_eq!(allocator.drain_zone(zone), Err(error));
    publish();
    assert_eq!(allocator.without_caches::<()>(zone, || unreachable!("the drain fails before")), Err(error));
    publish();
    assert_eq!(allocator.published().try_publish(&versions()[0]), Err(PublishError::Barrier(error)));
    assert!(allocator.drain().unwrap() > 0, "each is reported once");
    publish();
    // A refused request drains, but does not report the publish's failure.
    let _caching_handle = caching_handle!(allocator);
    let request = allocator.prepare(&PageRequest::up_to(Dma32).order(Order::MAX));
    let mut local = allocator.local().unwrap();
    while local.alloc(ZONES[0].0.node(), &request).is_ok() {}
    assert!(local.failure().undrained().is_none());
    assert_eq!(allocator.published().publish(&versions()[0]), Err(PublishError::Barrier(error)));
}

/// A zone's lock, which is the caller's code, panics during a drain.
#[test]
fn a_panic_in_a_drain_leaves_no_cache_revoked_and_no_page_lost() {
    let allocator = hooked_lock::allocator::<zonelist_core::publish::FullFence>();
    let request = allocator.prepare(&PageRequest::up_to(Movable));
    let fill = |local: &mut zonelist_core::LocalHandle<'_, '_, _, _>| {
        let pages: Vec<Page> = (0..20).map(|_| local.alloc(hooked_lock::NODE, &request).unwrap()).collect();
        local.free_bulk(pages).unwrap();
    };
    let (mut one, mut other) = (allocator.local().unwrap(), allocator.local().unwrap());
    fill(&mut one);
    fill(&mut other);
    let hits = || allocator.stats(hooked_lock::ZONES[0]).unwrap().hits;
    let panics = |what: &mut dyn FnMut()| {
        let hook = || panic!("in the caller's code");
        assert!(catch_unwind(AssertUnwindSafe(|| hooked_lock::before_each_lock(hook, what))).is_err());
    };
    panics(&mut || _ = allocator.drain());
    panics(&mut || _ = allocator.without_caches(hooked_lock::ZONES[0], || ()));
    let before = hits();
    fill(&mut one);
    fill(&mut other);
    assert_eq!(hits(), before + 40, "all per-CPU pages are in use");
    // A drop of a handle that panics leaves its pages to the next drain, and its slot to the next handle.
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
