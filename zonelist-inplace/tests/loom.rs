//! Loom models of the in-place schemes.
#![cfg(loom)]

#[path = "museum/mod.rs"]
mod museum;

use zonelist_core::{
    ZoneKind::{Movable, Normal},
    conformance::models::{
        Bound, MOVABLE as M, NORMAL as N, OTHER as O, ROOM, Refused, Scenario, Zone, explore_failed_publish,
        explore_races, explore_refusals, explore_torn_walk, first, full,
    },
    publish::{Published, ReaderSlots},
    table::{Capacity, OrderEntry, OrderTables, Slot, Slots},
};
use zonelist_inplace::{InPlace, Presence};

zonelist_core::model!(in_place: InPlace<Box<[Slot]>> = InPlace::new(Slots::boxed(ROOM)));
zonelist_core::model!(presence: Presence<Box<[Slot]>> = Presence::new(OrderTables::boxed(ROOM)));
zonelist_core::model!(
    wide_presence: Presence<Box<[Slot]>> = Presence::new(OrderTables::boxed(Capacity::new(1, OrderEntry::BITS + 1).unwrap()))
);

/// The Normal zone of a third node.
const P: Zone = (Normal, 2);

fn in_place() -> Published<InPlace<Box<[Slot]>>> {
    Published::with_slots(InPlace::new(Slots::boxed(ROOM)), ReaderSlots::boxed(1))
}

#[test]
fn a_walk_in_place_misses_a_zone() {
    let shrink = Scenario::new("in-place: shrinking").before(&[M, N, O]).publisher(&[&[N, O]]);
    let shrink = shrink.reader(&[full(Movable)]).explore(in_place);
    assert!(shrink.tally.missed > 0, "the zone behind the removed one moves to a slot that was passed");
}

#[test]
fn a_walk_in_place_meets_a_zone_twice() {
    let grow = Scenario::new("in-place: growing").before(&[N, O]).publisher(&[&[M, N, O]]);
    let grow = grow.reader(&[full(Movable), first(1, Movable)]).preemptions(3).explore(in_place);
    assert!(grow.tally.repeated > 0, "the zone that moved by one slot is shown again");
}

#[test]
fn a_walk_in_place_is_empty_for_its_request() {
    let grow = Scenario::new("in-place: growing, a request of Normal").before(&[N]).publisher(&[&[M, N]]);
    let grow = grow.reader(&[full(Normal)]).explore(in_place);
    assert!(grow.tally.empty > 0, "the commit of 2017 claims that a reader always sees some zone");

    let shrink = Scenario::new("in-place: shrinking, a request of Normal").before(&[M, N]).publisher(&[&[N]]);
    let shrink = shrink.reader(&[full(Normal)]).explore(in_place);
    assert!(shrink.tally.empty > 0, "the only zone that serves moves to a slot that was passed");
}

#[test]
fn a_walk_in_place_is_torn_while_a_fallback_order_is_reversed() {
    let turned = Scenario::new("in-place: order turned").before(&[N, O, P]).publisher(&[&[P, O, N]]);
    let turned = turned.reader(&[full(Normal)]).explore(in_place);
    assert!(turned.tally.torn > 0 && turned.tally.repeated > 0);
}

#[test]
fn a_walk_in_place_shows_no_zone_of_an_older_version() {
    let regrown = Scenario::new("in-place: longer again").before(&[N, O, P]).before(&[N]);
    regrown.publisher(&[&[M, N]]).reader(&[full(Movable)]).explore(in_place);
}

#[test]
fn the_races_of_2022_are_found_in_place() {
    let races = explore_races("in-place", Bound::Exhaustive, in_place);
    assert!(races.cursor.tally.missed > 0, "a zone that moved before the cursor is missed");
    assert!(races.growing.tally.empty > 0, "the only zone that serves is in no slot for a moment");
    let Refused { shrinking, growing } = explore_refusals("in-place", Bound::Preemptions(3), in_place);
    assert!(shrinking > 0 && growing > 0, "{shrinking}, {growing}");
}

fn presence() -> Published<Presence<Box<[Slot]>>> {
    Published::with_slots(Presence::new(OrderTables::boxed(ROOM)), ReaderSlots::boxed(1))
}

/// A `Presence` with a capacity of more zones than bits.
fn wide_presence() -> Published<Presence<Box<[Slot]>>> {
    Published::with_slots(
        Presence::new(OrderTables::boxed(Capacity::new(1, OrderEntry::BITS + 1).unwrap())),
        ReaderSlots::boxed(1),
    )
}

#[test]
fn zones_come_and_go_at_once_through_presence() {
    let scenario = Scenario::new("presence: leaves and returns").before(&[M, N]).publisher(&[&[N], &[M, N], &[M]]);
    let found = scenario.reader(&[full(Movable), full(Normal)]).explore(presence);
    assert_eq!((found.tally.torn, found.tally.reported), (0, 0), "no walk is reported as torn");
}

#[test]
fn a_changed_order_of_a_list_is_seen_whole_through_presence() {
    let scenario = Scenario::new("presence: a new zone, then an order").before(&[N]).publisher(&[&[M, N]]);
    let found = scenario.reader(&[full(Movable), full(Normal)]).explore(presence);
    assert_eq!(found.tally.torn, 0);

    let turned = Scenario::new("presence: order turned").before(&[N, O]).publisher(&[&[O, N]]);
    let turned = turned.reader(&[full(Normal)]).explore(presence);
    assert_eq!(turned.tally.torn, 0, "there is a spare table");

    let replaced = Scenario::new("presence: another zone instead").before(&[N]).publisher(&[&[O]]);
    let replaced = replaced.reader(&[full(Normal)]).explore(presence);
    assert_eq!(replaced.tally.torn, 0, "a filter made meanwhile has the zone's bit as admitted or as unknown");
}

#[test]
fn a_walk_across_two_changed_orders_is_reported() {
    let scenario = Scenario::new("presence: order turned and turned back").before(&[N, O]);
    let found = scenario.publisher(&[&[O, N], &[N, O]]).reader(&[full(Normal)]).explore(presence);
    assert!(found.tally.reported > 0);

    let scenario = Scenario::new("presence: another order in the same table").before(&[N, O]);
    let found = scenario.publisher(&[&[O, N], &[P, N]]).reader(&[full(Normal)]).explore(presence);
    assert!(found.tally.torn > 0 && found.tally.unreported == 0);
}

#[test]
fn a_torn_walk_of_presence_is_reported_before_its_end() {
    let scenario = Scenario::new("presence: left early").before(&[N, O]).publisher(&[&[O, N], &[P, O, N]]);
    let found = scenario.reader(&[first(2, Normal)]).explore(presence);
    assert!(found.tally.torn > 0 && found.tally.unreported == 0);
}

#[test]
fn walks_of_more_zones_than_bits_are_whole_or_reported() {
    let scenario = Scenario::new("presence: more zones than bits").before(&[M, N]).publisher(&[&[N], &[O, M]]);
    let found = scenario.reader(&[full(Movable)]).explore(wide_presence);
    assert!(found.tally.torn > 0 && found.tally.unreported == 0);
}

#[test]
fn nothing_is_remembered_of_a_publish_that_fails() {
    explore_failed_publish("in-place: a remembered zone, a publish fails", Bound::SUITE, || {
        InPlace::new(Slots::boxed(ROOM))
    });
}

#[test]
fn nothing_is_remembered_of_a_walk_that_reports_to_be_torn() {
    explore_torn_walk("in-place: a remembered zone, a torn walk", Bound::SUITE, || InPlace::new(Slots::boxed(ROOM)));
}
