//! What the grace-period schemes owe their users beside consistency.

use std::{
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    Lists,
    conformance::{Sample, Unreliable, basics},
    publish::{FullFence, Published, Reader, Scheme},
};
use zonelist_epoch::{ArcSwap, EpochSwap};

fn epoch_swap() -> Published<EpochSwap, FullFence, 1> {
    Published::new(EpochSwap::new())
}

#[test]
fn readers_of_epoch_swap_see_what_is_published() {
    basics::shows_what_is_published(&epoch_swap());
}

#[test]
fn concurrent_publishers_of_epoch_swap_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&epoch_swap());
}

#[test]
fn schemes_of_outside_crates_have_no_use_for_the_barrier_pair() {
    let (epoch, arc) = (Published::<_, Unreliable, 1>::new(EpochSwap::new()), Published::new(ArcSwap::new()));
    assert_eq!(basics::a_failed_barrier_is_reported(&epoch), 0);
    basics::a_failed_barrier_retires_nothing(&epoch);
    let arc: Published<_, Unreliable, 1> = arc;
    assert_eq!(basics::a_failed_barrier_is_reported(&arc), 0);
    basics::a_failed_barrier_retires_nothing(&arc);
}

#[test]
fn leaked_guards_of_epoch_swap_go_with_their_reader() {
    let published = epoch_swap();
    basics::a_leaked_guard_goes_with_its_reader(&published);
    // Would never end if the collector still had the reader pinned.
    published.synchronize().unwrap();
}

#[test]
fn leaked_guards_of_arc_swap_stop_no_publish() {
    basics::a_leaked_guard_goes_with_its_reader(&Published::<_, FullFence, 1>::new(ArcSwap::new()));
}

#[test]
fn a_cursor_over_epoch_swap_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&epoch_swap());
}

#[test]
fn short_lived_readers_of_epoch_swap_are_registered_and_forgotten() {
    basics::short_lived_readers_find_their_seats(&epoch_swap());
}

#[test]
fn epoch_swap_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&epoch_swap());
}

#[test]
fn a_guard_of_epoch_swap_holds_its_version_while_others_are_published() {
    a_guard_holds_its_version_while_others_are_published(&epoch_swap());
}

fn a_guard_holds_its_version_while_others_are_published<S: Scheme>(published: &Published<S, FullFence, 1>) {
    let Sample { versions, requests } = Sample::default();
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    let list = versions[0].lists().of(node, request.scope);
    assert_eq!(walk.next(), list.first().copied());
    for version in versions.iter().cycle().take(300) {
        published.publish(version).unwrap();
    }
    assert!(walk.eq(list[1..].iter().copied()), "a walk goes on");
    assert!(guard.walk(node, &filter).eq(list.iter().copied()), "and a new one shows the same");
    drop(guard);
    let last = versions[299 % 3].lists().of(node, request.scope);
    assert!(reader.enter().walk(node, &filter).eq(last.iter().copied()));
}

fn arc_swap() -> Published<ArcSwap, FullFence, 1> {
    Published::new(ArcSwap::new())
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
fn a_cursor_over_arc_swap_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&arc_swap());
}

#[test]
fn short_lived_readers_of_arc_swap_are_registered_and_forgotten() {
    basics::short_lived_readers_find_their_seats(&arc_swap());
}

#[test]
fn arc_swap_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&arc_swap());
}

#[test]
fn a_guard_of_arc_swap_holds_its_version_while_others_are_published() {
    a_guard_holds_its_version_while_others_are_published(&arc_swap());
}

#[test]
fn more_guards_of_arc_swap_than_a_thread_has_slots_hold_their_versions() {
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
    published.publish(Lists::EMPTY).unwrap();
    for (guard, version) in &guards {
        assert!(guard.walk(node, &filter).eq(version.lists().of(node, request.scope).iter().copied()));
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(|| published.synchronize());
        for guard in guards {
            assert!(!waiting.is_finished(), "somebody is still inside");
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
        // Somebody is inside at every moment, but nobody for long.
        while !waiting.is_finished() {
            let next = other.enter();
            drop(guard);
            assert!(next.walk(node, &filter).eq(list.iter().copied()));
            guard = one.enter();
            assert!(begun.elapsed() < Duration::from_secs(60), "a grace period waits for walks that began later");
        }
    });
}
