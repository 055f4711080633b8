//! The unchecked description of a machine, and the sizes of its zones.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use crate::{Pfn, ZoneId, ZoneKind};

/// The upper bound of a zone's size in pages, and of page frame numbers.
///
/// With it, no sum over the zones of a machine overflows 64 bits.
pub(crate) const MAX_PAGES: u64 = 1 << 48;

/// The size of one zone, in pages.
///
/// `managed <= present <= spanned`: `present` excludes holes, `managed` also excludes pages that were reserved before
/// the allocator started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ZoneSize {
    /// The zone.
    pub zone: ZoneId,
    /// Its first page frame number.
    pub start_pfn: Pfn,
    /// Pages from the first to the last, holes included.
    pub spanned: u64,
    /// Pages that exist.
    pub present: u64,
    /// Pages that the allocator was given.
    pub managed: u64,
}

impl ZoneSize {
    /// The zone's page frames, holes included.
    #[must_use]
    pub fn span(&self) -> Range<Pfn> {
        self.start_pfn..self.start_pfn.saturating_add(self.spanned)
    }

    pub(crate) fn set_span(&mut self, span: Range<Pfn>) {
        (self.start_pfn, self.spanned) = (span.start, span.end.saturating_sub(span.start));
    }
}

/// The sysctls that determine watermarks and lowmem reserves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tunables {
    /// `vm.min_free_kbytes`.
    pub min_free_kbytes: u64,
    /// `vm.watermark_scale_factor`, in 1/10,000 of a zone: `1..=3000`.
    pub watermark_scale_factor: u32,
    /// `vm.lowmem_reserve_ratio`, an entry for each of the machine's zone kinds.
    pub lowmem_reserve_ratio: Vec<u32>,
}

/// Zone sizes, and the input of watermarks and reserves. Optional: not every source of a machine has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of a pageblock, the unit in which pages are grouped by mobility.
    pub pageblock_pages: u64,
    /// The zone kinds that the machine has, ascending.
    pub kinds: Vec<ZoneKind>,
    /// The populated zones.
    pub zones: Vec<ZoneSize>,
    /// The sysctls.
    pub tunables: Tunables,
}

/// The size of a zone, if it is populated.
#[must_use]
pub fn size_of(memory: &Memory, zone: ZoneId) -> Option<&ZoneSize> {
    memory.zones.iter().find(|size| size.zone == zone)
}

/// Where the distances of a description come from, which decides on what they may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DistanceSource {
    /// The firmware's table (ACPI SLIT). If Linux would reject it, all distances become 10 and 20.
    #[default]
    Firmware,
    /// A running kernel, which has tested its firmware's table and uses these distances: two nodes may be at 10
    /// (`numa=fake`), and 0 is a distance that the kernel never set (ia64 without a table).
    Kernel,
}

/// A description of a machine, unchecked: [`Machine::new`](crate::topology::Machine::new) validates it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineDescription {
    /// Numbers of the possible nodes.
    pub possible: Vec<u32>,
    /// Distances between them, indexed as `possible`; row = from.
    pub distance: Vec<Vec<u32>>,
    /// Where these distances come from.
    pub distance_source: DistanceSource,
    /// Each node's CPUs. A CPU may be on several nodes, as under `numa=fake`.
    pub cpus: BTreeMap<u32, Vec<u32>>,
    /// Nodes that are online.
    pub online: Vec<u32>,
    /// Nodes with a CPU online.
    pub has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub has_memory: Vec<u32>,
    /// Sizes and tunables, where known.
    pub memory: Option<Memory>,
    /// Exact page frame ranges of zones, where known: all present frames of each zone that is named, unsorted.
    ///
    /// Needed only where spans overlap and memory blocks do not determine which zone owns the frames: interleaved
    /// nodes, or a zone that was cut out of the middle of another.
    ///
    /// A kernel that knows which frames it has reserved leaves these out, counts them as absent, and gives the same number
    /// for `present` and `managed` ([`ZoneSize`]). Its zones then get exactly the frames of these ranges. A memory block
    /// with such a frame [has holes](crate::hotplug::MemoryBlock::has_holes).
    pub zone_ranges: Vec<(ZoneId, Range<Pfn>)>,
}

/// Node 1 of the machine in the lkml report of 2017, with or without the Movable block that went online and offline.
#[cfg(test)]
pub(super) fn lkml_2017(movable: bool) -> Memory {
    let node = crate::NodeId::new(1).unwrap();
    let size = |kind, start_pfn: u64, pages| ZoneSize {
        zone: ZoneId::new(node, kind),
        start_pfn: Pfn::new(start_pfn),
        spanned: pages,
        present: pages,
        managed: pages,
    };
    let mut zones = alloc::vec![size(ZoneKind::Dma32, 1 << 18, 241_436)];
    if movable {
        zones.push(size(ZoneKind::Movable, 1 << 20, 32_768));
    }
    Memory {
        page_bytes: 4096,
        pageblock_pages: 512,
        kinds: alloc::vec![ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable],
        zones,
        tunables: Tunables {
            min_free_kbytes: 67_584,
            watermark_scale_factor: 10,
            lowmem_reserve_ratio: alloc::vec![256, 256, 32, 0],
        },
    }
}
