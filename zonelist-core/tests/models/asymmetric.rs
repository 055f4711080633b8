//! Models of the baseline and of drains with the asymmetric barrier pair: readers run no fences, and a heavy half makes
//! each of them run one.

use std::cell::Cell;

use zonelist_core::{
    ZoneKind::{Movable, Normal},
    conformance::models::{
        Bound, MOVABLE as M, NORMAL as N, OTHER as O, ROOM,
        ReaderRole::{Allocates, ChangesOwners, Frees, Reads, Registers},
        Requesters::{Both, Drain, PublishAndDrain},
        Scenario, asymmetric, explore_drains, explore_retirement, first, full,
    },
    publish::{Barrier, BarrierError, Light, Membarrier, Parts, Platform, Published},
    stop_world::{StopWorld, StopWorldPreempted},
    sync::traced::Log,
    table::{Slot, Slots},
};

type World<P> = Published<StopWorld<Box<[Slot]>>, P>;

fn world<P: Platform, const READERS: usize>() -> World<P> {
    asymmetric(StopWorld::new(Slots::boxed(ROOM)), READERS)
}

fn steps<const READERS: usize>() -> Published<StopWorldPreempted<Box<[Slot]>>, Parts<Membarrier>> {
    asymmetric(StopWorldPreempted::new(Slots::boxed(ROOM)), READERS)
}

#[test]
fn a_walk_beside_a_stop_by_membarrier_is_a_snapshot() {
    let scenario = Scenario::new("membarrier: a walk beside a stop").before(&[M, N, O]).publisher(&[&[N, O]]);
    scenario.reader(&[full(Movable)]).explore(world::<Parts<Membarrier>, 1>);
    let scenario = Scenario::new("membarrier: a walk beside two stops").before(&[N]).publisher(&[&[M], &[]]);
    scenario.reader(&[first(1, Movable)]).preemptions(3).explore(world::<Parts<Membarrier>, 1>);
}

/// The second reader registers in the slot that the first has freed.
#[test]
fn a_reader_that_comes_and_goes_beside_stops_by_membarrier() {
    let scenario = Scenario::new("membarrier: comes and goes beside a stop").before(&[N]).publisher(&[&[M]]);
    scenario.visitor(&[first(1, Movable), first(1, Movable)]).preemptions(3).explore(world::<Parts<Membarrier>, 1>);
}

/// A heavy half makes two readers run a fence, each at a point of its own.
#[test]
fn two_readers_beside_a_stop_by_membarrier() {
    let scenario = Scenario::new("membarrier: two readers beside a stop").before(&[N]).publisher(&[&[M, N]]);
    let scenario = scenario.reader(&[full(Movable)]).reader(&[full(Movable)]).preemptions(2);
    scenario.explore(world::<Parts<Membarrier>, 2>);
}

/// The reader is active in its slot for one step at a time.
#[test]
fn a_preempted_walk_by_membarrier_meets_no_half_written_list() {
    let grow = Scenario::new("membarrier: a preempted walk").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).preemptions(3).explore(steps::<1>);
    assert_eq!(grow.tally.empty, 0, "N is in a slot not yet passed at every step");
}

#[test]
fn what_is_retired_by_membarrier_is_met_no_more() {
    explore_retirement("membarrier: a grace period of a stop", Bound::Preemptions(3), world::<Parts<Membarrier>, 1>);
}

#[test]
fn an_allocation_beside_a_stop_and_a_drain_by_membarrier() {
    let name = "membarrier: allocates, stop";
    explore_drains(name, Bound::Preemptions(2), Allocates, Both(1), world::<Parts<Membarrier>, 1>);
    explore_drains(
        "membarrier: allocates, drain",
        Bound::Preemptions(3),
        Allocates,
        Drain,
        world::<Parts<Membarrier>, 1>,
    );
}

#[test]
fn a_free_beside_a_stop_and_a_drain_by_membarrier() {
    explore_drains("membarrier: frees, stop", Bound::Preemptions(2), Frees, Both(1), world::<Parts<Membarrier>, 1>);
    explore_drains("membarrier: frees, drain", Bound::Preemptions(3), Frees, Drain, world::<Parts<Membarrier>, 1>);
}

/// The per-CPU pages of the handle have a handshake of their own.
#[test]
fn an_allocation_by_steps_beside_a_drain_by_membarrier() {
    explore_drains("membarrier: allocates by steps, drain", Bound::Preemptions(3), Allocates, Drain, steps::<1>);
}

#[test]
fn a_handle_is_registered_beside_a_drain_by_membarrier() {
    explore_drains(
        "membarrier: registers, drain",
        Bound::Preemptions(3),
        Registers,
        Drain,
        world::<Parts<Membarrier>, 1>,
    );
}

#[test]
fn a_slot_changes_owners_during_a_drain_by_membarrier() {
    let name = "membarrier: changes owners";
    explore_drains(name, Bound::Preemptions(2), ChangesOwners, Drain, world::<Parts<Membarrier>, 1>);
}

/// A membarrier that the system refuses once, on a thread other than the first of the model.
enum RefusedOnce {}

std::thread_local! {
    /// The number of the last execution in which it has failed.
    static FAILED: Cell<Option<u64>> = const { Cell::new(None) };
}

// SAFETY: every light half is that of `Membarrier`, and so is every heavy half that succeeds; a barrier pair promises
// nothing of a heavy half that fails.
unsafe impl Barrier for RefusedOnce {
    type Kept = ();

    fn prepare() -> bool {
        Membarrier::prepare()
    }

    fn kept() {}

    fn light((): ()) -> Light {
        Light::Compiler
    }

    fn heavy() -> Result<(), BarrierError> {
        let execution = Some(Log::read(|log| log.model.1));
        if Log::actor() == 0 || FAILED.replace(execution) == execution {
            return Membarrier::heavy();
        }
        Err(BarrierError { errno: 1 })
    }

    fn name() -> &'static str {
        "a membarrier that is refused at first"
    }
}

/// A stop whose membarrier is refused has no effect, and the next one succeeds.
#[test]
fn a_stop_whose_membarrier_is_refused_is_none() {
    let name = "membarrier: reads, refused stop";
    explore_drains(name, Bound::Preemptions(2), Reads, PublishAndDrain(1), world::<Parts<RefusedOnce>, 1>);
}

/// A drain whose membarrier is refused has no effect, and the next one succeeds.
#[test]
fn a_drain_whose_membarrier_is_refused_is_none() {
    explore_drains(
        "membarrier: frees, refused drain",
        Bound::Preemptions(3),
        Frees,
        Drain,
        world::<Parts<RefusedOnce>, 1>,
    );
}
