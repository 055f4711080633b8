//! A validated machine: nodes, distances, CPUs and zone sizes.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    description::{DistanceSource, MAX_PAGES, MachineDescription, Memory, Tunables},
    distance::{Distances, VoidDistances},
    error::MachineError,
    frames::{check_capacity, sorted_ranges},
};
use crate::{
    NodeId, Pfn, ZoneId,
    ids::{MAX_NODES, NodeSet},
};

/// A validated machine: every id is known and unique, the distance matrix is square, some node has memory, and the
/// spans of its zones have room for all present frames.
///
/// Spans of zones may overlap. Code that needs the owner of a frame derives it from [`Machine::zone_ranges`], memory
/// blocks and sizes; where these leave it open, it fails with [`UnknownOwner`](crate::zone::UnknownOwner).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    nodes: Vec<NodeId>,
    distances: Distances,
    cpus: BTreeMap<u32, Vec<NodeId>>,
    online: NodeSet,
    has_cpu: NodeSet,
    has_memory: NodeSet,
    memory: Option<Memory>,
    zone_ranges: Vec<(ZoneId, Range<Pfn>)>,
}

impl Machine {
    /// Validates a description.
    ///
    /// A firmware's distance table that Linux would reject is replaced by the uniform one; the warning says why.
    ///
    /// # Errors
    /// The first invalid entry of the description, and what was expected.
    ///
    /// ```
    /// use zonelist_core::topology::{Machine, MachineDescription, MachineError};
    /// let description = MachineDescription {
    ///     possible: vec![0, 1],
    ///     distance: vec![vec![10, 20], vec![20, 10]],
    ///     online: vec![0, 1],
    ///     has_memory: vec![0, 1],
    ///     ..MachineDescription::default()
    /// };
    /// let (machine, warning) = Machine::new(description.clone()).unwrap();
    /// assert_eq!((machine.nodes().len(), warning), (2, None));
    /// let nowhere = MachineDescription { has_memory: vec![], ..description };
    /// assert_eq!(Machine::new(nowhere).unwrap_err(), MachineError::NoMemory);
    /// ```
    pub fn new(description: MachineDescription) -> Result<(Self, Option<VoidDistances>), MachineError> {
        let MachineDescription {
            possible,
            distance,
            distance_source,
            cpus,
            online,
            has_cpu,
            has_memory,
            memory,
            zone_ranges,
        } = description;
        if possible.is_empty() {
            return Err(MachineError::NoNodes);
        }
        let possible = ids("possible", &possible)?;
        let distances = Distances::new(possible.len(), &distance, distance_source)?;
        let (distances, void) = match distance_source {
            DistanceSource::Firmware => distances.or_uniform(),
            DistanceSource::Kernel => (distances, None),
        };

        // Nodes and matrix are sorted by id, so that ties in distance go to the lowest id, as in Linux.
        let mut by_id: Vec<usize> = (0..possible.len()).collect();
        by_id.sort_unstable_by_key(|&position| possible[position]);
        let nodes: Vec<NodeId> = by_id.iter().map(|&position| possible[position]).collect();
        let known: NodeSet = nodes.iter().copied().collect();

        let online = subset("online", &online, ("possible", &known))?;
        let has_cpu = subset("has_cpu", &has_cpu, ("online", &online))?;
        let has_memory = subset("has_memory", &has_memory, ("online", &online))?;
        if has_memory.is_empty() {
            return Err(MachineError::NoMemory);
        }
        let cpus = cpus_by_number(&cpus, &known)?;
        // `cpus` may be empty, for a source without CPUs. If it is not, it has to name a CPU of each node in `has_cpu`.
        for node in has_cpu.iter() {
            if !cpus.is_empty() && !cpus.values().flatten().any(|&home| home == node) {
                return Err(MachineError::NoSuchCpu { node });
            }
        }
        if let Some(memory) = &memory {
            check_memory(memory, &known, &has_memory)?;
        }
        let zone_ranges = sorted_ranges(memory.as_ref(), zone_ranges)?;
        check_capacity(memory.as_ref().map_or(&[], |memory| &memory.zones), &zone_ranges)?;
        let distances = distances.permuted(&by_id);
        Ok((Self { nodes, distances, cpus, online, has_cpu, has_memory, memory, zone_ranges }, void))
    }

    /// Every possible node, ascending.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Distances between [`Machine::nodes`], indexed as these.
    #[must_use]
    pub fn distances(&self) -> &Distances {
        &self.distances
    }

    /// The nodes of each CPU, ascending, by the CPU's number. A CPU has one node, and more under `numa=fake`.
    #[must_use]
    pub fn cpus(&self) -> &BTreeMap<u32, Vec<NodeId>> {
        &self.cpus
    }

    /// Nodes that are online.
    #[must_use]
    pub fn online(&self) -> &NodeSet {
        &self.online
    }

    /// Nodes with a CPU online.
    #[must_use]
    pub fn has_cpu(&self) -> &NodeSet {
        &self.has_cpu
    }

    /// Nodes with memory.
    #[must_use]
    pub fn has_memory(&self) -> &NodeSet {
        &self.has_memory
    }

    /// Sizes and tunables, if the source of this machine has them.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Exact page frame ranges of the zones for which the description has them: ascending, each frame once.
    #[must_use]
    pub fn zone_ranges(&self) -> &[(ZoneId, Range<Pfn>)] {
        &self.zone_ranges
    }
}

/// Parses node numbers: each in range, each once.
fn ids(field: &'static str, numbers: &[u32]) -> Result<Vec<NodeId>, MachineError> {
    let mut seen = NodeSet::EMPTY;
    let check = |(index, &number): (usize, &u32)| {
        let node = u16::try_from(number).ok().and_then(NodeId::new);
        let node = node.ok_or(MachineError::NodeTooHigh { field, index, number })?;
        if seen.insert(node) { Ok(node) } else { Err(MachineError::DuplicateNode { field, index, node }) }
    };
    if numbers.len() > MAX_NODES {
        return Err(MachineError::TooManyNodes { nodes: numbers.len() });
    }
    numbers.iter().enumerate().map(check).collect()
}

/// Parses node numbers that have to be a subset of other nodes.
fn subset(
    field: &'static str,
    numbers: &[u32],
    (superset, within): (&'static str, &NodeSet),
) -> Result<NodeSet, MachineError> {
    let nodes = ids(field, numbers)?;
    match nodes.iter().position(|&node| !within.contains(node)) {
        Some(index) => Err(MachineError::UnknownNode { field, index, node: nodes[index], superset }),
        None => Ok(nodes.into_iter().collect()),
    }
}

/// Inverts `cpus`: the nodes of each CPU, ascending as the keys.
fn cpus_by_number(cpus: &BTreeMap<u32, Vec<u32>>, known: &NodeSet) -> Result<BTreeMap<u32, Vec<NodeId>>, MachineError> {
    let mut homes: BTreeMap<u32, Vec<NodeId>> = BTreeMap::new();
    for (index, (&number, numbers)) in cpus.iter().enumerate() {
        let node = u16::try_from(number).ok().and_then(NodeId::new);
        let node = node.ok_or(MachineError::NodeTooHigh { field: "cpus", index, number })?;
        if !known.contains(node) {
            return Err(MachineError::UnknownNode { field: "cpus", index, node, superset: "possible" });
        }
        for &cpu in numbers {
            let nodes = homes.entry(cpu).or_default();
            if nodes.last() == Some(&node) {
                return Err(MachineError::DuplicateCpu { node, cpu });
            }
            nodes.push(node);
        }
    }
    Ok(homes)
}

/// Checks kinds, zone sizes and tunables against each other and against the nodes.
fn check_memory(memory: &Memory, known: &NodeSet, has_memory: &NodeSet) -> Result<(), MachineError> {
    let Memory { page_bytes, pageblock_pages, kinds, zones, tunables } = memory;
    if !page_bytes.is_power_of_two() || !(1 << 10..=1 << 30).contains(page_bytes) {
        return Err(MachineError::PageBytes { page_bytes: *page_bytes });
    }
    if !pageblock_pages.is_power_of_two() || *pageblock_pages > 1 << 32 {
        return Err(MachineError::PageblockPages { pageblock_pages: *pageblock_pages });
    }
    if let Some(index) = kinds.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(MachineError::KindOrder { index: index + 1, kind: kinds[index + 1] });
    }
    let mut populated = NodeSet::EMPTY;
    for (index, size) in zones.iter().enumerate() {
        let zone = size.zone;
        if !known.contains(zone.node()) {
            return Err(MachineError::UnknownNode { field: "zones", index, node: zone.node(), superset: "possible" });
        }
        if !kinds.contains(&zone.kind()) {
            return Err(MachineError::UnknownKind { index, kind: zone.kind() });
        }
        if zones[..index].iter().any(|other| other.zone == zone) {
            return Err(MachineError::DuplicateZone { index, zone });
        }
        if size.managed > size.present || size.present > size.spanned || size.spanned > MAX_PAGES {
            let sizes = [size.managed, size.present, size.spanned];
            return Err(MachineError::ZoneSizes { index, zone, sizes });
        }
        if size.start_pfn.number() > MAX_PAGES {
            return Err(MachineError::ZoneStart { index, zone, start_pfn: size.start_pfn });
        }
        if size.present > 0 {
            populated.insert(zone.node());
        }
    }
    // A node has memory exactly if one of its zones is populated: fallback orders rely on either.
    if let Some(node) = NodeSet::ALL.iter().find(|&node| populated.contains(node) != has_memory.contains(node)) {
        return Err(MachineError::MemoryMismatch { node, listed: has_memory.contains(node) });
    }
    check_tunables(tunables, kinds.len())
}

fn check_tunables(tunables: &Tunables, kinds: usize) -> Result<(), MachineError> {
    let ratios = tunables.lowmem_reserve_ratio.len();
    if ratios != kinds {
        return Err(MachineError::Ratios { ratios, kinds });
    }
    let factor = tunables.watermark_scale_factor;
    if !(1..=3000).contains(&factor) {
        return Err(MachineError::ScaleFactor { factor });
    }
    let min_free_kbytes = tunables.min_free_kbytes;
    if min_free_kbytes > i32::MAX as u64 {
        return Err(MachineError::MinFree { min_free_kbytes });
    }
    Ok(())
}
