//! Errors of a machine's description.

use crate::{NodeId, Pfn, ZoneId, ZoneKind, ids::MAX_NODES};

/// The first invalid entry of a [`MachineDescription`](crate::topology::MachineDescription).
///
/// `index` is the position within the named field, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum MachineError {
    #[error("possible: no node; expected at least one")]
    NoNodes,
    #[error("possible: {nodes} nodes; expected at most {MAX_NODES}")]
    TooManyNodes { nodes: usize },
    #[error("{field}[{index}]: node {number}; expected a number below {MAX_NODES}")]
    NodeTooHigh { field: &'static str, index: usize, number: u32 },
    #[error("{field}[{index}]: node {node} a second time; expected each node once")]
    DuplicateNode { field: &'static str, index: usize, node: NodeId },
    #[error("{field}[{index}]: node {node}; expected a node of `{superset}`")]
    UnknownNode { field: &'static str, index: usize, node: NodeId, superset: &'static str },
    #[error("cpus: CPU {cpu} a second time on node {node}; expected each CPU of a node once")]
    DuplicateCpu { node: NodeId, cpu: u32 },
    #[error("has_cpu: node {node} has no CPU in `cpus`; expected at least one")]
    NoSuchCpu { node: NodeId },
    #[error("distance: {rows} rows; expected one for each of {nodes} nodes")]
    DistanceRows { rows: usize, nodes: usize },
    #[error("distance[{row}]: {len} columns; expected one for each of {nodes} nodes")]
    DistanceRow { row: usize, len: usize, nodes: usize },
    #[error("distance[{row}][{column}]: {value}; expected 10 to 255")]
    Distance { row: usize, column: usize, value: u32 },
    #[error("has_memory: no node; expected at least one with memory")]
    NoMemory,
    #[error("page_bytes: {page_bytes}; expected a power of two from 1 KiB to 1 GiB")]
    PageBytes { page_bytes: u64 },
    #[error("pageblock_pages: {pageblock_pages}; expected a power of two up to 2^32")]
    PageblockPages { pageblock_pages: u64 },
    #[error(
        "zone_kinds[{index}]: {kind}; expected each kind once, in the order DMA, DMA32, Normal, HighMem, Movable, Device"
    )]
    KindOrder { index: usize, kind: ZoneKind },
    #[error("zones[{index}]: kind {kind}; expected one of `zone_kinds`")]
    UnknownKind { index: usize, kind: ZoneKind },
    #[error("zones[{index}]: zone {zone} a second time; expected each zone once")]
    DuplicateZone { index: usize, zone: ZoneId },
    #[error(
        "zones[{index}]: zone {zone} has {} managed, {} present, {} spanned pages; expected managed <= present <= spanned \
         <= 2^48", .sizes[0], .sizes[1], .sizes[2]
    )]
    ZoneSizes { index: usize, zone: ZoneId, sizes: [u64; 3] },
    #[error("zones[{index}]: start_pfn {start_pfn} of zone {zone}; expected at most 2^48")]
    ZoneStart { index: usize, zone: ZoneId, start_pfn: Pfn },
    #[error("zone_ranges[{index}]: zone {zone}; expected some frames of the span of one of `zones`")]
    ZoneRange { index: usize, zone: ZoneId },
    #[error(
        "zone_ranges[{index}]: frame {pfn} of zone {} is zone {}'s already; expected each frame in one range",
        .zones.1, .zones.0
    )]
    RangeOverlap { index: usize, zones: (ZoneId, ZoneId), pfn: Pfn },
    #[error("zone_ranges: {frames} frames of zone {zone}; expected the {present} that are present")]
    RangeSum { zone: ZoneId, frames: u64, present: u64 },
    #[error(
        "zones: no place for all present frames of zone {zone}; expected no more frames in it and in the zones that \
         overlap with it than their spans hold"
    )]
    NoRoom { zone: ZoneId },
    #[error("{}", memory_mismatch(*node, *listed))]
    MemoryMismatch { node: NodeId, listed: bool },
    #[error("lowmem_reserve_ratio: {ratios} entries; expected one for each of {kinds} zone kinds")]
    Ratios { ratios: usize, kinds: usize },
    #[error("watermark_scale_factor: {factor}; expected 1 to 3000")]
    ScaleFactor { factor: u32 },
    #[error("min_free_kbytes: {min_free_kbytes}; expected at most 2^31 - 1")]
    MinFree { min_free_kbytes: u64 },
}

fn memory_mismatch(node: NodeId, listed: bool) -> alloc::string::String {
    if listed {
        alloc::format!("has_memory: node {node} has no populated zone; expected one in `zones`")
    } else {
        alloc::format!("has_memory: node {node} is missing; expected it, since `zones` has a populated zone of it")
    }
}
