//! Checks that every scheme must pass, whatever its guarantee: each is a function that the scheme's tests call.
//!
//! A check panics if the scheme fails it. Each needs a scheme through which nothing has been published yet.

use std::{
    mem,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    vec::Vec,
};

pub use super::rolled_back::a_publish_that_is_rolled_back_hides_no_torn_walk;
use super::{Sample, Unreliable};
use crate::{
    NodeId, Request, ZoneKind, Zonelists, Zoneref,
    ids::NodeSet,
    publish::{
        BarrierError, Guard, NotRetired, Parts, Platform, PublishError, Published, Reclaim, Scheme, Version, WaitError,
    },
    table::Capacity,
    zonelist::{Scope, ZonelistsRef},
};

/// Yields in which another thread could do what it must not do.
const YIELDS: usize = 2000;

/// Checks that every list is empty before the first publish, and is afterwards the one that was published last.
/// Versions are numbered from 1 on.
///
/// # Panics
/// A walk shows anything else, or a version has another number.
pub fn shows_what_is_published<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let mut reader = published.reader().expect("a reader slot");
    shows(published, &reader.enter(), ZonelistsRef::EMPTY);
    let versions = Sample::default().versions;
    for (number, version) in (1..).zip(versions.iter().cycle().take(10)) {
        assert_eq!(published.publish(version), Ok(Version::of(number)));
        shows(published, &reader.enter(), version.lists());
        reader.quiescent();
    }
    assert_eq!(published.publish(ZonelistsRef::EMPTY), Ok(Version::of(11)));
    shows(published, &reader.enter(), ZonelistsRef::EMPTY);
}

/// Asserts that walks of every list, by requests of every kind, show these lists.
fn shows<S: Scheme, P: Platform>(published: &Published<S, P>, guard: &Guard<'_, S>, lists: ZonelistsRef<'_>) {
    let masks = [None, Some(NodeSet::EMPTY), Some(NodeSet::ALL.iter().skip(1).take(1).collect())];
    for (highest, scope, nodes) in ZoneKind::ALL.into_iter().flat_map(|kind| {
        let scopes = [Scope::Fallback, Scope::ThisNode];
        scopes.into_iter().flat_map(move |scope| masks.map(|nodes| (kind, scope, nodes)))
    }) {
        let request = Request { scope, highest, nodes };
        let filter = published.filter(&request);
        for node in NodeSet::ALL.iter().filter(|node| node.index() < 5 || node.index() + 1 == crate::ids::MAX_NODES) {
            let list = lists.of(node, scope).iter().copied();
            let expected: Vec<Zoneref> = list.filter(|entry| request.admits(entry.zone())).collect();
            let seen: Vec<Zoneref> = guard.walk(node, &filter).collect();
            assert_eq!(seen, expected, "{node:?}, {request:?}");
        }
    }
}

/// Checks that concurrent publishes get every number once, and that the version with the last number is current.
///
/// # Panics
/// A number is lost or given twice, or an older version is current.
pub fn concurrent_publishers_lose_no_version<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let versions = Sample::default().versions;
    let given = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for version in &versions {
            let given = &given;
            scope.spawn(move || {
                for _ in 0..300 {
                    let number = published.publish(version).expect("room");
                    given.lock().unwrap_or_else(PoisonError::into_inner).push((number, version));
                }
            });
        }
    });
    let mut given = given.into_inner().unwrap_or_else(PoisonError::into_inner);
    given.sort_by_key(|(number, _)| *number);
    assert!(given.iter().map(|(number, _)| number.number()).eq(1..=900), "a number is lost or was given twice");
    let last = given.last().map_or(ZonelistsRef::EMPTY, |(_, version)| version.lists());
    shows(published, &published.reader().expect("a reader slot").enter(), last);
}

/// Checks that a version that is too large is refused, takes no number, and changes nothing for readers.
///
/// The scheme must have room for lists of three nodes and three zones, and no more.
///
/// # Panics
/// The version is published, or changes anything.
pub fn what_does_not_fit_is_not_published<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let [larger, fits, other] = <[Zonelists; 3]>::try_from(Sample::default().versions).expect("three versions");
    let mut reader = published.reader().expect("a reader slot");
    for number in [1, 2] {
        assert!(matches!(published.publish(&larger), Err(PublishError::Capacity(_))));
        assert!(matches!(published.try_publish(&larger), Err(PublishError::Capacity(error))
            if error.needed == Sample::CAPACITY && error.capacity == Capacity::new(3, 3).expect("little")));
        // During a walk: a version that fits would wait for this walk.
        let guard = reader.enter();
        assert!(matches!(published.publish(&larger), Err(PublishError::Capacity(_))));
        assert!(matches!(published.try_publish(&larger), Err(PublishError::Capacity(_))));
        drop(guard);
        let version = [&fits, &other][number - 1];
        shows(published, &reader.enter(), if number == 1 { ZonelistsRef::EMPTY } else { fits.lists() });
        assert_eq!(published.publish(version), Ok(Version::of(number)));
        shows(published, &reader.enter(), version.lists());
        reader.quiescent();
    }
}

/// Checks that a publish whose barrier pair fails is reported. Returns how many heavy halves failed.
///
/// Either the publish returns the error and is not visible, or the version is visible and the next publish returns the
/// error. In both cases readers continue, and publishes succeed again as soon as the pair works.
///
/// # Panics
/// A failure is silent, a refused version is visible, or readers or publishers stay blocked.
pub fn a_failed_barrier_is_reported<S: Scheme>(published: &Published<S, Parts<Unreliable>>) -> usize {
    const ERRNO: i32 = 12;
    let failed = PublishError::Barrier(BarrierError { errno: ERRNO });
    let versions = Sample::default().versions;
    let (mut reader, mut failures) = (published.reader().expect("a reader slot"), 0);
    let (mut current, mut number) = (ZonelistsRef::EMPTY, 0);
    for (round, version) in versions.iter().cycle().take(24).enumerate() {
        let (outcome, failed_halves) = Unreliable::failing(ERRNO, || {
            if round % 2 == 0 { published.publish(version) } else { published.try_publish(version) }
        });
        failures += failed_halves;
        match outcome {
            Ok(given) => {
                number += 1;
                assert_eq!(given, Version::of(number));
                current = version.lists();
                if failed_halves > 0 {
                    assert_eq!(published.publish(&versions[0]), Err(failed), "a failure after the swap is silent");
                }
            }
            Err(error) => assert_eq!((error, failed_halves), (failed, 1)),
        }
        // This would wait for ever if a publish request were still set.
        shows(published, &reader.enter(), current);
        reader.quiescent();
        number += 1;
        assert_eq!(published.publish(version), Ok(Version::of(number)), "a failure has no effect on the next publish");
        current = version.lists();
        shows(published, &reader.enter(), current);
        reader.quiescent();
    }
    failures
}

/// Checks that the critical section of a leaked guard ends when its reader is dropped: publishes and later readers
/// proceed.
///
/// # Panics
/// A publish would still wait for the guard, or the reader slot is lost.
pub fn a_leaked_guard_goes_with_its_reader<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let Sample { versions, requests } = Sample::default();
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&requests[0].1);
    for _ in 0..2 * published.slots() {
        let mut reader = published.reader().expect("a reader slot");
        for _ in 0..2 {
            let guard = reader.enter();
            assert!(guard.walk(requests[0].0, &filter).next().is_some());
            mem::forget(guard);
        }
        drop(reader);
        for version in &versions {
            published.try_publish(version).expect("no walk is in progress");
        }
        published.try_publish(&versions[0]).expect("no walk is in progress");
    }
}

/// Checks that a leaked guard delays no grace period after its reader is dropped, while walks in progress still do.
///
/// # Panics
/// A grace period waits for the guard, or does not wait for a walk any more.
pub fn a_leaked_guard_holds_up_no_grace_period<S: Reclaim, P: Platform>(published: &Published<S, P>) {
    let Sample { versions, requests } = Sample::default();
    let filter = published.filter(&requests[0].1);
    let leak = || {
        let mut reader = published.reader().expect("a reader slot");
        for version in &versions {
            let guard = reader.enter();
            assert!(guard.walk(requests[0].0, &filter).count() < 100);
            mem::forget(guard);
            // Under some schemes the leaked guard makes this fail, as long as its reader exists.
            let _ = published.try_publish(version);
        }
    };
    for _ in 0..3 {
        leak();
        published.publish(&versions[0]).expect("room");
        // The guards are leaked in versions that are replaced, and below in one that is not.
        leak();
        published.synchronize().expect("a barrier pair that works");
        leak();
        published.retire(()).expect("a barrier pair that works");
        leak();
        retiring_waits_for_walks_that_began_before(published);
    }
}

/// Checks that a grace period whose barrier pair fails returns what was to be retired.
///
/// # Panics
/// The garbage is dropped, or a grace period fails though the pair works.
pub fn a_failed_barrier_retires_nothing<S: Reclaim>(published: &Published<S, Parts<Unreliable>>) {
    published.publish(&Sample::default().versions[0]).expect("room");
    for errno in [1, 12] {
        let (outcome, failures) = Unreliable::failing(errno, || (published.synchronize(), published.retire("garbage")));
        if failures == 0 {
            // The scheme's grace periods are those of another crate, and use no barrier pair.
            assert_eq!(outcome, (Ok(()), Ok(())));
        } else {
            let error = WaitError::Barrier(BarrierError { errno });
            assert_eq!(outcome, (Err(error), Err(NotRetired { value: "garbage", error })));
        }
        assert_eq!((published.synchronize(), published.retire("garbage")), (Ok(()), Ok(())));
    }
}

/// Checks that each clone of a walk continues from the position of the walk.
///
/// # Panics
/// A clone starts again, skips a zone, or advances the walk that it was cloned from.
pub fn a_cursor_goes_on_from_where_it_stood<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let Sample { versions, requests } = Sample::default();
    let (node, request): (NodeId, Request) = requests[0];
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&request);
    let mut reader = published.reader().expect("a reader slot");
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    let mut expected = versions[0].lists().of(node, Scope::Fallback).iter().copied();
    while expected.len() > 0 {
        for _ in 0..2 {
            assert!(walk.clone().eq(expected.clone()), "a cursor before {expected:?}");
        }
        assert_eq!(walk.next(), expected.next());
    }
    assert_eq!((walk.clone().next(), walk.next()), (None, None));
}

/// Checks that a hundred thousand short-lived readers, one after another, each find a reader slot and the current
/// version.
///
/// # Panics
/// A reader finds no slot, or sees another version.
pub fn short_lived_readers_find_their_slots<S: Scheme, P: Platform>(published: &Published<S, P>) {
    let Sample { versions, requests } = Sample::default();
    published.publish(&versions[0]).expect("room");
    let (node, filter) = (requests[0].0, published.filter(&requests[0].1));
    let expected = versions[0].lists().of(node, Scope::Fallback).first().copied();
    for _ in 0..100_000 {
        let mut reader = published.reader().expect("a reader slot");
        let first = reader.enter().walk(node, &filter).next();
        assert_eq!(first, expected);
    }
}

/// Checks that retired garbage is dropped, and that `synchronize` returns, only after every walk that began before.
///
/// # Panics
/// The garbage is dropped, or `synchronize` returns, too early.
pub fn retiring_waits_for_walks_that_began_before<S: Reclaim, P: Platform>(published: &Published<S, P>) {
    #[derive(Debug)]
    struct Garbage<'a>(&'a AtomicBool);
    impl Drop for Garbage<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let Sample { versions, requests } = Sample::default();
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&requests[0].1);
    let mut reader = published.reader().expect("a reader slot");
    for by_retire in [false, true] {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let guard = reader.enter();
            let mut walk = guard.walk(requests[0].0, &filter);
            assert!(walk.next().is_some());
            let waiting = scope.spawn(|| {
                if by_retire {
                    published.retire(Garbage(&over)).expect("a barrier pair that works");
                } else {
                    published.synchronize().expect("a barrier pair that works");
                    over.store(true, SeqCst);
                }
            });
            for _ in 0..YIELDS {
                thread::yield_now();
                assert!(!over.load(SeqCst), "a grace period ended within a walk");
            }
            drop(walk);
            drop(guard);
            reader.offline(|| waiting.join().expect("the grace period ends"));
            assert!(over.load(SeqCst));
        });
    }
}
