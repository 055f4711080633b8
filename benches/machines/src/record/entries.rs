//! Entries of a machine file: boot, tunables, zones, memory blocks, free blocks.

use serde::{Deserialize, Serialize};

use super::{by_node::ByNode, kind::Kind};

/// The states of nodes at boot, and what the kernel logged then.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Boot {
    /// Nodes online.
    pub online: Vec<u32>,
    /// Nodes with a CPU online.
    pub has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub has_memory: Vec<u32>,
    /// Outcome: the fallback order of every node, as first built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_order: Option<ByNode<Vec<u32>>>,
    /// Outcome: the total that the first build logged. It follows from no input before Linux 6.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<u64>,
    /// Outcome: the policy zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_zone: Option<Kind>,
    /// Outcome: the builds after the first one and before the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later_builds: Option<Vec<LaterBuild>>,
}

/// A build of zonelists between the first one and the first step, for memory devices that were found while the machine
/// booted. All are outcomes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct LaterBuild {
    /// The rows that were built: one for a node that went online, else that of every node.
    pub fallback_order: ByNode<Vec<u32>>,
    /// The count of nodes that the kernel logged as built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// The total of pages, while boot memory was still being freed: it follows from no input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<u64>,
    /// The policy zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_zone: Option<Kind>,
}

/// Tunables of the memory management, in the units of `/proc/sys/vm`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Sysctl {
    /// `vm.min_free_kbytes`.
    pub min_free_kbytes: u64,
    /// `vm.watermark_scale_factor`.
    pub watermark_scale_factor: u32,
    /// `vm.lowmem_reserve_ratio`, a column for each zone kind.
    pub lowmem_reserve_ratio: Vec<u32>,
}

/// A populated zone; sizes are inputs, watermarks and reserves are outcomes. All numbers are pages.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct ZoneRecord {
    /// Its node.
    pub node: u32,
    /// Its kind.
    pub kind: Kind,
    /// Its first page frame.
    pub start_pfn: u64,
    /// Page frames from the first to the last, holes included.
    pub spanned: u64,
    /// Pages that exist.
    pub present: u64,
    /// Pages given to the allocator.
    pub managed: u64,
    /// The min watermark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// The low watermark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// The high watermark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// Its lowmem reserves, a column for each of the machine's zone kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<Vec<u64>>,
}

/// Present page frames of a zone, where spans overlap and blocks do not determine the owner.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ZoneRange {
    /// The zone's node.
    pub node: u32,
    /// The zone's kind.
    pub kind: Kind,
    /// The first page frame.
    pub start_pfn: u64,
    /// The page frame after the last.
    pub end_pfn: u64,
}

/// A memory block.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct BlockRecord {
    /// Its number.
    pub block: u64,
    /// Its node, unless it spans two.
    pub node: Option<u32>,
    /// Online or offline.
    pub state: MemoryBlockState,
    /// Its zone, unless it is offline or spans two zones.
    pub zone: Option<Kind>,
}

/// The state of a memory block, as its state file in sysfs prints it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the glossary defines both")]
pub enum MemoryBlockState {
    Online,
    Offline,
}

/// The free blocks of a zone, a row of `/proc/buddyinfo`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct BuddyRecord {
    /// The zone's node.
    pub node: u32,
    /// The zone's kind.
    pub kind: Kind,
    /// The count of free blocks of each order.
    pub free_by_order: Vec<u64>,
}
