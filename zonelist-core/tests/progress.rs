//! All threads progress under the baselines, and a run in which a thread waits for ever fails.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::progress::all_threads_progress,
    publish::{Published, ReaderSlots},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slot, Slots},
    zonelist::ZonelistsRef,
};

const ROOM: Capacity = Capacity::new(1, 4).unwrap();

#[test]
fn all_threads_progress_under_stop_world() {
    all_threads_progress(|| StopWorld::new(Slots::<Box<[Slot]>>::boxed(ROOM)));
}

#[test]
fn all_threads_progress_under_stop_world_preempted() {
    all_threads_progress(|| StopWorldPreempted::new(Slots::<Box<[Slot]>>::boxed(ROOM)));
}

/// A walk that never ends makes the publisher wait for ever, and the run fails.
#[test]
#[should_panic(expected = "exceeded max_steps bound")]
fn a_publisher_that_waits_for_ever_is_reported() {
    let mut config = shuttle::Config::new();
    config.max_steps = shuttle::MaxSteps::FailAfter(1000);
    let scheduler = shuttle::scheduler::RandomScheduler::new_from_seed(0, 1);
    shuttle::Runner::new(scheduler, config).run(|| {
        let scheme = StopWorld::new(Slots::<Box<[Slot]>>::boxed(ROOM));
        let published: Published<_> = Published::with_slots(scheme, ReaderSlots::boxed(1));
        let mut reader = published.reader().unwrap();
        std::mem::forget(reader.enter());
        published.publish(ZonelistsRef::EMPTY).unwrap();
    });
}
