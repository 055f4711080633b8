//! Loom models of the grace-period schemes, and the faults that they kill.
#![cfg(loom)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Capacity, Lists, NodeId, PageAllocator, PageRequest, Row, Spin, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    conformance::models::{
        NODE, Scenario, ZONES, Zone as Listed, explore_races, explore_refusals, explore_retirement, first, full, killed,
    },
    publish::{FullFence, Published},
};
use zonelist_epoch::{AsymmetricEpoch, EpochSwap, Qsbr};

const M: Listed = (Movable, NODE);
const N: Listed = (Normal, NODE);

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
    scenario.reader(&[first(1, Movable), first(1, Movable)]).preemptions(3).explore(asymmetric_epoch);
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
    scenario.reader(&[first(1, Movable), first(1, Movable)]).preemptions(3).explore(qsbr);
}

#[test]
fn qsbr_waits_for_a_grace_period() {
    explore_retirement("qsbr: retirement", None, qsbr);
}

/// Handles of an allocator are never on line: the flag that guards their caches tells of their walks.
#[test]
fn a_publish_under_qsbr_waits_for_handles_of_an_allocator() {
    const PREEMPTIONS: usize = 3;
    let interleavings = Arc::new(AtomicU64::new(0));
    let explored = Arc::clone(&interleavings);
    // An allocation has too many steps to explore all that can happen between them.
    let mut bounded = loom::model::Builder::new();
    bounded.preemption_bound = Some(PREEMPTIONS);
    bounded.max_branches = 20_000;
    bounded.check(move || {
        explored.fetch_add(1, Relaxed);
        let node = NodeId::new(NODE).unwrap();
        let id = ZoneId::new(node, Normal);
        let zone = Zone::boxed(id, 0..512, 9, Spin::new()).unwrap();
        zone.add(0..512).unwrap();
        let allocator = Arc::new(PageAllocator::boxed(qsbr(), vec![zone]).unwrap());
        let publish = move |allocator: &PageAllocator<'_, Qsbr, FullFence, Spin, 1>| {
            let rows = [Row { start: 0, len: 1, own: 1 }];
            allocator.published().publish(Lists::new(&[Zoneref::new(id)], &rows).unwrap()).unwrap();
        };
        publish(&allocator);
        let class = allocator.class(&PageRequest::up_to(Normal)).unwrap();
        let mut local = allocator.local().unwrap();
        let publisher = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || (0..2).for_each(|_| publish(&allocator))
        });
        let page = local.alloc(node, &class).unwrap();
        publisher.join().unwrap();
        local.free(page).unwrap();
    });
    let interleavings = interleavings.load(Relaxed);
    println!(
        "model qsbr: an allocation during two publishes: {interleavings} interleavings, at most {PREEMPTIONS} preemptions"
    );
    assert!(interleavings > 1);
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
fn the_races_of_2022_are_absent_under_grace_periods() {
    for races in [
        explore_races("epoch-swap", Some(2), epoch_swap),
        explore_races("asymmetric-epoch", None, asymmetric_epoch),
        explore_races("qsbr", None, qsbr),
    ] {
        assert_eq!((races.cursor.tally.torn, races.growing.tally.torn), (0, 0));
    }
    explore_refusals("asymmetric-epoch", Some(2), asymmetric_epoch);
    explore_refusals("qsbr", Some(2), qsbr);
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
    killed("a_publish_under_qsbr_waits_for_handles_of_an_allocator", "seat: reader unseen");
    killed("a_publish_under_qsbr_waits_for_handles_of_an_allocator", "settle: nobody waits");
}
