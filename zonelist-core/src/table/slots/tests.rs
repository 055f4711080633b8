use std::vec::Vec;

use super::*;
use crate::{
    NodeSpan, ZoneId,
    ZoneKind::{self, *},
};

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn entry(on: u16, kind: ZoneKind) -> Zoneref {
    Zoneref::new(ZoneId::new(node(on), kind))
}

#[test]
fn a_walk_shows_what_the_request_admits_and_nothing_else() {
    let zonerefs = [entry(2, Movable), entry(2, Normal), entry(0, Movable), entry(0, Dma32)];
    let rows = [NodeSpan::default(), NodeSpan::default(), NodeSpan { start: 0, len: 4, own: 2 }];
    let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
    let tables = (Slots::boxed(Capacity::new(4, 5).unwrap()), Slots::fixed(lists));
    tables.0.rewrite(lists).unwrap();
    for highest in ZoneKind::ALL {
        for scope in [Scope::Fallback, Scope::ThisNode] {
            for nodes in [None, Some([0, 1].map(node).into_iter().collect()), Some(NodeSet::EMPTY)] {
                let request = Request { scope, highest, nodes };
                let filter = SlotFilter::new(&request);
                assert_eq!(filter.scope(), scope);
                assert!(zonerefs.iter().all(|&entry| filter.admits(entry) == request.admits(entry.zone())));
                for from in [0, 1, 2, 3, 4, 1023].map(node) {
                    let admitted = lists.of(from, scope).iter().copied().filter(|z| request.admits(z.zone()));
                    let expected: Vec<_> = admitted.collect();
                    assert_eq!(tables.0.walk(from, &filter).collect::<Vec<_>>(), expected, "{from} {request:?}");
                    assert_eq!(tables.1.walk(from, &filter).collect::<Vec<_>>(), expected, "{from} {request:?}");
                }
            }
        }
    }
}

#[test]
fn lists_that_do_not_fit_change_nothing() {
    let table = Slots::boxed(Capacity::new(1, 1).unwrap());
    let filter = SlotFilter::new(&Request::up_to(Device));
    let zonerefs = [entry(0, Normal), entry(0, Dma)];
    let one = NodeSpan { start: 0, len: 1, own: 1 };
    table.rewrite(ZonelistsRef::new(&zonerefs, &[one]).unwrap()).unwrap();

    let longer = table.rewrite(ZonelistsRef::new(&zonerefs, &[NodeSpan { len: 2, ..one }]).unwrap()).unwrap_err();
    assert_eq!((longer.needed.zones(), longer.capacity.zones()), (2, 1));
    let more = table.rewrite(ZonelistsRef::new(&zonerefs, &[one, one]).unwrap()).unwrap_err();
    assert_eq!((more.needed.nodes(), more.capacity.nodes()), (2, 1));
    assert_eq!(table.walk(node(0), &filter).collect::<Vec<_>>(), [entry(0, Normal)]);
}

#[test]
fn a_shorter_list_leaves_no_tail() {
    let table = Slots::boxed(Capacity::new(1, 4).unwrap());
    let zonerefs = [entry(0, Normal), entry(0, Dma), entry(1, Normal), entry(1, Dma)];
    for len in [4, 1, 3, 0, 2] {
        table.rewrite(ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len, own: len.min(2) }]).unwrap()).unwrap();
        let live = table.words.iter().filter(|slot| slot.get().is_some()).count();
        assert_eq!(live, (len + len.min(2)) as usize);
    }
}

#[test]
fn a_table_of_the_wrong_size_is_refused() {
    let capacity = Capacity::new(2, 3).unwrap();
    assert!(Slots::<[Slot; 22]>::in_array(capacity).is_none());
    assert!(Slots::<[Slot; 23]>::in_array(capacity).is_some());
    let words = Vec::from([const { Slot::new() }; 22]).leak();
    assert!(Slots::in_place(words, capacity).is_none());
    assert!(Capacity::new(1025, 1).is_none() && Capacity::new(1, 8193).is_none());
}
