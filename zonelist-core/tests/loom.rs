//! Loom models of the baseline, and the faults that they kill.
#![cfg(loom)]

#[path = "models/hotplug.rs"]
mod hotplug;
#[path = "models/movables.rs"]
mod movables;
#[path = "models/pages.rs"]
mod pages;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Locked, Slot, Slots, Spin, StopWorld, StopWorldPreempted,
    ZoneKind::{Movable, Normal},
    conformance::models::{
        NODE, ROOM, Refused, Scenario, Zone, explore_races, explore_refusals, explore_retirement, first, full, killed,
    },
    publish::{FullFence, Published},
};

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);
/// A zone of another node, behind.
const O: Zone = (Normal, 1);

fn table() -> Slots<Box<[Slot]>> {
    Slots::boxed(ROOM)
}

fn stop_world<const SEATS: usize>() -> Published<StopWorld<Box<[Slot]>>, FullFence, SEATS> {
    Published::new(StopWorld::new(table()))
}

fn preempted<const SEATS: usize>() -> Published<StopWorldPreempted<Box<[Slot]>>, FullFence, SEATS> {
    Published::new(StopWorldPreempted::new(table()))
}

#[test]
fn a_walk_under_stop_world_is_a_snapshot() {
    let scenario = Scenario::new("stop-world: one reader, growing").before(&[N, O]).publisher(&[&[M, N, O]]);
    scenario.reader(&[full(Movable)]).explore(stop_world::<1>);
    let scenario = Scenario::new("stop-world: one reader, shrinking, twice").before(&[M, N, O]);
    scenario.publisher(&[&[N, O]]).reader(&[full(Movable), first(1, Normal)]).preemptions(3).explore(stop_world::<1>);
}

#[test]
fn stop_world_stops_two_readers() {
    let scenario = Scenario::new("stop-world: two readers").before(&[N]).publisher(&[&[M, N]]);
    scenario.reader(&[full(Movable)]).reader(&[full(Movable)]).preemptions(2).explore(stop_world::<2>);
}

#[test]
fn stop_world_serialises_two_publishers() {
    let scenario = Scenario::new("stop-world: two publishers").before(&[N]);
    let scenario = scenario.publisher(&[&[M, N]]).publisher(&[&[O]]);
    scenario.reader(&[full(Movable)]).preemptions(2).explore(stop_world::<1>);
}

#[test]
fn stop_world_waits_for_a_grace_period() {
    explore_retirement("stop-world: retirement", Some(3), stop_world::<1>);
}

#[test]
fn the_races_of_2022_are_absent_under_stop_world() {
    let races = explore_races("stop-world", None, stop_world::<1>);
    assert_eq!((races.cursor.tally.torn, races.growing.tally.torn), (0, 0));
    explore_refusals("stop-world", Some(3), stop_world::<1>);
}

#[test]
fn the_stale_cursor_of_2022_is_found_where_a_stopped_world_preempts_walks() {
    let races = explore_races("preempted", Some(3), preempted::<1>);
    assert!(races.cursor.tally.missed > 0, "the zone behind the cursor is passed over");
    assert_eq!(races.growing.tally.empty, 0, "a half-written list is never met");
    let Refused { growing, .. } = explore_refusals("preempted", Some(3), preempted::<1>);
    assert_eq!(growing, 0);
}

#[test]
fn stop_world_faults_are_killed() {
    for fault in [
        "seat: reader unseen",
        "seat: gate unseen",
        "seat: left too early",
        "seat: opened too early",
        "seat: writer does not wait",
        "stop: no barrier",
    ] {
        killed("a_walk_under_stop_world_is_a_snapshot", fault);
    }
    killed("stop_world_waits_for_a_grace_period", "seat: writer does not wait");
}

/// Two threads count behind a lock; one of them first only tries.
#[test]
fn a_lock_is_held_by_one() {
    let interleavings = Arc::new(AtomicU64::new(0));
    let explored = Arc::clone(&interleavings);
    loom::model(move || {
        explored.fetch_add(1, Relaxed);
        let count = Arc::new(Locked::new(Spin::new(), 0));
        let other = loom::thread::spawn({
            let count = Arc::clone(&count);
            move || count.with(|count| *count += 1)
        });
        let tried = count.try_with(|count| *count += 1).is_some();
        count.with(|count| *count += 1);
        other.join().unwrap();
        assert_eq!(count.with(|count| *count), 2 + usize::from(tried));
    });
    let interleavings = interleavings.load(Relaxed);
    println!("model lock: two threads: {interleavings} interleavings, exhaustive");
    assert!(interleavings > 1);
}

#[test]
fn faults_of_the_lock_are_killed() {
    killed("a_lock_is_held_by_one", "spin: taken too early");
    killed("a_lock_is_held_by_one", "spin: given back too early");
}

#[test]
fn a_preempted_walk_misses_repeats_and_is_empty() {
    let shrink = Scenario::new("preempted: shrinking").before(&[M, N, O]).publisher(&[&[N, O]]);
    let shrink = shrink.reader(&[full(Movable)]).preemptions(3).explore(preempted::<1>);
    assert!(shrink.tally.missed > 0, "the zone behind the one that left is missed");

    let grow = Scenario::new("preempted: growing").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Movable)]).preemptions(3).explore(preempted::<1>);
    assert!(grow.tally.repeated > 0, "the zone that moved back is met again");

    let confined = Scenario::new("preempted: shrinking, a request of Normal").before(&[M, N]).publisher(&[&[N]]);
    let confined = confined.reader(&[full(Normal)]).preemptions(3).explore(preempted::<1>);
    assert!(confined.tally.empty > 0, "the only zone that serves moves to a slot already passed");
}

#[test]
fn a_preempted_walk_never_meets_a_half_written_list() {
    let grow = Scenario::new("preempted: growing, a request of Normal").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).preemptions(3).explore(preempted::<1>);
    assert_eq!(grow.tally.empty, 0, "N is in a slot not yet passed at every step");
}

#[test]
fn faults_of_the_preempted_are_killed() {
    for fault in ["seat: reader unseen", "seat: gate unseen", "seat: writer does not wait", "stop: no barrier"] {
        killed("a_preempted_walk_never_meets_a_half_written_list", fault);
    }
}

/// Why no writer of ours loads what it stores to: what a reader's first load can see of a writer
/// that steps a counter from 1 to 2, with or without a load of its own before.
#[test]
fn loom_is_blind_to_a_store_behind_an_own_load() {
    use std::{collections::BTreeSet, sync::Mutex};

    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    let seen = |writer_loads: bool| {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let all = Arc::clone(&seen);
        loom::model(move || {
            let counter = Arc::new(AtomicUsize::new(1));
            let writer = loom::thread::spawn({
                let counter = Arc::clone(&counter);
                move || {
                    if writer_loads {
                        counter.load(Relaxed);
                    }
                    counter.store(2, Relaxed);
                }
            });
            let first = counter.load(Relaxed);
            all.lock().unwrap().insert(first);
            writer.join().unwrap();
        });
        seen.lock().unwrap().clone()
    };
    assert_eq!(seen(false), BTreeSet::from([1, 2]));
    assert_eq!(seen(true), BTreeSet::from([1]), "loom sees it now: the rule can go, and the README's caveat");
}
