//! Models of drains beside publishes that stop readers: both ask the same reader at once, each by its own bits.
//!
//! Drains beside grace periods are in the tests of the crate that has such schemes.

use std::cell::Cell;

use zonelist_core::{
    Slot, Slots, StopWorld, StopWorldPreempted,
    conformance::models::{
        Asks::{Both, Drain, PublishAndDrain},
        Beside::{Allocates, ChangesOwners, Frees, Reads, Registers},
        Bound, ROOM, explore_drains,
    },
    publish::{Barrier, BarrierError, FullFence, Light, Published},
    sync::traced::Log,
};

fn world<B: Barrier, const READERS: usize>() -> Published<StopWorld<Box<[Slot]>>, B, READERS> {
    Published::new(StopWorld::new(Slots::boxed(ROOM)))
}

fn steps<const READERS: usize>() -> Published<StopWorldPreempted<Box<[Slot]>>, FullFence, READERS> {
    Published::new(StopWorldPreempted::new(Slots::boxed(ROOM)))
}

/// It walks, and so waits for the publish; and it goes without its cache while the drain has that.
#[test]
fn an_allocation_beside_a_stop_and_a_drain() {
    explore_drains("drains: allocates, stop", Bound::Preemptions(2), Allocates, Both(1), world::<FullFence, 1>);
}

/// It does not walk, and so waits for neither.
#[test]
fn a_free_beside_a_stop_and_a_drain() {
    explore_drains("drains: frees, stop", Bound::Preemptions(2), Frees, Both(1), world::<FullFence, 1>);
}

/// The handle's cache has a door of its own.
#[test]
fn an_allocation_by_steps_beside_a_stop_and_a_drain() {
    explore_drains("drains: allocates by steps, stop", Bound::Preemptions(2), Allocates, Both(1), steps::<1>);
}

#[test]
fn a_handle_is_registered_beside_a_stop_and_a_drain() {
    explore_drains("drains: registers, stop", Bound::Preemptions(2), Registers, Both(1), world::<FullFence, 1>);
}

#[test]
fn a_reader_is_registered_beside_a_stop_and_a_drain() {
    explore_drains("drains: reads, stop", Bound::Preemptions(3), Reads, Both(1), world::<FullFence, 1>);
}

/// From a plain reader, which a drain does not wait for, to a handle, whose cache it has all the same.
#[test]
fn a_slot_changes_owners_during_a_drain() {
    explore_drains("drains: changes hands", Bound::Preemptions(3), ChangesOwners, Drain, world::<FullFence, 1>);
}

/// A pair whose heavy half fails once, on another thread than the one that a model begins with, and is no fence then.
pub(super) enum FailsOnce {}

std::thread_local! {
    /// Whether it has failed, in the execution of this number.
    static FAILED: Cell<Option<u64>> = const { Cell::new(None) };
}

// SAFETY: a heavy half that succeeds is a full fence, as is every light half.
unsafe impl Barrier for FailsOnce {
    type Kept = ();

    fn prepare() -> bool {
        true
    }

    fn kept() {}

    fn light((): ()) -> Light {
        Light::Fence
    }

    fn heavy() -> Result<(), BarrierError> {
        let execution = Some(Log::read(|log| log.model.1));
        if Log::actor() == 0 || FAILED.replace(execution) == execution {
            return FullFence::heavy();
        }
        Err(BarrierError { errno: 1 })
    }

    fn name() -> &'static str {
        "full fences that fail at first"
    }
}

/// What fails is as if it had not been begun, and is done as ever the next time.
#[test]
fn a_failed_stop_has_no_effect() {
    explore_drains("drains: reads, failing stop", Bound::Preemptions(3), Reads, PublishAndDrain, world::<FailsOnce, 1>);
    explore_drains(
        "drains: allocates, failing stop",
        Bound::Preemptions(3),
        Allocates,
        PublishAndDrain,
        world::<FailsOnce, 1>,
    );
}

#[test]
fn a_failed_drain_has_no_effect() {
    explore_drains("drains: frees, failing drain", Bound::Preemptions(3), Frees, Drain, world::<FailsOnce, 1>);
}
