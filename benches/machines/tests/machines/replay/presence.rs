//! Walks of `Presence` show exactly the published lists, on every recorded machine and on random ones.

use std::collections::HashSet;

use fastrand::Rng;
use proptest::prelude::*;
use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{Published, Reader, Standard, ZonePresence},
    table::{Capacity, OrderFilter, Slot},
    topology::NodeSet,
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};
use zonelist_inplace::Presence;
use zonelist_machines::{LinuxRules, MachineRecord, replay::operation_of};
use zonelist_schemes::Buildable;

type Scheme = Presence<Box<[Slot]>>;

/// Requests of every kind and scope, for all nodes, each node alone, all but each node, and no node.
fn requests(nodes: &[NodeId]) -> Vec<Request> {
    let alone = nodes.iter().map(|&node| [node].into_iter().collect());
    let others = nodes.iter().map(|&node| nodes.iter().copied().filter(|&other| other != node).collect());
    let masks: Vec<Option<NodeSet>> =
        [None, Some(NodeSet::EMPTY)].into_iter().chain(alone.chain(others).map(Some)).collect();
    let kinds = ZoneKind::ALL.into_iter().flat_map(|highest| {
        [Scope::Fallback, Scope::ThisNode].map(|scope| Request { scope, ..Request::up_to(highest) })
    });
    kinds.flat_map(|request| masks.iter().map(move |&nodes| Request { nodes, ..request })).collect()
}

/// A reader, and a filter for each request that was made before the first publish.
struct Checker<'p> {
    published: &'p Published<Scheme>,
    reader: Reader<'p, Scheme, Standard>,
    nodes: Vec<NodeId>,
    filters: Vec<(Request, OrderFilter)>,
}

impl<'p> Checker<'p> {
    fn new(published: &'p Published<Scheme>, nodes: Vec<NodeId>) -> Self {
        let filters = requests(&nodes).into_iter().map(|request| (request, published.filter(&request))).collect();
        Self { published, reader: published.reader().unwrap(), nodes, filters }
    }

    /// Compares every list for every request, by the old filter and by a new one. Returns their count.
    fn check(&mut self, lists: ZonelistsRef<'_>) -> usize {
        let guard = self.reader.enter();
        for (request, old) in &self.filters {
            let new = self.published.filter(request);
            for &node in &self.nodes {
                let listed = lists.of(node, request.scope).iter().copied();
                let expected: Vec<Zoneref> = listed.filter(|entry| request.admits(entry.zone())).collect();
                for filter in [old, &new] {
                    let mut walk = guard.walk(node, filter);
                    assert_eq!(walk.by_ref().collect::<Vec<_>>(), expected, "{node:?}, {request:?}");
                }
            }
        }
        self.filters.len() * self.nodes.len()
    }

    /// The count of order tables written so far.
    fn order_tables(&mut self) -> usize {
        self.reader.enter().walk(self.nodes[0], &self.filters[0].1).orders()
    }
}

#[test]
fn walks_show_the_rebuilt_lists_after_every_recorded_step() {
    let (mut compared, mut rebuilds) = (0, Rebuilds::default());
    for (file, json) in crate::fixtures::goldens() {
        let record = MachineRecord::parse(&json).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let rules = LinuxRules::of_kernel(record.file().kernel.as_deref()).0.rules;
        let mut state = record.state(rules).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        let published = Published::new(Scheme::build(state.capacity()));
        let mut checker = Checker::new(&published, state.machine().nodes().to_vec());
        published.publish(state.lists()).unwrap();
        compared += checker.check(state.lists().lists());
        let mut listed: HashSet<ZoneId> = zones(state.lists().lists()).collect();
        for (step, recorded) in record.steps() {
            let Some(Ok(operation)) = operation_of(recorded, &state, rules) else { continue };
            if step.pinned {
                continue;
            }
            let Ok((after, change)) = state.after(&operation) else { continue };
            if let Some(rebuilt) = &change.rebuilt {
                let before = checker.order_tables();
                published.publish(&*rebuilt.lists).unwrap();
                let changed = checker.order_tables() - before;
                rebuilds.count(changed, &listed, state.lists().lists(), rebuilt.lists.lists());
                listed.extend(zones(rebuilt.lists.lists()));
            }
            state = after;
            compared += checker.check(state.lists().lists());
        }
    }
    println!("{compared} lists compared; {rebuilds:?}");
    let Rebuilds { one_store, survivors, new_zone, elsewhere } = rebuilds;
    assert_eq!((one_store, survivors, new_zone, elsewhere), (285, 101, 264, 24));
}

/// The recorded rebuilds, by what their publish had to write.
#[derive(Default, Debug)]
struct Rebuilds {
    /// One store of the zone mask.
    one_store: usize,
    /// New order tables, since zones that stay trade places.
    survivors: usize,
    /// New order tables, since a zone is listed for the first time.
    new_zone: usize,
    /// New order tables, since a zone returns to another place.
    elsewhere: usize,
}

impl Rebuilds {
    fn count(
        &mut self,
        order_tables: usize,
        listed: &HashSet<ZoneId>,
        before: ZonelistsRef<'_>,
        after: ZonelistsRef<'_>,
    ) {
        let survivors = |these: ZonelistsRef<'_>, those: ZonelistsRef<'_>, node| {
            let others: HashSet<Zoneref> = those.of(node, Scope::Fallback).iter().copied().collect();
            let list = these.of(node, Scope::Fallback).iter().copied();
            list.filter(|entry| others.contains(entry)).collect::<Vec<_>>()
        };
        let trade = |node| survivors(before, after, node) != survivors(after, before, node);
        let why = if order_tables == 0 {
            &mut self.one_store
        } else if NodeSet::ALL.iter().take(after.nodes()).any(trade) {
            &mut self.survivors
        } else if zones(after).any(|zone| !listed.contains(&zone)) {
            &mut self.new_zone
        } else {
            &mut self.elsewhere
        };
        *why += 1;
    }
}

fn zones(lists: ZonelistsRef<'_>) -> impl Iterator<Item = ZoneId> {
    let nodes = NodeSet::ALL.iter().map(|node| node.number()).take(lists.nodes()).collect::<Vec<_>>();
    let nodes = nodes.into_iter().filter_map(NodeId::new);
    nodes.flat_map(move |node| lists.of(node, Scope::Fallback)).map(|entry| entry.zone())
}

/// The next change of a machine with random node orders.
fn next(draw: &mut Rng, rows: &mut [Vec<ZoneId>], there: &mut [ZoneId], populated: &mut Vec<ZoneId>) {
    match draw.u8(..8) {
        0 => rows.iter_mut().for_each(|row| draw.shuffle(row)),
        1 => {
            let row = draw.usize(..rows.len());
            draw.shuffle(&mut rows[row]);
        }
        // One list lacks a zone that the others have, or lists all zones again.
        2 => {
            let row = draw.usize(..rows.len());
            if rows[row].len() > 1 && draw.bool() {
                rows[row].pop();
            } else {
                rows[row] = there.to_vec();
            }
        }
        3 => {
            draw.shuffle(there);
            *populated = there[..draw.usize(..=there.len())].to_vec();
        }
        _ => {
            let zone = there[draw.usize(..there.len())];
            match populated.iter().position(|&other| other == zone) {
                Some(at) => drop(populated.remove(at)),
                None => populated.push(zone),
            }
        }
    }
}

fn lists(rows: &[Vec<ZoneId>], populated: &[ZoneId], draw: &mut Rng) -> Zonelists {
    let (mut zonerefs, mut cut) = (Vec::new(), Vec::new());
    for row in rows {
        let start = zonerefs.len();
        zonerefs.extend(row.iter().filter(|zone| populated.contains(zone)).map(|&zone| Zoneref::new(zone)));
        let len = zonerefs.len() - start;
        cut.push(NodeSpan { start: start as u32, len: len as u32, own: draw.u32(..=len.min(6) as u32) });
    }
    ZonelistsRef::new(&zonerefs, &cut).unwrap().into()
}

/// The same lists without a zone.
fn without(lists: ZonelistsRef<'_>, gone: ZoneId) -> Zonelists {
    let (mut zonerefs, mut rows) = (Vec::new(), Vec::new());
    let stays = |entry: &Zoneref| entry.zone() != gone;
    for node in NodeSet::ALL.iter().take(lists.nodes()) {
        let [all, own] =
            [Scope::Fallback, Scope::ThisNode].map(|scope| lists.of(node, scope).iter().copied().filter(stays));
        let (start, own) = (zonerefs.len(), own.count() as u32);
        zonerefs.extend(all);
        rows.push(NodeSpan { start: start as u32, len: (zonerefs.len() - start) as u32, own });
    }
    ZonelistsRef::new(&zonerefs, &rows).unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Includes machines with more zones than a word has bits.
    #[test]
    fn walks_show_the_lists_of_random_machines(
        seed: u64,
        nodes in 1_u16..=5,
        zones in 1_u16..=90,
        steps in 1_usize..=25,
    ) {
        let mut draw = Rng::with_seed(seed);
        let zone = |number: u16| ZoneId::new(NodeId::new(number / 4).unwrap(), ZoneKind::ALL[usize::from(number) % 4]);
        let mut there: Vec<ZoneId> = (0..zones).map(zone).collect();
        let mut rows = vec![there.clone(); usize::from(nodes)];
        let mut populated = there.clone();
        let published = Published::new(Scheme::build(Capacity::new(usize::from(nodes), usize::from(zones)).unwrap()));
        let shown = (0..=nodes).map(|node| NodeId::new(node).unwrap()).collect();
        let mut checker = Checker::new(&published, shown);
        for _ in 0..steps {
            next(&mut draw, &mut rows, &mut there, &mut populated);
            let lists = lists(&rows, &populated, &mut draw);
            published.publish(&lists).unwrap();
            checker.check(lists.lists());
        }
    }

    /// A zone that is removed by one store and added by another has its old place in every list.
    #[test]
    fn a_zone_that_returns_has_its_old_place(seed: u64, nodes in 1_u16..=5, zones in 1_u16..=55) {
        let mut draw = Rng::with_seed(seed);
        let all: Vec<ZoneId> =
            (0..zones).map(|i| ZoneId::new(NodeId::new(i / 4).unwrap(), ZoneKind::ALL[usize::from(i) % 4])).collect();
        let mut rows = vec![all.clone(); usize::from(nodes)];
        rows.iter_mut().for_each(|row| draw.shuffle(row));
        let published = Published::new(Scheme::build(Capacity::new(usize::from(nodes), usize::from(zones)).unwrap()));
        let whole = lists(&rows, &all, &mut Rng::with_seed(seed));
        published.publish(&whole).unwrap();
        let shown = (0..nodes).map(|node| NodeId::new(node).unwrap()).collect();
        let mut checker = Checker::new(&published, shown);
        let gone = all[draw.usize(..all.len())];
        published.set_present(gone, ZonePresence::Absent).unwrap();
        checker.check(without(whole.lists(), gone).lists());
        published.set_present(gone, ZonePresence::Present).unwrap();
        checker.check(whole.lists());
        assert_eq!(checker.order_tables(), 1);
    }
}
