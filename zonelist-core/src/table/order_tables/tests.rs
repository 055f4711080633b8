use std::vec::Vec;

use super::*;
use crate::{ZoneId, ZoneKind::*};

/// The highest bit of a word.
const LAST: u32 = usize::BITS - 1;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn entry(on: u16, kind: ZoneKind, bit: u32) -> OrderEntry {
    OrderEntry { entry: Zoneref::new(ZoneId::new(node(on), kind)), bit }
}

#[test]
fn every_zone_and_bit_fit_in_a_slot() {
    for on in [0, 1, 1023] {
        for kind in ZoneKind::ALL {
            for bit in (OrderEntry::ZONES..).take(OrderEntry::BITS) {
                let entry = entry(on, kind, bit);
                assert_eq!(OrderEntry::of(entry.word()), Some(entry));
            }
        }
    }
    assert_eq!(OrderEntry::of(0), None);
}

#[test]
fn a_walk_shows_the_zones_whose_bits_are_set() {
    let orders = OrderTables::boxed(Capacity::new(2, 3).unwrap());
    let order = [entry(1, Movable, 5), entry(1, Normal, 3), entry(0, Normal, LAST)];
    let own = &order[..2];
    orders.write(OrderTable::Second, node(1), Scope::Fallback, order);
    orders.write(OrderTable::Second, node(1), Scope::ThisNode, own.iter().copied());
    let shown = |from, request: &Request, set: usize, unknown: usize| -> Vec<Zoneref> {
        let filter = OrderFilter::new(request, ZoneMask::of(usize::MAX & !unknown), ZoneMask::of(unknown));
        orders.walk(ZoneMask::of(set | ZoneMask::SECOND.bits()), node(from), &filter).collect()
    };
    let any = Request::up_to(Device);
    let zero = Request { nodes: Some([node(0)].into_iter().collect()), ..any };
    for set in (0..8_usize).map(|bits| (bits & 1) << 3 | (bits & 2) << 4 | (bits & 4) << (LAST - 2)) {
        for (request, entries) in [(any, &order[..]), (any.this_node(), &order[..2])] {
            let present = entries.iter().filter(|entry| set >> entry.bit & 1 != 0).map(|entry| entry.entry);
            assert_eq!(shown(1, &request, set, 0), present.clone().collect::<Vec<_>>());
            assert_eq!(
                shown(1, &request, set, usize::MAX),
                present.collect::<Vec<_>>(),
                "each compared with the request"
            );
        }
        let compared: Vec<_> = if set >> LAST != 0 { [order[2].entry].into() } else { Vec::new() };
        assert_eq!(shown(1, &zero, set, usize::MAX), compared);
    }
    assert_eq!(
        shown(1, &zero, usize::MAX, 1 << 3),
        [order[0].entry, order[2].entry],
        "the first is known to be admitted"
    );
    assert_eq!(shown(1, &Request::up_to(Normal), usize::MAX, usize::MAX), [order[1].entry, order[2].entry]);
    assert_eq!((shown(0, &any, usize::MAX, 0), shown(1023, &any, usize::MAX, 0)), (Vec::new(), Vec::new()));
    let filter = OrderFilter::new(&any, ZoneMask::of(usize::MAX), ZoneMask::NONE);
    assert_eq!(orders.walk(ZoneMask::of(usize::MAX & !4), node(1), &filter).count(), 0, "the first table is empty");
}

#[test]
fn what_has_no_room_is_not_written() {
    let orders = OrderTables::boxed(Capacity::new(1, 1).unwrap());
    let zones = [entry(0, Movable, 3), entry(0, Normal, 4)];
    for table in [OrderTable::First, OrderTable::Second, OrderTable::Shadow] {
        orders.write(table, node(0), Scope::Fallback, zones);
        orders.write(table, node(1), Scope::Fallback, zones);
        assert!(orders.read(table, node(0), Scope::Fallback).eq(zones[..1].iter().copied()));
        assert_eq!(orders.read(table, node(0), Scope::ThisNode).count(), 0);
        assert_eq!(orders.read(table, node(1), Scope::Fallback).count(), 0);
    }
    let filter = OrderFilter::new(&Request::up_to(Device), ZoneMask::of(usize::MAX), ZoneMask::NONE);
    assert_eq!(orders.walk(ZoneMask::of(usize::MAX), node(0), &filter).count(), 1);
}

#[test]
fn a_bit_belongs_to_one_zone() {
    let orders = OrderTables::boxed(Capacity::new(1, 1).unwrap());
    let [one, other] = [entry(0, Movable, 9), entry(0, Normal, LAST)];
    assert!(orders.name(9, one.entry) && orders.name(LAST, other.entry));
    assert!(!orders.name(8, one.entry) && !orders.name(LAST + 1, one.entry));
    assert_eq!([LAST, 10, LAST + 1].map(|bit| orders.zone_of(bit)), [Some(other.entry), None, None]);
    assert_eq!([0, 1].map(|less| orders.bit_of(other.entry, OrderEntry::BITS - less)), [Some(LAST), None]);
}

#[test]
fn more_zones_than_bits_have_no_names() {
    let wide = Capacity::new(1, OrderEntry::BITS + 1).unwrap();
    let orders = OrderTables::boxed(wide);
    assert!(!orders.name(9, entry(0, Normal, 9).entry));
    orders.write(OrderTable::Shadow, node(0), Scope::Fallback, [entry(0, Normal, 3)]);
    assert_eq!(orders.read(OrderTable::Shadow, node(0), Scope::Fallback).count(), 0);
    assert_eq!(wide.order_words(), 2 * wide.words());
}

#[test]
fn tables_of_the_wrong_size_are_refused() {
    const WORDS: usize = Capacity::new(2, 3).unwrap().order_words();
    let capacity = Capacity::new(2, 3).unwrap();
    assert!(OrderTables::<[Slot; WORDS]>::in_array(capacity).is_some());
    assert!(OrderTables::<[Slot; WORDS + 1]>::in_array(capacity).is_none());
    let words = Vec::from([const { Slot::new() }; WORDS]).leak();
    assert!(OrderTables::in_place(words, capacity).is_some());
    assert!(OrderTables::in_place(&mut [], capacity).is_none());
}
