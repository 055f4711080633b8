//! What waits for what under the baselines: prints a line for each operation and each thing held.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::blocking::{OptionalOperations, cells},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slot, Slots},
};

fn boxed(room: Capacity) -> Slots<Box<[Slot]>> {
    Slots::boxed(room)
}

#[test]
fn what_waits_under_stop_world() {
    cells(|room| StopWorld::new(boxed(room)), OptionalOperations::none().reclaims());
}

#[test]
fn what_waits_under_stop_world_preempted() {
    cells(|room| StopWorldPreempted::new(boxed(room)), OptionalOperations::none());
}
