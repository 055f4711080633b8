//! Watermarks and lowmem reserves of a machine's zones, in the layout of `/proc/zoneinfo`.

use std::fmt;

use serde::Serialize;
use zonelist_core::{
    Pfn, ZoneId,
    topology::{Machine, Memory, NodeSet, Rules, ZoneSize, lowmem_reserve, size_of, watermarks},
};

use crate::record::Kind;

/// The zones of a machine, with their watermarks and reserves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// The populated zones, in the sequence of the machine's source.
    pub zones: Vec<ZoneReport>,
    /// Zones without a page, of nodes that have memory; only the text shows them, as the kernel does.
    #[serde(skip)]
    pub empty: Vec<ZoneReport>,
}

/// A zone: its sizes, and the watermarks and reserves that follow from them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are those of `/proc/zoneinfo`, all in pages")]
pub struct ZoneReport {
    pub node: u16,
    pub kind: Kind,
    pub start_pfn: u64,
    pub spanned: u64,
    pub present: u64,
    pub managed: u64,
    pub min: u64,
    pub low: u64,
    pub high: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promo: Option<u64>,
    pub protection: Vec<u64>,
}

impl Report {
    /// Computes watermarks and reserves; `None` if the machine's source has no sizes.
    #[must_use]
    pub fn new(machine: &Machine, rules: Rules) -> Option<Self> {
        let memory = with_empty_zones(machine.memory()?, machine.has_memory());
        let computed = watermarks(&memory, rules);
        let zones = memory.zones.iter().zip(computed).map(|(size, watermarks)| ZoneReport {
            node: size.zone.node().number(),
            kind: Kind(size.zone.kind()),
            start_pfn: size.start_pfn.number(),
            spanned: size.spanned,
            present: size.present,
            managed: size.managed,
            min: watermarks.min,
            low: watermarks.low,
            high: watermarks.high,
            promo: rules.prints_promo.then_some(watermarks.promo()),
            protection: lowmem_reserve(&memory, size.zone, rules),
        });
        let (zones, empty) = zones.partition(|zone| zone.present > 0);
        Some(Self { zones, empty })
    }
}

/// The same memory, completed by an empty zone for each missing kind of every node with memory.
fn with_empty_zones(memory: &Memory, nodes: &NodeSet) -> Memory {
    let mut full = memory.clone();
    for zone in nodes.iter().flat_map(|node| memory.kinds.iter().map(move |&kind| ZoneId::new(node, kind))) {
        if size_of(memory, zone).is_none() {
            full.zones.push(ZoneSize { zone, start_pfn: Pfn::new(0), spanned: 0, present: 0, managed: 0 });
        }
    }
    full
}

impl fmt::Display for Report {
    /// Prints the lines of `/proc/zoneinfo` that do not depend on a running kernel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut zones: Vec<&ZoneReport> = self.zones.iter().chain(&self.empty).collect();
        zones.sort_unstable_by_key(|zone| (zone.node, zone.kind));
        zones.into_iter().try_for_each(|zone| zone.fmt(f))
    }
}

impl fmt::Display for ZoneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, kind, start_pfn, spanned, present, managed, min, low, high, promo, protection } = self;
        writeln!(f, "Node {node}, zone {:>8}", kind.0)?;
        let watermarks = [("min", min), ("low", low), ("high", high)].into_iter();
        let promo = promo.iter().map(|pages| ("promo", pages));
        let sizes = [("spanned", spanned), ("present", present), ("managed", managed)];
        for (key, pages) in watermarks.chain(promo).chain(sizes) {
            writeln!(f, "        {key:<8} {pages}")?;
        }
        let reserves: Vec<String> = protection.iter().map(u64::to_string).collect();
        writeln!(f, "        protection: ({})", reserves.join(", "))?;
        if *present > 0 {
            writeln!(f, "  start_pfn:           {start_pfn}")?;
        }
        Ok(())
    }
}
