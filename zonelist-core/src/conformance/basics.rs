//! What is to be expected of every scheme, whatever its guarantee: each a function for its tests to call.
//!
//! They panic where a scheme disappoints. All want a scheme that nothing was published through yet.

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
    Capacity, NodeId, NodeSet, Request, Scope, ZoneKind, Zonelists, ZonelistsRef, Zoneref,
    publish::{Barrier, BarrierError, Guard, NotRetired, PublishError, Published, Reclaim, Scheme, Version, WaitError},
};

/// Turns in which another thread could have done what it must not.
const TURNS: usize = 2000;

/// Every list is empty before the first publish, and is then what was published last. Versions are
/// numbered from 1 on.
///
/// # Panics
/// A walk shows anything else, or a version has another number.
pub fn shows_what_is_published<S: Scheme, B: Barrier, const READERS: usize>(published: &Published<S, B, READERS>) {
    let mut reader = published.reader().expect("a slot");
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

/// Whether walks of every list, by all sorts of requests, show these lists.
fn shows<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
    guard: &Guard<'_, S>,
    lists: ZonelistsRef<'_>,
) {
    let masks = [None, Some(NodeSet::EMPTY), Some(NodeSet::ALL.iter().skip(1).take(1).collect())];
    for (highest, scope, nodes) in ZoneKind::ALL.into_iter().flat_map(|kind| {
        let scopes = [Scope::Fallback, Scope::ThisNode];
        scopes.into_iter().flat_map(move |scope| masks.map(|nodes| (kind, scope, nodes)))
    }) {
        let request = Request { scope, highest, nodes };
        let filter = published.filter(&request);
        for node in NodeSet::ALL.iter().filter(|node| node.index() < 5 || node.index() + 1 == crate::MAX_NODES) {
            let list = lists.of(node, scope).iter().copied();
            let expected: Vec<Zoneref> = list.filter(|entry| request.admits(entry.zone())).collect();
            let seen: Vec<Zoneref> = guard.walk(node, &filter).collect();
            assert_eq!(seen, expected, "{node:?}, {request:?}");
        }
    }
}

/// Threads that publish at once get every number once, and what the last of them published is current.
///
/// # Panics
/// A number is lost or given twice, or an older version is current.
pub fn concurrent_publishers_lose_no_version<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
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
    assert!(given.iter().map(|(number, _)| number.number()).eq(1..=900), "a number is lost or there twice");
    let last = given.last().map_or(ZonelistsRef::EMPTY, |(_, version)| version.lists());
    shows(published, &published.reader().expect("a slot").enter(), last);
}

/// A version that is too large is refused, takes no number, and changes nothing for readers. Wants
/// room for lists of three nodes and three zones, and no more.
///
/// # Panics
/// It is published, or leaves a trace.
pub fn what_does_not_fit_is_not_published<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
    let [larger, fits, other] = <[Zonelists; 3]>::try_from(Sample::default().versions).expect("three versions");
    let mut reader = published.reader().expect("a slot");
    for number in [1, 2] {
        assert!(matches!(published.publish(&larger), Err(PublishError::Capacity(_))));
        assert!(matches!(published.try_publish(&larger), Err(PublishError::Capacity(error))
            if error.needed == Sample::CAPACITY && error.capacity == Capacity::new(3, 3).expect("little")));
        // Beside a walk, which it would wait for if it fitted.
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

/// A publish whose barrier pair fails is not visible and says so; or it is visible, and the next call says so. Either
/// way readers go on, and all is well again as soon as the pair works. Returns how many heavy halves failed.
///
/// # Panics
/// A failure is silent, shows a version that was refused, or leaves readers or publishes shut out.
pub fn a_failed_barrier_is_reported<S: Scheme, const READERS: usize>(
    published: &Published<S, Unreliable, READERS>,
) -> usize {
    const ERRNO: i32 = 12;
    let failed = PublishError::Barrier(BarrierError { errno: ERRNO });
    let versions = Sample::default().versions;
    let (mut reader, mut failures) = (published.reader().expect("a slot"), 0);
    let (mut current, mut number) = (ZonelistsRef::EMPTY, 0);
    for (turn, version) in versions.iter().cycle().take(24).enumerate() {
        let (outcome, failed_halves) = Unreliable::failing(ERRNO, || {
            if turn % 2 == 0 { published.publish(version) } else { published.try_publish(version) }
        });
        failures += failed_halves;
        match outcome {
            Ok(given) => {
                number += 1;
                assert_eq!(given, Version::of(number));
                current = version.lists();
                if failed_halves > 0 {
                    assert_eq!(published.publish(&versions[0]), Err(failed), "a failure behind the swap is silent");
                }
            }
            Err(error) => assert_eq!((error, failed_halves), (failed, 1)),
        }
        // Would wait for ever if a gate had stayed closed.
        shows(published, &reader.enter(), current);
        reader.quiescent();
        number += 1;
        assert_eq!(published.publish(version), Ok(Version::of(number)), "nothing is left of a failure");
        current = version.lists();
        shows(published, &reader.enter(), current);
        reader.quiescent();
    }
    failures
}

/// A guard that was leaked is over when its reader is dropped: publishes go on, and so do later readers.
///
/// # Panics
/// A publish would still wait for it, or its place is lost.
pub fn a_leaked_guard_goes_with_its_reader<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
    let Sample { versions, requests } = Sample::default();
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&requests[0].1);
    for _ in 0..2 * READERS {
        let mut reader = published.reader().expect("a slot");
        for _ in 0..2 {
            let guard = reader.enter();
            assert!(guard.walk(requests[0].0, &filter).next().is_some());
            mem::forget(guard);
        }
        drop(reader);
        for version in &versions {
            published.try_publish(version).expect("no walk goes on");
        }
        published.try_publish(&versions[0]).expect("no walk goes on");
    }
}

/// A guard that was leaked holds up no grace period once its reader is dropped; walks that go on still do.
///
/// # Panics
/// A grace period waits for it, or does not wait for a walk any more.
pub fn a_leaked_guard_holds_up_no_grace_period<S: Reclaim, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
    let Sample { versions, requests } = Sample::default();
    let filter = published.filter(&requests[0].1);
    let leak = || {
        let mut reader = published.reader().expect("a reader slot");
        for version in &versions {
            let guard = reader.enter();
            assert!(guard.walk(requests[0].0, &filter).count() < 100);
            mem::forget(guard);
            // It is in the way of some schemes, as long as its reader is there.
            let _ = published.try_publish(version);
        }
    };
    for _ in 0..3 {
        leak();
        published.publish(&versions[0]).expect("room");
        // In a version that is replaced, and in one that is not.
        leak();
        published.synchronize().expect("a barrier pair that works");
        leak();
        published.retire(()).expect("a barrier pair that works");
        leak();
        retiring_waits_for_walks_that_began_before(published);
    }
}

/// A grace period whose barrier pair fails is none: what is to be retired comes back.
///
/// # Panics
/// It is dropped, or all is not well as soon as the pair works.
pub fn a_failed_barrier_retires_nothing<S: Reclaim, const READERS: usize>(
    published: &Published<S, Unreliable, READERS>,
) {
    published.publish(&Sample::default().versions[0]).expect("room");
    for errno in [1, 12] {
        let (outcome, failures) = Unreliable::failing(errno, || (published.synchronize(), published.retire("garbage")));
        if failures == 0 {
            // It has grace periods of its own, by another crate's means.
            assert_eq!(outcome, (Ok(()), Ok(())));
        } else {
            let error = WaitError::Barrier(BarrierError { errno });
            assert_eq!(outcome, (Err(error), Err(NotRetired { garbage: "garbage", error })));
        }
        assert_eq!((published.synchronize(), published.retire("garbage")), (Ok(()), Ok(())));
    }
}

/// A clone of a walk goes on from where the walk stood, as often as one likes.
///
/// # Panics
/// It begins anew, skips a zone, or moves the walk that it was cloned from.
pub fn a_cursor_goes_on_from_where_it_stood<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
    let Sample { versions, requests } = Sample::default();
    let (node, request): (NodeId, Request) = requests[0];
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&request);
    let mut reader = published.reader().expect("a slot");
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

/// A hundred thousand readers come and go, each finding a reader slot and the current version.
///
/// # Panics
/// One of them does not.
pub fn short_lived_readers_find_their_slots<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
    let Sample { versions, requests } = Sample::default();
    published.publish(&versions[0]).expect("room");
    let (node, filter) = (requests[0].0, published.filter(&requests[0].1));
    let expected = versions[0].lists().of(node, Scope::Fallback).first().copied();
    for _ in 0..100_000 {
        let mut reader = published.reader().expect("a slot");
        let first = reader.enter().walk(node, &filter).next();
        assert_eq!(first, expected);
    }
}

/// What is retired is dropped, and `synchronize` returns, only when a walk that began before has ended.
///
/// # Panics
/// Either comes too early.
pub fn retiring_waits_for_walks_that_began_before<S: Reclaim, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
) {
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
    let mut reader = published.reader().expect("a slot");
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
            for _ in 0..TURNS {
                thread::yield_now();
                assert!(!over.load(SeqCst), "a grace period ended within a walk");
            }
            drop(walk);
            drop(guard);
            reader.offline(|| waiting.join().expect("the waiting thread"));
            assert!(over.load(SeqCst));
        });
    }
}
