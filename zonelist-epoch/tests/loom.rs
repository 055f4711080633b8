//! Loom models of the grace-period schemes, and the faults that they kill.
#![cfg(loom)]

use zonelist_core::{
    ZoneKind::{Movable, Normal},
    conformance::models::{NODE, Scenario, Zone, explore_retirement, full, killed},
    publish::{FullFence, Published},
};
use zonelist_epoch::EpochSwap;

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);

fn epoch_swap() -> Published<EpochSwap, FullFence, 1> {
    Published::new(EpochSwap::new())
}

#[test]
fn a_walk_under_epoch_swap_is_a_snapshot() {
    let scenario = Scenario::new("epoch-swap: growing").before(&[N]).publisher(&[&[M, N]]);
    scenario.reader(&[full(Movable)]).preemptions(2).explore(epoch_swap);
}

#[test]
fn epoch_swap_waits_for_a_grace_period() {
    explore_retirement("epoch-swap: retirement", Some(1), epoch_swap);
}

#[test]
fn epoch_swap_faults_are_killed() {
    killed("a_walk_under_epoch_swap_is_a_snapshot", "epoch: freed at once");
    killed("epoch_swap_waits_for_a_grace_period", "epoch: reader unpinned");
}
