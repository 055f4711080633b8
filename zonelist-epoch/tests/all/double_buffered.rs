//! Tests of the double-buffered schemes beyond consistency: errors, leaks, cursors, registration and grace periods.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind, Zoneref,
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, PublishError, Published, ReaderError, ReaderSlots, Scheme, Version},
    sync::Spin,
    table::{Capacity, Slot},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};

fn asymmetric<const READERS: usize>(capacity: Capacity) -> Published<AsymmetricEpoch> {
    Published::with_slots(AsymmetricEpoch::boxed(capacity), ReaderSlots::boxed(READERS))
}

fn qsbr<const READERS: usize>(capacity: Capacity) -> Published<Qsbr> {
    Published::with_slots(Qsbr::boxed(capacity), ReaderSlots::boxed(READERS))
}

#[test]
fn readers_see_what_is_published() {
    basics::shows_what_is_published(&asymmetric::<1>(Sample::CAPACITY));
    basics::shows_what_is_published(&qsbr::<1>(Sample::CAPACITY));
}

#[test]
fn tables_can_be_in_memory_of_the_caller() {
    let words = |count: usize| Vec::from_iter((0..count).map(|_| Slot::new())).leak();
    let twice = 2 * Sample::CAPACITY.words();
    let published: Published<_> = Published::with_slots(
        AsymmetricEpoch::in_place(words(twice), Sample::CAPACITY).unwrap(),
        ReaderSlots::boxed(1),
    );
    basics::shows_what_is_published(&published);
    let published: Published<_> =
        Published::with_slots(Qsbr::in_place(words(twice), Sample::CAPACITY).unwrap(), ReaderSlots::boxed(1));
    basics::shows_what_is_published(&published);
    for wrong in [0, Sample::CAPACITY.words(), twice - 1, twice + 1] {
        assert!(AsymmetricEpoch::in_place(words(wrong), Sample::CAPACITY).is_none());
        assert!(Qsbr::in_place(words(wrong), Sample::CAPACITY).is_none());
    }
}

#[test]
fn concurrent_publishers_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&asymmetric::<1>(Sample::CAPACITY));
    basics::concurrent_publishers_lose_no_version(&qsbr::<1>(Sample::CAPACITY));
}

#[test]
fn lists_that_do_not_fit_are_refused_without_a_wait() {
    let little = Capacity::new(3, 3).unwrap();
    basics::what_does_not_fit_is_not_published(&asymmetric::<1>(little));
    basics::what_does_not_fit_is_not_published(&qsbr::<1>(little));
}

/// A publish of `AsymmetricEpoch` runs a heavy half behind its swap; if that fails, the next call reports it. `Qsbr` runs
/// none while no handle of an allocator is registered.
#[test]
fn a_failed_barrier_is_reported() {
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(AsymmetricEpoch::boxed(Sample::CAPACITY), ReaderSlots::boxed(2));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 24, "one a publish");
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(Qsbr::boxed(Sample::CAPACITY), ReaderSlots::boxed(2));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0, "its readers run fences where they need one");
}

#[test]
fn a_leaked_guard_goes_with_its_reader() {
    basics::a_leaked_guard_goes_with_its_reader(&asymmetric::<2>(Sample::CAPACITY));
    basics::a_leaked_guard_goes_with_its_reader(&qsbr::<2>(Sample::CAPACITY));
}

#[test]
fn a_failed_barrier_retires_nothing() {
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(AsymmetricEpoch::boxed(Sample::CAPACITY), ReaderSlots::boxed(1));
    basics::a_failed_barrier_retires_nothing(&published);
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(Qsbr::boxed(Sample::CAPACITY), ReaderSlots::boxed(1));
    basics::a_failed_barrier_retires_nothing(&published);
}

#[test]
fn a_cursor_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&asymmetric::<1>(Sample::CAPACITY));
    basics::a_cursor_goes_on_from_where_it_stood(&qsbr::<1>(Sample::CAPACITY));
}

#[test]
fn short_lived_readers_find_their_slots() {
    basics::short_lived_readers_find_their_slots(&asymmetric::<1>(Sample::CAPACITY));
    basics::short_lived_readers_find_their_slots(&qsbr::<1>(Sample::CAPACITY));
}

#[test]
fn asymmetric_epoch_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&asymmetric::<1>(Sample::CAPACITY));
}

#[test]
fn qsbr_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&qsbr::<1>(Sample::CAPACITY));
}

/// With a reader within a walk, the next publish returns, and the one after it has no table to write.
fn a_stalled_walk_holds_up_the_publish_after_the_next<S: Scheme>(published: &Published<S>) {
    let Sample { versions, requests } = Sample::default();
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let walking = AtomicBool::new(true);
    thread::scope(|scope| {
        let guard = reader.enter();
        let mut walk = guard.walk(node, &filter);
        let list = versions[0].lists().of(node, request.scope);
        assert_eq!(walk.next(), list.first().copied());
        assert_eq!(published.try_publish(&versions[1]), Ok(Version::of(2)));
        for _ in 0..3 {
            assert_eq!(published.try_publish(&versions[2]), Err(PublishError::Busy));
        }
        let waits = scope.spawn(|| {
            let version = published.publish(&versions[2]);
            assert!(!walking.load(SeqCst), "a publish has written over the version of a walk");
            version
        });
        for _ in 0..2000 {
            thread::yield_now();
        }
        assert!(walk.eq(list[1..].iter().copied()), "the walk goes on over its version");
        assert!(guard.walk(node, &filter).eq(list.iter().copied()), "a new walk of the guard shows the same version");
        walking.store(false, SeqCst);
        drop(guard);
        let version = reader.offline(|| waits.join().unwrap());
        assert_eq!(version, Ok(Version::of(3)), "refused publishes have used no number");
    });
    assert!(reader.enter().walk(node, &filter).eq(versions[2].lists().of(node, request.scope).iter().copied()));
}

#[test]
fn a_stalled_walk_under_asymmetric_epoch_holds_up_the_publish_after_the_next() {
    a_stalled_walk_holds_up_the_publish_after_the_next(&asymmetric::<1>(Sample::CAPACITY));
}

#[test]
fn a_stalled_walk_under_qsbr_holds_up_the_publish_after_the_next() {
    a_stalled_walk_holds_up_the_publish_after_the_next(&qsbr::<1>(Sample::CAPACITY));
}

#[test]
fn a_leaked_reader_of_asymmetric_epoch_costs_its_slot_and_no_more() {
    let (versions, published) = (Sample::default().versions, asymmetric::<1>(Sample::CAPACITY));
    mem::forget(published.reader().unwrap());
    assert_eq!(published.reader().err(), Some(ReaderError::NoSlot { slots: 1 }));
    for version in versions.iter().cycle().take(10) {
        published.try_publish(version).unwrap();
    }
}

#[test]
fn a_leaked_guard_of_asymmetric_epoch_makes_publishes_busy() {
    let (versions, published) = (Sample::default().versions, asymmetric::<1>(Sample::CAPACITY));
    published.publish(&versions[0]).unwrap();
    let mut reader = published.reader().unwrap();
    mem::forget(reader.enter());
    published.try_publish(&versions[1]).unwrap();
    assert_eq!(published.try_publish(&versions[2]), Err(PublishError::Busy));
    // The reader enters and leaves once more, which ends the leaked critical section.
    drop(reader.enter());
    published.try_publish(&versions[2]).unwrap();
}

#[test]
fn a_leaked_reader_of_qsbr_makes_publishes_busy() {
    let (versions, published) = (Sample::default().versions, qsbr::<1>(Sample::CAPACITY));
    published.publish(&versions[0]).unwrap();
    mem::forget(published.reader().unwrap());
    published.try_publish(&versions[1]).unwrap();
    for _ in 0..3 {
        assert_eq!(published.try_publish(&versions[2]), Err(PublishError::Busy));
    }
}

#[test]
fn a_reader_of_qsbr_owes_a_quiescent_state_between_publishes() {
    let (versions, published) = (Sample::default().versions, qsbr::<1>(Sample::CAPACITY));
    let mut reader = published.reader().unwrap();
    let publish = || published.try_publish(&versions[0]).map(Version::number);
    assert_eq!((publish(), publish()), (Ok(1), Err(PublishError::Busy)));
    reader.quiescent();
    assert_eq!((publish(), publish()), (Ok(2), Err(PublishError::Busy)));
    // Several quiescent states in a row count as one.
    reader.quiescent();
    reader.quiescent();
    assert_eq!((publish(), publish()), (Ok(3), Err(PublishError::Busy)));
    reader.offline(|| assert_eq!((publish(), publish()), (Ok(4), Ok(5))));
    assert_eq!(
        (publish(), publish()),
        (Ok(6), Err(PublishError::Busy)),
        "online again, it may walk the current version"
    );
    drop(reader);
    assert_eq!((publish(), publish()), (Ok(7), Ok(8)));
}

#[test]
fn a_reader_of_qsbr_is_online_again_after_a_panic() {
    let (versions, published) = (Sample::default().versions, qsbr::<1>(Sample::CAPACITY));
    published.publish(&versions[0]).unwrap();
    let mut reader = published.reader().unwrap();
    let offline = std::panic::AssertUnwindSafe(|| reader.offline(|| panic!("while offline")));
    assert!(std::panic::catch_unwind(offline).is_err());
    published.try_publish(&versions[1]).unwrap();
    assert_eq!(published.try_publish(&versions[2]), Err(PublishError::Busy));
}

/// Handles of an allocator are online only within an operation, so that publishes wait for them no longer than that.
#[test]
fn handles_of_an_allocator_over_qsbr_owe_no_quiescent_state() {
    let node = NodeId::new(0).unwrap();
    let id = ZoneId::new(node, ZoneKind::Normal);
    let zone = Zone::boxed(id, Pfn::range(0..512), Order::PAGEBLOCK, Spin::new()).unwrap();
    zone.add(Pfn::range(0..512)).unwrap();
    let allocator = PageAllocator::boxed(qsbr::<2>(Capacity::new(1, 1).unwrap()), vec![zone]).unwrap();
    let (zonerefs, rows) = ([Zoneref::new(id)], [NodeSpan { start: 0, len: 1, own: 1 }]);
    let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
    let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    let mut local = allocator.local().unwrap();
    for _ in 0..10 {
        allocator.published().try_publish(lists).unwrap();
        let page = local.alloc(node, &request).unwrap();
        allocator.published().try_publish(ZonelistsRef::EMPTY).unwrap();
        assert!(local.alloc(node, &request).is_err());
        allocator.drain().unwrap();
        local.free(page).unwrap();
    }
    mem::forget(local);
    allocator.published().try_publish(lists).unwrap();
    // A drain does not wait for a plain reader that is online.
    let _reader = allocator.published().reader().unwrap();
    assert_eq!(allocator.without_caches(id, || allocator.zones()[0].free_pages()), Ok(512));
}
