//! Loom models of the grace-period schemes, and the faults that they kill.
#![cfg(loom)]

use zonelist_core::{
    Capacity,
    ZoneKind::{Movable, Normal},
    conformance::models::{NODE, Scenario, ZONES, Zone, explore_retirement, first, full, killed},
    publish::{FullFence, Published},
};
use zonelist_epoch::{AsymmetricEpoch, EpochSwap, Qsbr};

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);

fn epoch_swap() -> Published<EpochSwap, FullFence, 1> {
    Published::new(EpochSwap::new())
}

fn asymmetric_epoch() -> Published<AsymmetricEpoch, FullFence, 1> {
    Published::new(AsymmetricEpoch::boxed(Capacity::new(1, ZONES).unwrap()))
}

fn qsbr() -> Published<Qsbr, FullFence, 1> {
    Published::new(Qsbr::boxed(Capacity::new(1, ZONES).unwrap()))
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

/// A walk over the first version, while the second is published and the third written over the first.
#[test]
fn a_walk_under_asymmetric_epoch_is_a_snapshot() {
    let scenario = Scenario::new("asymmetric-epoch: two publishes").before(&[N]).publisher(&[&[M], &[]]);
    scenario.reader(&[first(1, Movable)]).explore(asymmetric_epoch);
}

/// An answer to one question stands while the next is asked.
#[test]
fn an_old_answer_under_asymmetric_epoch_is_none() {
    let scenario = Scenario::new("asymmetric-epoch: three publishes").before(&[N]).publisher(&[&[M], &[N], &[M]]);
    scenario.reader(&[first(1, Movable)]).explore(asymmetric_epoch);
}

#[test]
fn a_second_walk_under_asymmetric_epoch_is_a_snapshot() {
    let scenario = Scenario::new("asymmetric-epoch: two walks, two publishes").before(&[N]).publisher(&[&[M], &[]]);
    scenario.reader(&[first(1, Movable), first(1, Movable)]).preemptions(2).explore(asymmetric_epoch);
}

#[test]
fn asymmetric_epoch_waits_for_a_grace_period() {
    explore_retirement("asymmetric-epoch: retirement", None, asymmetric_epoch);
}

#[test]
fn a_walk_under_qsbr_is_a_snapshot() {
    let scenario = Scenario::new("qsbr: two publishes").before(&[N]).publisher(&[&[M], &[]]);
    scenario.reader(&[first(1, Movable)]).explore(qsbr);
}

#[test]
fn a_second_walk_under_qsbr_is_a_snapshot() {
    let scenario = Scenario::new("qsbr: two walks, two publishes").before(&[N]).publisher(&[&[M], &[]]);
    scenario.reader(&[first(1, Movable), first(1, Movable)]).preemptions(2).explore(qsbr);
}

#[test]
fn qsbr_waits_for_a_grace_period() {
    explore_retirement("qsbr: retirement", None, qsbr);
}

#[test]
fn asymmetric_epoch_faults_are_killed() {
    for fault in [
        "seat: reader unseen",
        "seat: left too early",
        "seat: asked too early",
        "settle: no barrier",
        "settle: nobody waits",
        "twins: found too early",
        "grace: not waited for",
    ] {
        killed("a_walk_under_asymmetric_epoch_is_a_snapshot", fault);
    }
    killed("an_old_answer_under_asymmetric_epoch_is_none", "question: never another");
    killed("asymmetric_epoch_waits_for_a_grace_period", "settle: nobody waits");
}

#[test]
fn qsbr_faults_are_killed() {
    for fault in [
        "turn: reader unseen",
        "turn: answered too early",
        "turn: offline too early",
        "turn: asked too early",
        "question: never another",
        "settle: no barrier",
        "settle: nobody waits",
        "grace: not waited for",
    ] {
        killed("a_walk_under_qsbr_is_a_snapshot", fault);
    }
    killed("qsbr_waits_for_a_grace_period", "settle: nobody waits");
}
