//! Models of drains concurrent with publishes that stop readers: both make requests of one reader, each by its own
//! bits.
//!
//! Models of drains concurrent with grace periods are in the tests of the crate that has such schemes.

use std::{cell::Cell, sync::Arc};

use zonelist_core::{
    conformance::models::{
        Bound, ROOM,
        ReaderRole::{Allocates, ChangesOwners, Frees, Reads, Registers, RegistersInNewSlot},
        Requesters::{Both, Drain, PublishAndDrain},
        explore, explore_drains,
    },
    publish::{
        Barrier, BarrierError, FullFence, Light, Parts, Platform, Published, ReaderError, ReaderSlots, Standard,
    },
    stop_world::{StopWorld, StopWorldPreempted},
    sync::traced::Log,
    table::{Slot, Slots},
};

/// The lists of a scheme that stops readers for a publish.
fn world<P: Platform, const READERS: usize>() -> Published<StopWorld<Box<[Slot]>>, P> {
    Published::with_platform(StopWorld::new(Slots::boxed(ROOM)), ReaderSlots::boxed(READERS))
}

/// The lists of a scheme with a per-entry protocol.
fn steps<const READERS: usize>() -> Published<StopWorldPreempted<Box<[Slot]>>> {
    Published::with_slots(StopWorldPreempted::new(Slots::boxed(ROOM)), ReaderSlots::boxed(READERS))
}

/// The allocation walks, and so waits for the publish. It does without its per-CPU pages while the drain has revoked
/// them.
#[test]
fn an_allocation_beside_a_stop_and_a_drain() {
    explore_drains("drains: allocates, stop", Bound::Preemptions(2), Allocates, Both(1), world::<Standard, 1>);
}

/// The free does not walk, and so waits for neither.
#[test]
fn a_free_beside_a_stop_and_a_drain() {
    explore_drains("drains: frees, stop", Bound::Preemptions(2), Frees, Both(1), world::<Standard, 1>);
}

/// The per-CPU pages have a handshake of their own under this protocol.
#[test]
fn an_allocation_by_steps_beside_a_stop_and_a_drain() {
    explore_drains("drains: allocates by steps, stop", Bound::Preemptions(2), Allocates, Both(1), steps::<1>);
}

#[test]
fn a_handle_is_registered_beside_a_stop_and_a_drain() {
    explore_drains("drains: registers, stop", Bound::Preemptions(2), Registers, Both(1), world::<Standard, 1>);
}

/// The publish and the drain have their locks when the slot is added, or make no request to it.
#[test]
fn a_handle_is_registered_in_a_new_slot_beside_a_stop_and_a_drain() {
    let bound = Bound::Preemptions(2);
    explore_drains("drains: registers in a new slot", bound, RegistersInNewSlot, Drain, world::<Standard, 0>);
    let name = "drains: registers in a new slot, stop";
    explore_drains(name, bound, RegistersInNewSlot, PublishAndDrain(1), world::<Standard, 0>);
}

/// A slot is seen in the state in which it was added, or not yet.
#[test]
fn a_reader_is_registered_beside_the_addition_of_its_slot() {
    explore("slots: a reader, an addition", Bound::Exhaustive, || {
        let published = Arc::new(world::<Standard, 0>());
        let adds = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || published.add_slots(ReaderSlots::boxed(1))
        });
        while let Err(error) = published.reader() {
            assert!(matches!(error, ReaderError::NoSlot { .. }), "{error}");
            loom::thread::yield_now();
        }
        adds.join().unwrap();
    });
}

#[test]
fn a_reader_is_registered_beside_a_stop_and_a_drain() {
    explore_drains("drains: reads, stop", Bound::Preemptions(3), Reads, Both(1), world::<Standard, 1>);
}

/// The slot goes from a plain reader, for which a drain does not wait, to a handle, whose per-CPU pages the drain
/// revokes all the same.
#[test]
fn a_slot_changes_owners_during_a_drain() {
    explore_drains("drains: changes owners", Bound::Preemptions(3), ChangesOwners, Drain, world::<Standard, 1>);
}

/// A barrier pair whose heavy half fails once, in a thread other than the model's first, and is no fence then.
pub(super) enum FailsOnce {}

std::thread_local! {
    /// The number of the execution in which it has failed.
    static FAILED: Cell<Option<u64>> = const { Cell::new(None) };
}

// SAFETY: each light half is a full fence, and so is each heavy half that returns `Ok`.
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

/// A publish whose barrier fails has no effect, and the next one succeeds.
#[test]
fn a_failed_stop_has_no_effect() {
    explore_drains(
        "drains: reads, failing stop",
        Bound::Preemptions(3),
        Reads,
        PublishAndDrain(1),
        world::<Parts<FailsOnce>, 1>,
    );
    explore_drains(
        "drains: allocates, failing stop",
        Bound::Preemptions(3),
        Allocates,
        PublishAndDrain(1),
        world::<Parts<FailsOnce>, 1>,
    );
}

/// A drain whose barrier fails has no effect, and the next one succeeds.
#[test]
fn a_failed_drain_has_no_effect() {
    explore_drains("drains: frees, failing drain", Bound::Preemptions(3), Frees, Drain, world::<Parts<FailsOnce>, 1>);
}
