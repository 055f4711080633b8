//! Outside peers read the lists that the baseline reads, and their walks are exact while another thread publishes.

use std::{sync::Arc, time::Duration};

use zonelist_contenders::{
    consistency::{Consistency, Pressure},
    contender::{Baseline, Contender, Judge, PEERS, Peer, Table},
    judged::judge,
};
use zonelist_core::{
    NodeId,
    conformance::Sample,
    table::{Slot, Slots},
    zonelist::ZonelistsRef,
};
use zonelist_schemes::workload::{Toggle, synthetic};

/// Two readers walk the sample's lists during one burst.
fn one_burst(judge: Judge) -> Consistency {
    let Sample { versions, requests } = Sample::default();
    let toggle = Toggle { versions, walks: requests };
    let mut pressure = Pressure { toggle: &toggle, readers: 2, time: Duration::ZERO, tick: &mut |_| () };
    judge(&mut pressure).expect("a complete record of the publishes")
}

#[test]
fn every_peer_shows_exact_walks() {
    for peer in PEERS {
        let Some(judge) = peer.judge else { continue };
        let Consistency { tally, publishes, publish } = one_burst(judge);
        println!("{}: {publishes} publishes; {tally}", peer.name);
        assert_eq!((tally.torn, tally.violations), (0, 0), "{}", peer.name);
        let publish = publish.expect("at least one publish");
        assert!(tally.walks > 10_000 && publishes > 0 && publish.ns <= publish.p99_ns, "{}", peer.name);
    }
}

#[test]
fn every_peer_reads_what_the_baseline_reads() {
    for zones in [1, 3, 8, 64] {
        let lists = synthetic(zones);
        let nodes: Vec<NodeId> = (0..100).filter_map(NodeId::new).collect();
        let reads = |contender: &mut dyn Contender| {
            (contender.independent(&nodes), contender.dependent(&nodes[..1]), contender.full(&nodes))
        };
        let expected = reads(&mut Baseline::new(lists.lists()));
        for peer in PEERS {
            assert_eq!(reads(&mut *(peer.contender)(lists.lists())), expected, "{}", peer.name);
            let baseline = peer.baseline.map(|baseline| reads(&mut *baseline(lists.lists())));
            assert!(baseline.is_none_or(|reads| reads == expected), "the baseline of {}", peer.name);
        }
    }
}

#[test]
fn peers_have_different_names() {
    let mut names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

/// A table that is rewritten under its readers.
struct Rewritten(Slots<Box<[Slot]>>);

impl Peer<Box<[Slot]>> for Rewritten {
    const NAME: &'static str = "rewritten";

    type Reader<'p> = &'p Slots<Box<[Slot]>>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        let table = Slots::boxed(Sample::CAPACITY);
        table.rewrite(lists).expect("room for the sample");
        Self(table)
    }

    fn reader(&self) -> Self::Reader<'_> {
        &self.0
    }

    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Slots<Box<[Slot]>>) -> R) -> R {
        f(reader)
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        self.0.rewrite(lists).expect("room for the sample");
    }
}

#[test]
fn a_torn_peer_is_found() {
    // One burst shows thousands of torn walks, unless the machine runs the three threads one after the other.
    let torn = (0..50).any(|_| {
        let Consistency { tally, .. } = one_burst(judge::<_, Rewritten>);
        assert_eq!(tally.torn, tally.violations);
        tally.violations > 0
    });
    assert!(torn);
}

/// Readers that keep the version they began with.
struct Stale(Arc<Table>);

impl Peer for Stale {
    const NAME: &'static str = "stale";

    type Reader<'p> = Arc<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(Arc::new(Table::fixed(lists)))
    }

    fn reader(&self) -> Self::Reader<'_> {
        Arc::clone(&self.0)
    }

    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(reader)
    }

    fn publish(&self, _: ZonelistsRef<'_>) {}
}

#[test]
fn a_peer_that_shows_an_old_version_is_found() {
    let found = (0..50).any(|_| one_burst(judge::<_, Stale>).tally.violations > 0);
    assert!(found);
}
