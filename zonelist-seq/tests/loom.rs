//! Loom models of the sequence schemes.
#![cfg(loom)]

use zonelist_core::{
    ZoneKind::{Movable, Normal},
    conformance::models::{Bound, MOVABLE, NORMAL, OTHER, ROOM, Scenario, explore_races, first, full},
    publish::{Published, ReaderSlots},
    table::{Slot, Slots},
};
use zonelist_seq::SeqRetry;

zonelist_core::model!(seq_retry: SeqRetry<Box<[Slot]>> = SeqRetry::new(Slots::boxed(ROOM)));

fn seq_retry() -> Published<SeqRetry<Box<[Slot]>>> {
    Published::with_slots(SeqRetry::new(Slots::boxed(ROOM)), ReaderSlots::boxed(1))
}

#[test]
fn walks_of_seq_retry_are_torn_and_reported() {
    let shrink = Scenario::new("seq-retry: shrinking").before(&[MOVABLE, NORMAL, OTHER]).publisher(&[&[NORMAL, OTHER]]);
    let shrink = shrink.reader(&[full(Movable)]).explore(seq_retry);
    assert!(shrink.tally.missed > 0, "walks are torn, as in place");

    let grow =
        Scenario::new("seq-retry: growing, a request of Normal").before(&[NORMAL]).publisher(&[&[MOVABLE, NORMAL]]);
    let grow = grow.reader(&[full(Normal)]).explore(seq_retry);
    assert!(grow.tally.empty > 0 && grow.tally.unreported == 0);
}

#[test]
fn a_torn_walk_is_reported_before_its_end() {
    let scenario =
        Scenario::new("seq-retry: left early").before(&[MOVABLE, NORMAL, OTHER]).publisher(&[&[NORMAL, OTHER]]);
    let early = scenario.reader(&[first(2, Movable)]).explore(seq_retry);
    assert!(early.tally.torn > 0 && early.tally.unreported == 0);
}

#[test]
fn a_walk_across_two_publishes_is_reported() {
    let scenario = Scenario::new("seq-retry: two publishes").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE, NORMAL], &[NORMAL]]);
    scenario.reader(&[full(Movable)]).preemptions(3).explore(seq_retry);
}

#[test]
fn the_races_of_2022_are_reported_by_seq_retry() {
    let races = explore_races("seq-retry", Bound::Exhaustive, seq_retry);
    assert!(races.cursor.tally.torn > 0 && races.growing.tally.torn > 0, "the races happen");
    assert_eq!(
        (races.cursor.tally.unreported, races.growing.tally.unreported),
        (0, 0),
        "and every torn walk is reported"
    );
}
