//! Loom models of the in-place schemes, and the faults that they kill.
#![cfg(loom)]

use zonelist_core::{
    Capacity, Slot, Slots,
    ZoneKind::{Movable, Normal},
    conformance::models::{NODE, Scenario, ZONES, Zone, first, full, killed},
    publish::{FullFence, Published},
};
use zonelist_inplace::InPlace;

const M: Zone = (Movable, NODE);
const N: Zone = (Normal, NODE);
/// Zones of other nodes, behind.
const O: Zone = (Normal, 1);
const P: Zone = (Normal, 2);

fn in_place() -> Published<InPlace<Box<[Slot]>>, FullFence, 1> {
    Published::new(InPlace::new(Slots::boxed(Capacity::new(1, ZONES).unwrap())))
}

#[test]
fn a_walk_in_place_misses_a_zone() {
    let shrink = Scenario::new("in-place: shrinking").before(&[M, N, O]).publisher(&[&[N, O]]);
    let shrink = shrink.reader(&[full(Movable)]).explore(in_place);
    assert!(shrink.tally.missed > 0, "the zone behind the one that left is missed");
}

#[test]
fn a_walk_in_place_meets_a_zone_twice() {
    let grow = Scenario::new("in-place: growing").before(&[N, O]).publisher(&[&[M, N, O]]);
    let grow = grow.reader(&[full(Movable), first(1, Movable)]).preemptions(3).explore(in_place);
    assert!(grow.tally.repeated > 0, "the zone that moved back is met again");
}

#[test]
fn a_walk_in_place_is_empty_for_its_request() {
    let grow = Scenario::new("in-place: growing, a request of Normal").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).explore(in_place);
    assert!(grow.tally.empty > 0, "the commit of 2017 claims that some zone is always seen");

    let shrink = Scenario::new("in-place: shrinking, a request of Normal").before(&[M, N]).publisher(&[&[N]]);
    let shrink = shrink.reader(&[full(Normal)]).explore(in_place);
    assert!(shrink.tally.empty > 0, "the only zone that serves moves to a slot already passed");
}

#[test]
fn a_walk_in_place_is_torn_while_the_order_turns() {
    let turned = Scenario::new("in-place: order turned").before(&[N, O, P]).publisher(&[&[P, O, N]]);
    let turned = turned.reader(&[full(Normal)]).explore(in_place);
    assert!(turned.tally.torn > 0 && turned.tally.repeated > 0);
}

#[test]
fn a_walk_in_place_shows_no_zone_long_gone() {
    let regrown = Scenario::new("in-place: longer again").before(&[N, O, P]).before(&[N]);
    regrown.publisher(&[&[M, N]]).reader(&[full(Movable)]).explore(in_place);
}

#[test]
fn two_publishers_in_place_are_serialised() {
    let scenario = Scenario::new("in-place: two publishers").before(&[N]);
    scenario.publisher(&[&[M, N]]).publisher(&[&[O]]).reader(&[full(Movable)]).preemptions(2).explore(in_place);
}

#[test]
fn in_place_faults_are_killed() {
    killed("a_walk_in_place_shows_no_zone_long_gone", "slots: tail kept");
}
