//! Recorded machines: one JSON file each, as booted, with what was done to them afterwards.
//!
//! `goldens/README.md` says what each key means. A file has *inputs*, which make the machine, and
//! *outcomes*, which say what a kernel made of them; a file without outcomes is as good a machine.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use zonelist_core::{
    Machine, MachineDescription, MachineError, Memory, NodeId, Rules, Tunables, VoidDistances, Watermarks, ZoneId,
    ZoneKind, ZoneSize,
    hotplug::{self, Blocks, State},
};

use super::{ByNode, Problem, check, step::Step};

/// One recorded machine.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Golden {
    /// What it is called.
    pub name: Option<String>,
    /// What it shows.
    pub description: Option<String>,
    /// The kernel that ran on it.
    pub kernel: Option<String>,
    /// What that kernel was booted with.
    #[serde(default)]
    pub boot_options: String,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of a memory block, the unit of memory hotplug.
    pub block_pages: u64,
    /// Pages of a pageblock, the unit of mobility.
    pub pageblock_pages: u64,
    /// The kinds of zone the kernel knows, ascending.
    pub zone_kinds: Vec<Kind>,
    /// Nodes there can be.
    pub possible: Vec<u32>,
    /// Distances between them; row = from.
    pub distance: Vec<Vec<u32>>,
    /// Each node's CPUs.
    pub cpus: ByNode<Vec<u32>>,
    /// Whether transparent huge pages raise `min_free_kbytes`.
    pub thp: bool,
    /// As it booted.
    pub boot: Boot,
    /// The tunables.
    pub sysctl: Sysctl,
    /// Whether marks and reserves of `zones` were recorded after a recompute.
    pub settled: Option<bool>,
    /// The populated zones.
    pub zones: Vec<Zone>,
    /// Which frames zones have, where spans overlap and blocks do not tell.
    #[serde(default)]
    pub zone_ranges: Vec<ZoneRange>,
    /// The memory blocks.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// Those of them that have pages missing, and so can't go off line.
    #[serde(default)]
    pub blocks_with_holes: Vec<u64>,
    /// Free blocks of pages.
    #[serde(default)]
    pub buddy: Vec<Buddy>,
    /// What was done to it, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// The states of nodes at boot, and what the kernel logged.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Boot {
    /// Nodes online.
    pub online: Vec<u32>,
    /// Nodes with a CPU online.
    pub has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub has_memory: Vec<u32>,
    /// The order of every node.
    pub fallback_order: Option<ByNode<Vec<u32>>>,
    /// Pages above the high marks, while boot memory was still being freed.
    pub total_pages: Option<u64>,
    /// The policy zone.
    pub policy_zone: Option<Kind>,
}

/// What an administrator sets.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Sysctl {
    /// `vm.min_free_kbytes`.
    pub min_free_kbytes: u64,
    /// `vm.watermark_scale_factor`.
    pub watermark_scale_factor: u32,
    /// `vm.lowmem_reserve_ratio`.
    pub lowmem_reserve_ratio: Vec<u32>,
}

/// A populated zone; marks and reserves are outcomes.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Zone {
    /// Its node.
    pub node: u32,
    /// Its kind.
    pub kind: Kind,
    /// Its first page frame.
    pub start_pfn: u64,
    /// Pages from first to last.
    pub spanned: u64,
    /// Pages that exist.
    pub present: u64,
    /// Pages given to the allocator.
    pub managed: u64,
    /// The min mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// The low mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// The high mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// Its lowmem reserves, a column for each of the machine's kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<Vec<u64>>,
}

/// Some present frames of a zone, of which all are given.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ZoneRange {
    /// The zone's node.
    pub node: u32,
    /// The zone's kind.
    pub kind: Kind,
    /// The first frame.
    pub start_pfn: u64,
    /// The one behind the last.
    pub end_pfn: u64,
}

/// A memory block.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct Block {
    /// Its number.
    pub block: u64,
    /// Its node, unless it spans two.
    pub node: Option<u32>,
    /// Whether it is online.
    pub state: BlockState,
    /// The zone it belongs to, unless it is offline or spans two.
    pub zone: Option<Kind>,
}

/// Whether a memory block's pages are in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum BlockState {
    Online,
    Offline,
}

/// A zone's free blocks.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Buddy {
    /// The zone's node.
    pub node: u32,
    /// The zone's kind.
    pub kind: Kind,
    /// How many free blocks there are of each order.
    pub free_by_order: Vec<u64>,
}

/// A zone kind by its kernel name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Kind(#[serde(with = "KindName")] pub ZoneKind);

#[derive(Deserialize, Serialize)]
#[serde(remote = "ZoneKind")]
enum KindName {
    #[serde(rename = "DMA")]
    Dma,
    #[serde(rename = "DMA32")]
    Dma32,
    Normal,
    HighMem,
    Movable,
    Device,
}

impl Golden {
    /// Reads a file's content.
    ///
    /// # Errors
    /// No JSON, or a key that is missing, comes twice or has a value of another type.
    pub fn parse(json: &[u8]) -> Result<Self, Problem> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let golden: Self = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let place = error.path().to_string();
            Problem::Json { place: if place == "." { String::new() } else { place }, error: error.into_inner() }
        })?;
        deserializer.end().map_err(|error| Problem::Json { place: String::new(), error })?;
        Ok(golden)
    }

    /// The machine as it booted, and the warning if its distances were not believed.
    ///
    /// # Errors
    /// The first value that no machine can have; also in the blocks, free lists and steps, which a
    /// [`Machine`] does not hold.
    pub fn machine(&self) -> Result<(Machine, Option<VoidDistances>), Problem> {
        let described = MachineDescription {
            possible: self.possible.clone(),
            distance: self.distance.clone(),
            cpus: self.cpus.0.clone(),
            online: self.boot.online.clone(),
            has_cpu: self.boot.has_cpu.clone(),
            has_memory: self.boot.has_memory.clone(),
            memory: Some(self.memory(&self.zones, &self.sysctl)?),
            zone_ranges: self.zone_ranges()?,
        };
        let (machine, warning) =
            Machine::new(described).map_err(|error| Problem::Machine { section: section(&error), error })?;
        self.hotplug()?.checked(&machine)?;
        check::tables(self)?;
        Ok((machine, warning))
    }

    fn zone_ranges(&self) -> Result<Vec<(ZoneId, Range<u64>)>, Problem> {
        let range = |(index, range): (usize, &ZoneRange)| {
            let node = node_id("zone_ranges", index, range.node)?;
            Ok((ZoneId::new(node, range.kind.0), range.start_pfn..range.end_pfn))
        };
        let ranges: Result<_, MachineError> = self.zone_ranges.iter().enumerate().map(range).collect();
        ranges.map_err(|error| Problem::Machine { section: "", error })
    }

    /// The machine as it booted, ready for hotplug.
    ///
    /// # Errors
    /// See [`Golden::machine`].
    pub fn state(&self, rules: Rules) -> Result<State, Problem> {
        let (machine, _) = self.machine()?;
        let state = State::booted(machine, self.hotplug()?, rules)?;
        if self.settled != Some(false) {
            return Ok(state);
        }
        // Its boot computed them before all of its memory was there.
        let recorded = |id: ZoneId| {
            let same = |zone: &&Zone| zone.node == u32::from(id.node().number()) && zone.kind.0 == id.kind();
            let zone = self.zones.iter().find(same)?;
            let marks = Watermarks { min: zone.min?, low: zone.low?, high: zone.high? };
            Some((marks, zone.protection.clone()?))
        };
        Ok(state.with_marks(recorded))
    }

    /// The memory blocks, and what the kernel was booted with that is about them.
    fn hotplug(&self) -> Result<Blocks, Problem> {
        let memmap_pages =
            if self.memmap_on_memory() { self.block_pages.saturating_mul(64) / self.page_bytes } else { 0 };
        let blocks = self.blocks.iter().enumerate();
        let list: Result<Vec<_>, MachineError> = blocks.map(|entry| self.block(entry, memmap_pages)).collect();
        Ok(Blocks {
            pages: self.block_pages,
            list: list.map_err(|error| Problem::Machine { section: "", error })?,
            memmap_pages,
            movable_node: self.boot_options().any(|option| option == "movable_node"),
            huge_pages: self.thp,
            boot_memory: None,
            without_boot_memory: self.blocks_that_leave(),
        })
    }

    /// The blocks that a step takes off line, or would where no outcome is recorded: what boot took never leaves, so they
    /// hold nothing of it.
    fn blocks_that_leave(&self) -> Vec<u64> {
        let leaves = |step: &&Step| {
            step.op == "offline" && !step.pinned && step.result.as_deref().is_none_or(|result| result == "ok")
        };
        self.steps.iter().filter(leaves).filter_map(|step| step.block).collect()
    }

    fn block(&self, (index, block): (usize, &Block), memmap_pages: u64) -> Result<hotplug::Block, MachineError> {
        let node = block.node.map(|number| node_id("blocks", index, number)).transpose()?;
        let state = match (block.state, block.zone) {
            (BlockState::Offline, _) => hotplug::BlockState::Offline,
            (BlockState::Online, Some(kind)) => hotplug::BlockState::Online(kind.0),
            (BlockState::Online, None) => hotplug::BlockState::Shared,
        };
        Ok(hotplug::Block {
            number: block.block,
            node,
            state,
            has_holes: self.blocks_with_holes.contains(&block.block),
            memmap_pages: if block.state == BlockState::Offline { memmap_pages } else { 0 },
        })
    }

    fn boot_options(&self) -> impl Iterator<Item = &str> {
        self.boot_options.split_ascii_whitespace()
    }

    /// Whether the page structures of a block that is added are kept in the block itself.
    fn memmap_on_memory(&self) -> bool {
        let values = self.boot_options().filter_map(|option| option.strip_prefix("memory_hotplug.memmap_on_memory="));
        values.last().is_some_and(|value| ["1", "y", "Y", "on", "true"].contains(&value))
    }

    /// The sizes that these zones and tunables make, at boot or after a step.
    ///
    /// # Errors
    /// A zone of a node whose number no node can have.
    pub fn memory(&self, zones: &[Zone], sysctl: &Sysctl) -> Result<Memory, Problem> {
        let zones: Result<_, MachineError> = zones.iter().enumerate().map(Zone::size).collect();
        Ok(Memory {
            page_bytes: self.page_bytes,
            pageblock_pages: self.pageblock_pages,
            kinds: self.zone_kinds.iter().map(|kind| kind.0).collect(),
            zones: zones.map_err(|error| Problem::Machine { section: "", error })?,
            tunables: Tunables {
                min_free_kbytes: sysctl.min_free_kbytes,
                watermark_scale_factor: sysctl.watermark_scale_factor,
                lowmem_reserve_ratio: sysctl.lowmem_reserve_ratio.clone(),
            },
        })
    }
}

impl Zone {
    fn size((index, zone): (usize, &Self)) -> Result<ZoneSize, MachineError> {
        Ok(ZoneSize {
            zone: ZoneId::new(node_id("zones", index, zone.node)?, zone.kind.0),
            start_pfn: zone.start_pfn,
            spanned: zone.spanned,
            present: zone.present,
            managed: zone.managed,
        })
    }
}

fn node_id(field: &'static str, index: usize, number: u32) -> Result<NodeId, MachineError> {
    let node = u16::try_from(number).ok().and_then(NodeId::new);
    node.ok_or(MachineError::NodeTooHigh { field, index, number })
}

/// The object of a file that holds what the error names.
fn section(error: &MachineError) -> &'static str {
    use MachineError as Error;
    match error {
        Error::NodeTooHigh { field: "online" | "has_cpu" | "has_memory", .. }
        | Error::DuplicateNode { field: "online" | "has_cpu" | "has_memory", .. }
        | Error::UnknownNode { field: "online" | "has_cpu" | "has_memory", .. }
        | Error::NoSuchCpu { .. }
        | Error::NoMemory
        | Error::MemoryMismatch { .. } => "boot.",
        Error::Ratios { .. } | Error::ScaleFactor { .. } | Error::MinFree { .. } => "sysctl.",
        _ => "",
    }
}
