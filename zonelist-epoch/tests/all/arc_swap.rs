//! Tests of `ArcSwap` beyond consistency: errors, leaks, cursors, registration and grace periods.

use std::{
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, Published, Reader, ReaderSlots},
    zonelist::ZonelistsRef,
};
use zonelist_epoch::ArcSwap;

use super::versions;

fn arc_swap() -> Published<ArcSwap> {
    Published::with_slots(ArcSwap::new(), ReaderSlots::boxed(1))
}

#[test]
fn readers_of_arc_swap_see_what_is_published() {
    basics::shows_what_is_published(&arc_swap());
}

#[test]
fn concurrent_publishers_of_arc_swap_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&arc_swap());
}

#[test]
fn arc_swap_never_uses_the_barrier_pair() {
    let published: Published<_, Parts<Unreliable>> = Published::with_platform(ArcSwap::new(), ReaderSlots::boxed(1));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_failed_barrier_retires_nothing(&published);
}

#[test]
fn leaked_guards_of_arc_swap_stop_no_publish() {
    basics::a_leaked_guard_goes_with_its_reader(&arc_swap());
}

#[test]
fn a_cursor_over_arc_swap_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&arc_swap());
}

#[test]
fn short_lived_readers_of_arc_swap_are_registered_and_forgotten() {
    basics::short_lived_readers_find_their_slots(&arc_swap());
}

#[test]
fn arc_swap_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&arc_swap());
}

#[test]
fn a_guard_of_arc_swap_holds_its_version_while_others_are_published() {
    versions::a_guard_holds_its_version_while_others_are_published(&arc_swap());
}

#[test]
fn more_guards_of_arc_swap_than_debt_slots_of_a_thread_hold_their_versions() {
    let (Sample { versions, requests }, published) = (Sample::default(), arc_swap());
    let (node, request) = requests[0];
    let filter = published.filter(&request);
    let mut readers: Vec<_> = (0..20).map(|_| published.reader().unwrap()).collect();
    let versions = versions.iter().cycle().take(readers.len());
    let entered = |(reader, version)| {
        published.publish(version).unwrap();
        (Reader::enter(reader), version)
    };
    let guards: Vec<_> = readers.iter_mut().zip(versions).map(entered).collect();
    published.publish(ZonelistsRef::EMPTY).unwrap();
    for (guard, version) in &guards {
        assert!(guard.walk(node, &filter).eq(version.lists().of(node, request.scope).iter().copied()));
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(|| published.synchronize());
        for guard in guards {
            assert!(!waiting.is_finished(), "a guard still holds its version");
            drop(guard);
        }
    });
}

#[test]
fn a_grace_period_of_arc_swap_waits_for_no_walk_that_begins_later_and_changes_no_list() {
    let (Sample { versions, requests }, published) = (Sample::default(), arc_swap());
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let list = versions[0].lists().of(node, request.scope);
    let [mut one, mut other] = [(); 2].map(|()| published.reader().unwrap());
    thread::scope(|scope| {
        let mut guard = one.enter();
        let waiting = scope.spawn(|| published.synchronize());
        let begun = Instant::now();
        // At every moment some guard is alive, but none for long.
        while !waiting.is_finished() {
            let next = other.enter();
            drop(guard);
            assert!(next.walk(node, &filter).eq(list.iter().copied()));
            guard = one.enter();
            assert!(begun.elapsed() < Duration::from_secs(60), "a grace period waits for walks that began later");
        }
    });
}
