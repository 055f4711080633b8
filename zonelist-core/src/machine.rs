//! A machine: its nodes, distances, CPUs and zone sizes, checked.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use crate::{
    Distances, MAX_NODES, MachineError, NodeId, NodeSet, VoidDistances, ZoneId, ZoneKind,
    machine_frames::{check_ranges, check_room},
};

/// The size of one zone, in pages.
///
/// `managed <= present <= spanned`: present leaves out the holes, managed also what was reserved
/// before the allocator began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneSize {
    /// The zone.
    pub zone: ZoneId,
    /// Its first page frame.
    pub start_pfn: u64,
    /// From its first page to its last, holes included.
    pub spanned: u64,
    /// Pages that exist.
    pub present: u64,
    /// Pages that the allocator was given.
    pub managed: u64,
}

impl ZoneSize {
    /// Its page frames, holes included.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.start_pfn..self.start_pfn.saturating_add(self.spanned)
    }

    pub(crate) fn set_span(&mut self, span: Range<u64>) {
        (self.start_pfn, self.spanned) = (span.start, span.end.saturating_sub(span.start));
    }
}

/// What an administrator sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tunables {
    /// `vm.min_free_kbytes`.
    pub min_free_kbytes: u64,
    /// `vm.watermark_scale_factor`, in 1/10,000 of a zone: `1..=3000`.
    pub watermark_scale_factor: u32,
    /// `vm.lowmem_reserve_ratio`, an entry for each of the machine's zone kinds.
    pub lowmem_reserve_ratio: Vec<u32>,
}

/// Zone sizes and what marks and reserves are made of. Not every source of a machine has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of a pageblock, the unit in which pages of one mobility keep together.
    pub pageblock_pages: u64,
    /// The kinds of zone the machine knows, ascending.
    pub kinds: Vec<ZoneKind>,
    /// The populated zones.
    pub zones: Vec<ZoneSize>,
    /// What an administrator sets.
    pub tunables: Tunables,
}

/// A machine as somebody says it is: anything goes, [`Machine::new`] checks it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineDescription {
    /// Numbers of the nodes there can be.
    pub possible: Vec<u32>,
    /// Distances between them, in the order of `possible`; row = from.
    pub distance: Vec<Vec<u32>>,
    /// Each node's CPUs.
    pub cpus: BTreeMap<u32, Vec<u32>>,
    /// Nodes that are online.
    pub online: Vec<u32>,
    /// Nodes with a CPU online.
    pub has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub has_memory: Vec<u32>,
    /// Sizes and tunables, where known.
    pub memory: Option<Memory>,
    /// Which frames zones have, where that is known: all present frames of each zone that is named, in any order.
    ///
    /// Needed only where spans overlap and memory blocks do not tell whose the frames are, as of nodes that are
    /// interleaved, or where a zone was cut from the midst of another.
    pub zone_ranges: Vec<(ZoneId, Range<u64>)>,
}

/// A machine that is sound: every id is known and unique, the matrix square, some node has memory, and there is a
/// place for all of its present frames.
///
/// Spans of its zones may overlap. What does not need to know whose a frame is does not ask; what does, uses
/// [`Machine::zone_ranges`], memory blocks and sizes, and says so where they do not tell: see
/// [`UnknownOwner`](crate::UnknownOwner).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    nodes: Vec<NodeId>,
    distances: Distances,
    cpus: BTreeMap<u32, NodeId>,
    online: NodeSet,
    has_cpu: NodeSet,
    has_memory: NodeSet,
    memory: Option<Memory>,
    zone_ranges: Vec<(ZoneId, Range<u64>)>,
}

impl Machine {
    /// Checks a description. A matrix that Linux would not believe becomes the uniform one, with the reason.
    ///
    /// # Errors
    /// Says which entry of the description is wrong, and what was expected.
    ///
    /// ```
    /// use zonelist_core::{Machine, MachineDescription, MachineError};
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
        let MachineDescription { possible, distance, cpus, online, has_cpu, has_memory, memory, zone_ranges } =
            description;
        if possible.is_empty() {
            return Err(MachineError::NoNodes);
        }
        let possible = ids("possible", &possible)?;
        let (distances, void) = Distances::new(possible.len(), &distance)?.or_uniform();

        // Whatever order they came in, nodes and matrix are kept ascending: ties go to the lowest id.
        let mut order: Vec<usize> = (0..possible.len()).collect();
        order.sort_unstable_by_key(|&position| possible[position]);
        let nodes: Vec<NodeId> = order.iter().map(|&position| possible[position]).collect();
        let known: NodeSet = nodes.iter().copied().collect();

        let online = subset("online", &online, ("possible", &known))?;
        let has_cpu = subset("has_cpu", &has_cpu, ("online", &online))?;
        let has_memory = subset("has_memory", &has_memory, ("online", &online))?;
        if has_memory.is_empty() {
            return Err(MachineError::NoMemory);
        }
        let cpus = cpus_by_number(&cpus, &known)?;
        for node in has_cpu.iter() {
            if !cpus.is_empty() && !cpus.values().any(|&home| home == node) {
                return Err(MachineError::NoSuchCpu { node });
            }
        }
        if let Some(memory) = &memory {
            check_memory(memory, &known, &has_memory)?;
        }
        let zone_ranges = check_ranges(memory.as_ref(), zone_ranges)?;
        check_room(memory.as_ref().map_or(&[], |memory| &memory.zones), &zone_ranges)?;
        let distances = distances.arranged(&order);
        Ok((Self { nodes, distances, cpus, online, has_cpu, has_memory, memory, zone_ranges }, void))
    }

    /// Every possible node, ascending.
    #[must_use]
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Distances between [`Machine::nodes`], in their order.
    #[must_use]
    pub fn distances(&self) -> &Distances {
        &self.distances
    }

    /// The node of each CPU, by the CPU's number.
    #[must_use]
    pub fn cpus(&self) -> &BTreeMap<u32, NodeId> {
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

    /// Sizes and tunables, where the source of this machine had them.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Which frames zones have, of those of which the source said it: ascending, each frame once.
    #[must_use]
    pub fn zone_ranges(&self) -> &[(ZoneId, Range<u64>)] {
        &self.zone_ranges
    }
}

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

fn cpus_by_number(cpus: &BTreeMap<u32, Vec<u32>>, known: &NodeSet) -> Result<BTreeMap<u32, NodeId>, MachineError> {
    let mut home = BTreeMap::new();
    for (index, (&number, numbers)) in cpus.iter().enumerate() {
        let node = u16::try_from(number).ok().and_then(NodeId::new);
        let node = node.ok_or(MachineError::NodeTooHigh { field: "cpus", index, number })?;
        if !known.contains(node) {
            return Err(MachineError::UnknownNode { field: "cpus", index, node, superset: "possible" });
        }
        for &cpu in numbers {
            if home.insert(cpu, node).is_some() {
                return Err(MachineError::DuplicateCpu { cpu });
            }
        }
    }
    Ok(home)
}

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
        if size.start_pfn > MAX_PAGES {
            return Err(MachineError::ZoneStart { index, zone, start_pfn: size.start_pfn });
        }
        if size.present > 0 {
            populated.insert(zone.node());
        }
    }
    if let Some(node) = NodeSet::ALL.iter().find(|&node| populated.contains(node) != has_memory.contains(node)) {
        return Err(MachineError::MemoryMismatch { node, listed: has_memory.contains(node) });
    }
    check_tunables(tunables, kinds.len())
}

/// Pages of the largest zone, and where page frames end: no sum over a machine's zones leaves 64 bits.
pub(crate) const MAX_PAGES: u64 = 1 << 48;

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
