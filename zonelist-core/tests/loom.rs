//! Loom models of the baseline, and the faults that they kill.
#![cfg(loom)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Capacity, Locked, Machine, MachineDescription, Memory, NodeId, Request, Rules, Slot, Slots, Spin, StopWorld,
    StopWorldPreempted, Tunables, ZoneId,
    ZoneKind::{Movable, Normal},
    ZoneSize,
    conformance::models::{NODE, Scenario, ZONES, Zone, explore_retirement, first, full, killed},
    hotplug::{Block, BlockState, Blocks, OnlineTo, Operation, RunningMachine, State},
    publish::{FullFence, Published},
};

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);
/// A zone of another node, behind.
const O: Zone = (Normal, 1);

fn table() -> Slots<Box<[Slot]>> {
    Slots::boxed(Capacity::new(1, ZONES).unwrap())
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

/// A machine whose one spare block makes or empties its Movable zone.
fn machine(online: bool) -> RunningMachine<StopWorld<Box<[Slot]>>, FullFence, (), Spin, 1> {
    const PAGES: u64 = 1 << 12;
    let node = NodeId::new(NODE).unwrap();
    let size = |kind, start_pfn| ZoneSize {
        zone: ZoneId::new(node, kind),
        start_pfn,
        spanned: PAGES,
        present: PAGES,
        managed: PAGES,
    };
    let mut zones = vec![size(Normal, 0)];
    zones.extend(online.then(|| size(Movable, PAGES)));
    let description = MachineDescription {
        possible: vec![NODE.into()],
        distance: vec![vec![10]],
        online: vec![NODE.into()],
        has_memory: vec![NODE.into()],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![Normal, Movable],
            zones,
            tunables: Tunables { min_free_kbytes: 512, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    };
    let state = if online { BlockState::Online(Movable) } else { BlockState::Offline };
    let block = Block { number: 1, node: Some(node), state, has_holes: false, memmap_pages: 0 };
    let blocks = Blocks { pages: PAGES, list: vec![block], ..Blocks::default() };
    let state = State::booted(Machine::new(description).unwrap().0, blocks, Rules::LINUX_6_1).unwrap();
    RunningMachine::new(state, stop_world(), ()).unwrap()
}

/// Explores a block that comes or goes while somebody looks at lists and marks, in that order or the other.
fn explore_marks(online: bool, operation: &'static Operation) {
    let interleavings = Arc::new(AtomicU64::new(0));
    let seen = Arc::new(AtomicU64::new(0));
    let (explored, sights) = (Arc::clone(&interleavings), Arc::clone(&seen));
    loom::model(move || {
        explored.fetch_add(1, Relaxed);
        let running = Arc::new(machine(online));
        let other = loom::thread::spawn({
            let running = Arc::clone(&running);
            move || running.apply(operation).map(drop).unwrap()
        });
        let listed = || {
            let any = running.filter(&Request::up_to(Movable));
            let mut reader = running.reader().unwrap();
            reader.enter().walk(NodeId::new(NODE).unwrap(), &any).any(|entry| entry.kind() == Movable)
        };
        let marked = || running.state().zones().any(|info| info.size.zone.kind() == Movable && info.marks.min > 0);
        // What comes is looked for in the lists first, what goes in the marks: neither can have changed its mind since.
        let (listed, marked) = if online {
            let marked = marked();
            (listed(), marked)
        } else {
            (listed(), marked())
        };
        sights.fetch_or(1 << u64::from(listed) << (2 * u64::from(marked)), Relaxed);
        assert!(marked || !listed, "a listed zone has no marks");
        other.join().unwrap();
    });
    let interleavings = interleavings.load(Relaxed);
    println!("model hotplug: {operation:?}: {interleavings} interleavings, exhaustive");
    assert!(interleavings > 1);
    assert!(seen.load(Relaxed).count_ones() > 1, "all looks showed the same");
}

#[test]
fn a_zone_that_comes_has_marks_before_it_is_listed() {
    explore_marks(false, &Operation::Online { block: 1, to: OnlineTo::Movable });
}

#[test]
fn a_zone_that_goes_has_marks_for_as_long_as_it_is_listed() {
    explore_marks(true, &Operation::Offline { block: 1 });
}

#[test]
fn faults_of_hotplug_are_killed() {
    killed("a_zone_that_comes_has_marks_before_it_is_listed", "hotplug: listed before it has marks");
    killed("a_zone_that_goes_has_marks_for_as_long_as_it_is_listed", "hotplug: listed when its marks are gone");
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
