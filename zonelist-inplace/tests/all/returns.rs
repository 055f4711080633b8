//! The return of a zone by one store: every list that had the zone shows it, or the return is refused with the reason.

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{PublishError, Published, ZonePresence},
    table::{Capacity, OrderEntry, OrderTables},
    topology::NodeSet,
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};
use zonelist_inplace::Presence;

type Publisher = Published<Presence<Box<[zonelist_core::table::Slot]>>>;

fn publisher(nodes: usize, zones: usize) -> Publisher {
    Published::new(Presence::new(OrderTables::boxed(Capacity::new(nodes, zones).unwrap())))
}

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

/// The zone of a number, four to a node.
fn zone(number: u16) -> ZoneId {
    ZoneId::new(node(number / 4), ZoneKind::ALL[usize::from(number) % 4])
}

/// The lists of the nodes: fallback lists with the zones of these numbers, each with the node's own zones first.
fn lists(rows: &[&[u16]]) -> Zonelists {
    let (mut zonerefs, mut spans) = (Vec::new(), Vec::new());
    for (number, row) in (0..).zip(rows) {
        // The node's own zones come first, since a this-node list is the head of its fallback list.
        let mut row: Vec<ZoneId> = row.iter().map(|&number| zone(number)).collect();
        row.sort_by_key(|zone| zone.node() != node(number));
        let own = row.iter().filter(|zone| zone.node() == node(number)).count() as u32;
        spans.push(NodeSpan { start: zonerefs.len() as u32, len: row.len() as u32, own });
        zonerefs.extend(row.into_iter().map(Zoneref::new));
    }
    ZonelistsRef::new(&zonerefs, &spans).unwrap().into()
}

/// The zones that walks of all lists show, node by node.
fn shown(published: &Publisher, nodes: u16) -> Vec<(NodeId, Scope, Vec<ZoneId>)> {
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let list = |(number, scope)| {
        let filter = published.filter(&Request { scope, ..Request::up_to(ZoneKind::Device) });
        (node(number), scope, guard.walk(node(number), &filter).map(Zoneref::zone).collect())
    };
    let all = (0..nodes).flat_map(|number| [(number, Scope::Fallback), (number, Scope::ThisNode)]);
    all.map(list).collect()
}

#[test]
fn a_zone_without_its_place_does_not_return() {
    let published = publisher(1, 2);
    published.publish(&lists(&[&[0, 1]])).unwrap();
    published.publish(&lists(&[&[2, 3]])).unwrap();
    let lost = PublishError::EntryLost { zone: zone(0), node: node(0), scope: Scope::Fallback, room: 2 };
    assert_eq!(published.set_present(zone(0), ZonePresence::Present), Err(lost));
    assert_eq!(
        lost.to_string(),
        format!(
            "zone {}: no place for it in the fallback list of node 0, which has room for 2 zones; expected a publish of \
             lists that name it",
            zone(0)
        )
    );
    assert_eq!(shown(&published, 1)[0].2, [zone(2), zone(3)], "readers still see the version before");
    // The zone is on no list: its removal can be repeated.
    published.set_present(zone(0), ZonePresence::Absent).unwrap();
    published.publish(&lists(&[&[0, 3]])).unwrap();
    published.set_present(zone(0), ZonePresence::Absent).unwrap();
    published.set_present(zone(0), ZonePresence::Present).unwrap();
    assert_eq!(shown(&published, 1)[0].2, [zone(0), zone(3)]);
}

#[test]
fn one_list_without_a_place_keeps_a_zone_from_all() {
    // The list of node 1 is full while zone 0 is absent; that of node 0 has room all the time.
    let published = publisher(2, 3);
    published.publish(&lists(&[&[0, 1], &[0, 1, 4]])).unwrap();
    published.publish(&lists(&[&[1], &[1, 4, 5]])).unwrap();
    let before = shown(&published, 2);
    let lost = PublishError::EntryLost { zone: zone(0), node: node(1), scope: Scope::Fallback, room: 3 };
    assert_eq!((published.set_present(zone(0), ZonePresence::Present), shown(&published, 2)), (Err(lost), before));
}

#[test]
fn a_zone_whose_predecessor_left_its_list_has_no_place_there() {
    let published = publisher(2, 4);
    published.publish(&lists(&[&[0, 1], &[0, 1]])).unwrap();
    published.set_present(zone(1), ZonePresence::Absent).unwrap();
    // Zone 0 is still present, but no longer in the list of node 0.
    published.publish(&lists(&[&[2], &[0]])).unwrap();
    let refused = published.set_present(zone(1), ZonePresence::Present);
    let lost = PublishError::EntryLost { zone: zone(1), node: node(0), scope: Scope::ThisNode, room: ZoneKind::COUNT };
    assert_eq!(refused, Err(lost));
}

#[test]
fn a_list_first_published_in_the_absence_of_a_zone_has_no_place_for_it() {
    let published = publisher(2, 4);
    published.publish(&lists(&[&[0, 1], &[]])).unwrap();
    published.set_present(zone(1), ZonePresence::Absent).unwrap();
    published.publish(&lists(&[&[0], &[4, 0]])).unwrap();
    let lost = PublishError::EntryLost { zone: zone(1), node: node(1), scope: Scope::Fallback, room: 4 };
    assert_eq!(published.set_present(zone(1), ZonePresence::Present), Err(lost));
    published.set_present(zone(0), ZonePresence::Absent).unwrap();
    published.set_present(zone(0), ZonePresence::Present).unwrap();
}

#[test]
fn more_zones_than_places_are_reported_with_their_numbers() {
    let max = OrderEntry::BITS;
    let too_many = |number, zones| Err(PublishError::TooManyZones { zone: zone(number), zones, max });
    // A capacity of more zones than there are bits.
    let wide = publisher(1, max + 5);
    assert_eq!(wide.set_present(zone(0), ZonePresence::Absent), too_many(0, max + 5), "before a publish, as after one");
    wide.publish(&lists(&[&[0, 1]])).unwrap();
    assert_eq!(wide.set_present(zone(0), ZonePresence::Absent), too_many(0, max + 5));
    // Few zones at a time, but more than there are bits one after another.
    let narrow = publisher(1, 2);
    for number in (0..max as u16 - 1).step_by(2) {
        narrow.publish(&lists(&[&[number, number + 1]])).unwrap();
    }
    let [last, beyond] = [max as u16 - 1, max as u16];
    assert_eq!(
        narrow.set_present(zone(beyond), ZonePresence::Present),
        Err(PublishError::NoEntry { zone: zone(beyond) })
    );
    narrow.publish(&lists(&[&[last, beyond]])).unwrap();
    assert_eq!(narrow.set_present(zone(beyond), ZonePresence::Absent), too_many(beyond, max + 1));
    assert_eq!(
        narrow.set_present(zone(beyond), ZonePresence::Absent).unwrap_err().to_string(),
        format!("zone {}: one of 56 zones or more; expected at most 55, of which alone places are kept", zone(beyond))
    );
    // Fewer zones again. The last zone gets the last bit, so that no other zone gets one.
    narrow.publish(&lists(&[&[0, last]])).unwrap();
    narrow.set_present(zone(last), ZonePresence::Absent).unwrap();
    narrow.set_present(zone(last), ZonePresence::Present).unwrap();
    assert_eq!(narrow.set_present(zone(beyond), ZonePresence::Absent), too_many(beyond, max + 1));
    // Places were not kept while zones had the bits of their kinds.
    narrow.publish(&lists(&[&[beyond, 0]])).unwrap();
    narrow.publish(&lists(&[&[last]])).unwrap();
    let refused = narrow.set_present(zone(0), ZonePresence::Present);
    assert!(matches!(refused, Err(PublishError::EntryLost { zone: lost, .. }) if lost == zone(0)), "{refused:?}");
}

/// Random publishes and changes of single zones: every list shows what the result of the call says.
#[test]
fn the_result_of_each_change_agrees_with_what_the_lists_show() {
    const NODES: u16 = 3;
    let (mut returned, mut refused) = (0, 0);
    for seed in 0..300 {
        let mut draw = fastrand::Rng::with_seed(seed);
        let zones = draw.usize(2..=6);
        let published = publisher(usize::from(NODES), zones);
        // The lists in which each zone was last published.
        let mut listed: Vec<Vec<(NodeId, Scope)>> = vec![Vec::new(); 16];
        for _ in 0..40 {
            if draw.u8(..3) == 0 {
                let present: Vec<u16> = (0..16).filter(|_| draw.bool()).collect();
                let rows = [0; NODES as usize].map(|_| {
                    let mut row: Vec<u16> = present.iter().copied().filter(|_| draw.u8(..8) > 0).collect();
                    draw.shuffle(&mut row);
                    row.truncate(if draw.u8(..6) == 0 { 0 } else { zones });
                    row
                });
                let lists = lists(&rows.each_ref().map(|row| row.as_slice()));
                published.publish(&lists).unwrap();
                for (number, places) in (0..).zip(&mut listed) {
                    let all = NodeSet::ALL.iter().take(usize::from(NODES));
                    let all = all.flat_map(|node| [(node, Scope::Fallback), (node, Scope::ThisNode)]);
                    let now: Vec<_> = all
                        .filter(|&(node, scope)| lists.lists().of(node, scope).contains(&Zoneref::new(zone(number))))
                        .collect();
                    if !now.is_empty() {
                        *places = now;
                    }
                }
                continue;
            }
            let (number, present, before) = (draw.u16(..16), draw.bool(), shown(&published, NODES));
            let outcome =
                published.set_present(zone(number), if present { ZonePresence::Present } else { ZonePresence::Absent });
            let after = shown(&published, NODES);
            match outcome {
                Ok(_) => {
                    for (node, scope, list) in &after {
                        let expected = present && listed[usize::from(number)].contains(&(*node, *scope));
                        let is_shown = list.contains(&zone(number));
                        assert_eq!(is_shown, expected, "seed {seed}: zone {number} in {scope:?} of {node}");
                    }
                    returned += usize::from(present && after != before);
                }
                Err(PublishError::EntryLost { zone: of, node, scope, .. }) => {
                    assert!(present && of == zone(number) && after == before, "seed {seed}");
                    assert!(!before.iter().any(|(.., list)| list.contains(&of)), "seed {seed}: a list shows the zone");
                    let had_one = listed[usize::from(number)].contains(&(node, scope));
                    let (.., list) = after.iter().find(|(of, in_scope, _)| (*of, *in_scope) == (node, scope)).unwrap();
                    assert!(had_one || scope == Scope::ThisNode || !list.contains(&of), "seed {seed}");
                    refused += 1;
                }
                Err(PublishError::NoEntry { .. }) => {
                    assert!(listed[usize::from(number)].is_empty() && after == before, "seed {seed}");
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
    assert!(returned > 100 && refused > 100, "{returned} returned, {refused} refused");
}
