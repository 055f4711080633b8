//! Loom models of the sequence schemes, and the faults that they kill.
#![cfg(loom)]

use zonelist_core::{
    Capacity, Slot, Slots,
    ZoneKind::{Movable, Normal},
    conformance::models::{NODE, Scenario, ZONES, Zone, explore_races, explore_refusals, first, full, killed},
    publish::{FullFence, Published},
};
use zonelist_seq::SeqRetry;

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);
/// A zone of another node, behind.
const O: Zone = (Normal, 1);

fn seq_retry() -> Published<SeqRetry<Box<[Slot]>>, FullFence, 1> {
    Published::new(SeqRetry::new(Slots::boxed(Capacity::new(1, ZONES).unwrap())))
}

#[test]
fn a_torn_walk_is_told() {
    let shrink = Scenario::new("seq-retry: shrinking").before(&[M, N, O]).publisher(&[&[N, O]]);
    let shrink = shrink.reader(&[full(Movable)]).explore(seq_retry);
    assert!(shrink.tally.missed > 0, "walks are torn, as in place");

    let grow = Scenario::new("seq-retry: growing, a request of Normal").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).explore(seq_retry);
    assert!(grow.tally.empty > 0 && grow.tally.unreported == 0);
}

#[test]
fn a_torn_walk_is_told_when_asked_early() {
    let scenario = Scenario::new("seq-retry: left early").before(&[M, N, O]).publisher(&[&[N, O]]);
    let early = scenario.reader(&[first(2, Movable)]).explore(seq_retry);
    assert!(early.tally.torn > 0 && early.tally.unreported == 0);
}

#[test]
fn a_walk_across_two_publishes_is_told() {
    let scenario = Scenario::new("seq-retry: two publishes").before(&[N]).publisher(&[&[M, N], &[N]]);
    scenario.reader(&[full(Movable)]).preemptions(3).explore(seq_retry);
}

#[test]
fn two_publishers_of_seq_retry_are_serialised() {
    let scenario = Scenario::new("seq-retry: two publishers").before(&[N]);
    scenario.publisher(&[&[M, N]]).publisher(&[&[O]]).reader(&[full(Movable)]).preemptions(2).explore(seq_retry);
}

#[test]
fn the_races_of_2022_are_told_by_seq_retry() {
    let races = explore_races("seq-retry", None, seq_retry);
    assert!(races.cursor.tally.torn > 0 && races.growing.tally.torn > 0, "they happen");
    assert_eq!((races.cursor.tally.unreported, races.growing.tally.unreported), (0, 0), "and are told");
    explore_refusals("seq-retry", Some(3), seq_retry);
}

#[test]
fn seq_retry_faults_are_killed() {
    for fault in
        ["seq: reader's fence", "seq: writer's fence", "seq: note relaxed", "seq: end relaxed", "seq: odd trusted"]
    {
        killed("a_torn_walk_is_told", fault);
    }
}
