//! What `Presence` guarantees in addition to consistency.

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, PublishError, Published, ReaderSlots, Walk, ZonePresence},
    table::{Capacity, OrderEntry, OrderTables, Slot},
    topology::NodeSet,
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};
use zonelist_inplace::Presence;

fn presence(capacity: Capacity) -> Published<Presence<Box<[Slot]>>> {
    Published::with_slots(Presence::new(OrderTables::boxed(capacity)), ReaderSlots::boxed(1))
}

/// A capacity for more zones than there are bits.
const WIDE: Capacity = Capacity::new(3, OrderEntry::BITS + 1).unwrap();

#[test]
fn readers_of_presence_see_what_is_published() {
    basics::shows_what_is_published(&presence(Sample::CAPACITY));
    basics::shows_what_is_published(&presence(WIDE));
}

#[test]
fn concurrent_publishers_through_presence_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&presence(Sample::CAPACITY));
}

#[test]
fn a_publish_of_presence_that_is_rolled_back_hides_no_torn_walk() {
    let orders = OrderTables::<Box<[Slot]>>::boxed(Sample::CAPACITY);
    basics::a_publish_that_is_rolled_back_hides_no_torn_walk(Presence::new(orders));
}

#[test]
fn lists_that_do_not_fit_presence_are_refused() {
    basics::what_does_not_fit_is_not_published(&presence(Capacity::new(3, 3).unwrap()));
}

#[test]
fn presence_uses_no_barrier_pair_and_no_leaked_guard_matters() {
    let published: Published<_, Parts<Unreliable>> = Published::with_platform(
        Presence::new(OrderTables::<Box<[Slot]>>::boxed(Sample::CAPACITY)),
        ReaderSlots::boxed(1),
    );
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_leaked_guard_goes_with_its_reader(&published);
}

#[test]
fn a_cursor_over_presence_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&presence(Sample::CAPACITY));
    basics::a_cursor_goes_on_from_where_it_stood(&presence(WIDE));
}

#[test]
fn short_lived_readers_of_presence_need_no_slot() {
    basics::short_lived_readers_find_their_slots(&presence(Sample::CAPACITY));
    let published = presence(Sample::CAPACITY);
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "ten readers, one slot");
}

#[test]
fn presence_can_be_a_static() {
    static PUBLISHED: Published<Presence<[Slot; Sample::CAPACITY.order_words()]>> = Published::with_slots(
        Presence::new(OrderTables::in_array(Sample::CAPACITY).unwrap()),
        // SAFETY: the initializer of a static is evaluated once.
        unsafe { zonelist_core::static_reader_slots!(64) },
    );
    basics::shows_what_is_published(&PUBLISHED);
}

#[test]
fn a_walk_keeps_its_version_while_zones_come_and_go() {
    let (Sample { versions, requests }, published) = (Sample::default(), presence(Sample::CAPACITY));
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    assert!(walk.next().is_some());
    let cursor = walk.clone();
    let orders = 1000;
    for version in versions[..2].iter().cycle().skip(1).take(orders) {
        published.publish(version).unwrap();
    }
    let list = versions[0].lists().of(node, request.scope);
    assert!(cursor.clone().eq(list[1..].iter().copied()) && !cursor.must_retry());
    published.publish(&versions[2]).unwrap();
    assert!(
        cursor.clone().eq(list[1..].iter().copied()) && !cursor.must_retry(),
        "one changed order leaves the walk whole"
    );
    published.publish(&versions[1]).unwrap();
    assert!(cursor.must_retry() && walk.must_retry(), "a second one is written over the table of the walk");
    assert!(!guard.walk(node, &filter).must_retry(), "the next walk is whole");
}

#[test]
fn a_zone_leaves_all_lists_and_returns_by_one_word() {
    let (Sample { versions, .. }, published) = (Sample::default(), presence(Sample::CAPACITY));
    let zone = |number, kind| ZoneId::new(NodeId::new(number).unwrap(), kind);
    let movable = zone(0, ZoneKind::Movable);
    assert_eq!(published.set_present(movable, ZonePresence::Present), Err(PublishError::NoEntry { zone: movable }));
    published.publish(&versions[0]).unwrap();
    let filters = [Scope::Fallback, Scope::ThisNode]
        .map(|scope| published.filter(&Request { scope, ..Request::up_to(ZoneKind::Device) }));
    let mut reader = published.reader().unwrap();
    use ZonePresence::{Absent, Present};
    for (presence, version) in [(Absent, &versions[1]), (Absent, &versions[1]), (Present, &versions[0])] {
        published.set_present(movable, presence).unwrap();
        let guard = reader.enter();
        for node in NodeSet::ALL.iter().take(3) {
            for (filter, scope) in filters.iter().zip([Scope::Fallback, Scope::ThisNode]) {
                assert!(guard.walk(node, filter).eq(version.lists().of(node, scope).iter().copied()));
            }
        }
    }
    let unknown = zone(2, ZoneKind::Movable);
    assert_eq!(published.set_present(unknown, ZonePresence::Present), Err(PublishError::NoEntry { zone: unknown }));
    let wide = presence(WIDE);
    wide.publish(&versions[0]).unwrap();
    let too_many = PublishError::TooManyZones { zone: movable, zones: WIDE.zones(), max: OrderEntry::BITS };
    assert_eq!(wide.set_present(movable, ZonePresence::Absent), Err(too_many));
}

/// The fallback list of one node, with the zones of these numbers.
fn one_node(zones: &[u16]) -> Zonelists {
    let entry = |&zone| Zoneref::new(ZoneId::new(NodeId::new(zone / 6).unwrap(), ZoneKind::ALL[usize::from(zone) % 6]));
    let zonerefs: Vec<Zoneref> = zones.iter().map(entry).collect();
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }];
    ZonelistsRef::new(&zonerefs, &rows).unwrap().into()
}

#[test]
fn walks_are_exact_while_thousands_of_zones_come_and_go() {
    let published = presence(Capacity::new(1, 4).unwrap());
    let [any, kernel] = [ZoneKind::Device, ZoneKind::Normal]
        .map(|kind| (Request::up_to(kind), published.filter(&Request::up_to(kind))));
    let confined = Request { nodes: Some(NodeSet::ALL.iter().step_by(2).collect()), ..any.0 };
    let confined = (confined, published.filter(&confined));
    let mut reader = published.reader().unwrap();
    // Every zone id, four at a time, and between them the first four.
    for start in (0..6000).step_by(3) {
        for zones in [[start, start + 1, start + 2, start + 3], [2, 0, 1, 3], [0, 1, 2, 3]] {
            let lists = one_node(&zones);
            published.publish(&lists).unwrap();
            for (request, filter) in [&any, &kernel, &confined] {
                let list = lists.lists().of(NodeId::new(0).unwrap(), Scope::Fallback).iter().copied();
                let expected = list.filter(|entry| request.admits(entry.zone()));
                assert!(reader.enter().walk(NodeId::new(0).unwrap(), filter).eq(expected), "{zones:?}");
            }
        }
    }
}

/// A bit stands for another zone in another `Presence`: debug builds panic, and in others the walk stays within its
/// list.
#[test]
fn a_filter_of_another_presence_is_found_in_debug_builds() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let [ours, theirs] = [presence(Sample::CAPACITY), presence(Sample::CAPACITY)];
    let versions = Sample::default().versions;
    ours.publish(&versions[0]).unwrap();
    theirs.publish(&versions[2]).unwrap();
    let request = Request::up_to(ZoneKind::Normal);
    let [filter, foreign] = [&ours, &theirs].map(|published| published.filter(&request));
    let mut reader = ours.reader().unwrap();
    let guard = reader.enter();
    let node = NodeId::new(0).unwrap();
    assert!(guard.walk(node, &filter).next().is_some());
    let walked = catch_unwind(AssertUnwindSafe(|| guard.walk(node, &foreign).collect::<Vec<_>>()));
    if cfg!(debug_assertions) {
        let message = walked.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(*message, "a filter of another instance; expected one that this instance made");
    } else {
        let list = versions[0].lists().of(node, Scope::Fallback);
        assert!(walked.unwrap().iter().all(|entry| list.contains(entry)));
    }
    drop(guard);
    drop(reader);
    // A move does not change the identity of an instance.
    let moved = Box::new(ours);
    assert!(moved.reader().unwrap().enter().walk(node, &filter).next().is_some());
}
