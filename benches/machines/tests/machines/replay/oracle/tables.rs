//! The tables of the oracle: a row for each memory block, each CPU, and each zone kind of each possible node.

use std::collections::BTreeMap;

use zonelist_core::ZoneKind;
use zonelist_machines::{Kind, Sysctl};

/// The zone kinds that the kernel allocates its own memory from.
pub(super) const KERNEL_KINDS: [Kind; 3] = [Kind(ZoneKind::Dma), Kind(ZoneKind::Dma32), NORMAL];
/// The kind of a block of kernel memory that touches no zone.
pub(super) const NORMAL: Kind = Kind(ZoneKind::Normal);
/// The kind of memory that is to be unplugged again.
pub(super) const MOVABLE: Kind = Kind(ZoneKind::Movable);

/// The first page frame, and the one after the last.
pub(super) type Span = (u64, u64);

/// A memory block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct BlockRow {
    pub(super) number: u64,
    /// Its node, unless it spans two.
    pub(super) node: Option<u32>,
    pub(super) online: bool,
    /// Its zone, unless it is offline or spans two.
    pub(super) zone: Option<Kind>,
    /// The pages that it adds to its zone's managed pages, and removes from them.
    pub(super) managed: u64,
    pub(super) has_holes: bool,
    /// The number of its DIMM, unless it is boot's.
    pub(super) dimm: Option<u64>,
}

/// A kind of zone on a node, populated or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ZoneRow {
    pub(super) node: u32,
    pub(super) kind: Kind,
    /// Present pages outside its blocks; negative if its blocks have holes.
    pub(super) present_beside: i64,
    /// Managed pages outside its blocks; negative if its blocks have reserved pages.
    pub(super) managed_beside: i64,
    /// The frames that it spanned at boot.
    pub(super) boot_span: Option<Span>,
    /// The frames that it spans now.
    pub(super) span: Option<Span>,
    pub(super) min: u64,
    pub(super) low: u64,
    pub(super) high: u64,
    /// Its lowmem reserves, a column for each kind.
    pub(super) protection: Vec<u64>,
}

/// A CPU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CpuRow {
    pub(super) cpu: u32,
    pub(super) node: u32,
    pub(super) online: bool,
}

/// The log of a rebuild without the policy zone: the nodes online, and the pages above the high watermarks.
pub(super) type Built = (u64, u64);

/// The log of a rebuild, if there was one, or the name of an error.
pub(super) type Done = Result<Option<Built>, &'static str>;

/// A build of fallback orders while the machine booted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BootBuild {
    /// The rows that were built.
    pub(crate) rows: BTreeMap<u32, Vec<u32>>,
    /// The nodes online.
    pub(crate) built: u64,
    /// The pages that the first build logs, where these follow from the machine.
    pub(crate) total_pages: Option<u64>,
    pub(crate) policy_zone: Kind,
}

/// A machine's memory, nodes and CPUs, as tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Oracle {
    /// The kernel's release.
    pub(super) release: (u32, u32),
    pub(super) page_bytes: u64,
    pub(super) block_pages: u64,
    pub(super) pageblock_pages: u64,
    pub(super) kinds: Vec<Kind>,
    /// The possible nodes, ascending.
    pub(super) possible: Vec<u32>,
    /// The distance from one node to another.
    pub(super) distance: BTreeMap<(u32, u32), u32>,
    pub(super) thp: bool,
    /// The boot options.
    pub(super) options: String,
    /// Ascending by number.
    pub(super) blocks: Vec<BlockRow>,
    /// Every kind of every possible node, in this order.
    pub(super) zones: Vec<ZoneRow>,
    pub(super) cpus: Vec<CpuRow>,
    /// The nodes online, ascending.
    pub(super) online: Vec<u32>,
    /// The number of the next DIMM.
    pub(super) next_dimm: u64,
    /// The builds while it booted.
    pub(super) boot_builds: Vec<BootBuild>,
    /// The fallback order of each node, as it was last built.
    pub(super) rows: BTreeMap<u32, Vec<u32>>,
    /// The zones of each row, as they were when it was built.
    pub(super) lists: BTreeMap<u32, Vec<(u32, Kind)>>,
    pub(super) policy_zone: Kind,
    pub(super) sysctl: Sysctl,
    /// `min_free_kbytes` as an administrator last wrote it.
    pub(super) written: Option<u64>,
}

impl Oracle {
    /// All fallback orders, by node.
    pub(crate) fn rows(&self) -> &BTreeMap<u32, Vec<u32>> {
        &self.rows
    }

    /// The zones of all fallback lists, by node.
    pub(crate) fn lists(&self) -> &BTreeMap<u32, Vec<(u32, Kind)>> {
        &self.lists
    }

    /// The builds while it booted, in order.
    pub(crate) fn boot_builds(&self) -> &[BootBuild] {
        &self.boot_builds
    }

    /// The index of a zone's row.
    pub(super) fn zone_at(&self, node: u32, kind: Kind) -> Option<usize> {
        self.zones.iter().position(|zone| (zone.node, zone.kind) == (node, kind))
    }
}
