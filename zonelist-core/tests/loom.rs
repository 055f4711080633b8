//! Loom models of the baseline, of the lock, of the page allocator and of hotplug.
#![cfg(loom)]

#[path = "models/asymmetric.rs"]
mod asymmetric;
#[path = "models/drains.rs"]
mod drains;
#[path = "models/grace_periods.rs"]
mod grace_periods;
#[path = "models/hotplug.rs"]
mod hotplug;
#[path = "models/membarrier.rs"]
mod membarrier;
#[path = "models/movable_pages.rs"]
mod movable_pages;
#[path = "models/page_alloc.rs"]
mod page_alloc;
#[path = "models/steps.rs"]
mod steps;

use std::sync::Arc;

use zonelist_core::{
    ZoneKind::{Movable, Normal},
    conformance::models::{
        Bound, MOVABLE as M, NORMAL as N, OTHER as O, ROOM, Scenario, explore, explore_races, explore_refusals, first,
        full,
    },
    publish::{Published, ReaderSlots},
    stop_world::{StopWorld, StopWorldPreempted},
    sync::{Locked, Spin},
    table::{Slot, Slots},
};

zonelist_core::model!(retires stop_world: StopWorld<Box<[Slot]>> = StopWorld::new(Slots::boxed(ROOM)));
zonelist_core::model!(stop_world_preempted: StopWorldPreempted<Box<[Slot]>> = StopWorldPreempted::new(Slots::boxed(ROOM)));

fn preempted() -> Published<StopWorldPreempted<Box<[Slot]>>> {
    Published::with_slots(StopWorldPreempted::new(Slots::boxed(ROOM)), ReaderSlots::boxed(1))
}

/// The second walk is for another request, and is left early.
#[test]
fn a_second_walk_under_stop_world_is_a_snapshot() {
    let scenario = Scenario::new("stop-world: one reader, shrinking, twice").before(&[M, N, O]).publisher(&[&[N, O]]);
    let scenario = scenario.reader(&[full(Movable), first(1, Normal)]).preemptions(3);
    scenario
        .explore(|| Published::with_slots(StopWorld::new(Slots::<Box<[Slot]>>::boxed(ROOM)), ReaderSlots::boxed(1)));
}

#[test]
fn a_preempted_walk_misses_repeats_and_is_empty() {
    let shrink = Scenario::new("preempted: shrinking").before(&[M, N, O]).publisher(&[&[N, O]]);
    let shrink = shrink.reader(&[full(Movable)]).preemptions(3).explore(preempted);
    assert!(shrink.tally.missed > 0, "the zone behind the one that was removed is missed");

    let grow = Scenario::new("preempted: growing").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Movable)]).preemptions(3).explore(preempted);
    assert!(grow.tally.repeated > 0, "the zone that moved back is met again");

    let confined = Scenario::new("preempted: shrinking, a request of Normal").before(&[M, N]).publisher(&[&[N]]);
    let confined = confined.reader(&[full(Normal)]).preemptions(3).explore(preempted);
    assert!(confined.tally.empty > 0, "the only zone that serves moves to a slot already passed");
}

#[test]
fn a_preempted_walk_never_meets_a_half_written_list() {
    let grow = Scenario::new("preempted: growing, a request of Normal").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).preemptions(3).explore(preempted);
    assert_eq!(grow.tally.empty, 0, "N is in a slot not yet passed at every step");
}

#[test]
fn the_stale_cursor_of_2022_is_found_where_a_stopped_world_preempts_walks() {
    let races = explore_races("preempted", Bound::Preemptions(3), preempted);
    assert!(races.cursor.tally.missed > 0, "the zone behind the cursor is passed over");
    assert_eq!(races.growing.tally.empty, 0, "a half-written list is never met");
    assert_eq!(explore_refusals("preempted", Bound::Preemptions(3), preempted).growing, 0);
}

/// Two threads count behind a lock; one of them first tries without waiting.
#[test]
fn a_lock_is_held_by_one() {
    explore("lock: two threads", Bound::Exhaustive, || {
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
}

/// The reason why no writer of this workspace loads an atomic that it stores to.
///
/// Compares what a reader's first load can see of a writer that stores 2 over 1, with and without a load by the writer
/// before.
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
    // Exact, to report a loom that explores it.
    assert_eq!(seen(true), BTreeSet::from([1]), "loom sees it now: drop the rule, and the caveat of `model!`");
}
