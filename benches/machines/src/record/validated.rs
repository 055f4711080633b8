//! Validated machine files, and the validation.

use std::ops::Range;

use zonelist_core::{
    NodeId, Pfn, ZoneId,
    hotplug::{self, AutoMovable, BlockId, BootBuild, MemoryBlocks, MemoryDevice, State},
    topology::{
        DistanceSource, Machine, MachineDescription, MachineError, Memory, Rules, Tunables, Watermarks, ZoneSize,
    },
};

use super::{
    check,
    entries::{BlockRecord, MemoryBlockState, ZoneRange, ZoneRecord},
    file::MachineFile,
    step::{RecordedOperation, Step},
};
use crate::error::Problem;

/// A machine file whose values fit together, with the machine, memory blocks and operations that they describe.
///
/// Only [`MachineFile::validate`] makes one, and nothing changes it afterwards.
#[derive(Clone, Debug)]
pub struct MachineRecord {
    file: MachineFile,
    machine: Machine,
    blocks: MemoryBlocks,
    /// The operation of each of the file's steps.
    operations: Vec<RecordedOperation>,
}

impl MachineFile {
    /// Checks the values against each other.
    ///
    /// # Errors
    /// The first value that no machine can have, with its place.
    pub fn validate(self) -> Result<MachineRecord, Problem> {
        let described = description(&self)?;
        let (machine, _) =
            Machine::new(described).map_err(|error| Problem::Machine { section: section(&error), error })?;
        let blocks = memory_blocks(&self)?.checked(&machine)?;
        check::holes(&self)?;
        check::free_blocks(&self)?;
        let operations = check::operations(&self)?;
        Ok(MachineRecord { file: self, machine, blocks, operations })
    }
}

impl MachineRecord {
    /// Parses and validates the content of a file.
    ///
    /// # Errors
    /// Those of [`MachineFile::parse`] and [`MachineFile::validate`].
    pub fn parse(json: &[u8]) -> Result<Self, Problem> {
        MachineFile::parse(json)?.validate()
    }

    /// The same record, with this name if its file has none.
    #[must_use]
    pub fn named(mut self, default: String) -> Self {
        self.file.name.get_or_insert(default);
        self
    }

    /// The content of the file.
    #[must_use]
    pub fn file(&self) -> &MachineFile {
        &self.file
    }

    /// The machine as it booted.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Each recorded step with its operation, in order.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = (&Step, &RecordedOperation)> {
        self.file.steps.iter().zip(&self.operations)
    }

    /// The builds of zonelists while the machine booted: at least one.
    ///
    /// # Errors
    /// None that validation has left.
    pub fn boot_builds(&self, rules: Rules) -> Result<Vec<BootBuild>, Problem> {
        Ok(BootBuild::all(&self.machine, self.blocks.clone(), rules)?)
    }

    /// The machine as it booted, ready for hotplug.
    ///
    /// # Errors
    /// Hotplug needs the owner of every page frame in a block, which a valid file may lack where zones overlap.
    pub fn state(&self, rules: Rules) -> Result<State, Problem> {
        let state = State::booted(self.machine.clone(), self.blocks.clone(), rules)?;
        if self.file.settled != Some(false) {
            return Ok(state);
        }
        // The recorded kernel computed these watermarks before all of its memory was freed; no input gives them.
        let recorded = |id: ZoneId| {
            let same = |zone: &&ZoneRecord| zone.node == u32::from(id.node().number()) && zone.kind.0 == id.kind();
            let zone = self.file.zones.iter().find(same)?;
            let watermarks = Watermarks { min: zone.min?, low: zone.low?, high: zone.high? };
            Some((watermarks, zone.protection.clone()?))
        };
        Ok(state.with_watermarks(recorded))
    }
}

fn description(file: &MachineFile) -> Result<MachineDescription, Problem> {
    Ok(MachineDescription {
        possible: file.possible.clone(),
        distance: file.distance.clone(),
        // A kernel has printed them, so it has tested its firmware's table.
        distance_source: DistanceSource::Kernel,
        cpus: file.cpus.0.clone(),
        online: file.boot.online.clone(),
        has_cpu: file.boot.has_cpu.clone(),
        has_memory: file.boot.has_memory.clone(),
        memory: Some(memory(file)?),
        zone_ranges: zone_ranges(file)?,
    })
}

/// The sizes of the zones at boot, and the tunables.
fn memory(file: &MachineFile) -> Result<Memory, Problem> {
    let zones: Result<_, MachineError> = file.zones.iter().enumerate().map(zone_size).collect();
    Ok(Memory {
        page_bytes: file.page_bytes,
        pageblock_pages: file.pageblock_pages,
        kinds: file.zone_kinds.iter().map(|kind| kind.0).collect(),
        zones: zones.map_err(|error| Problem::Machine { section: "", error })?,
        tunables: Tunables {
            min_free_kbytes: file.sysctl.min_free_kbytes,
            watermark_scale_factor: file.sysctl.watermark_scale_factor,
            lowmem_reserve_ratio: file.sysctl.lowmem_reserve_ratio.clone(),
        },
    })
}

fn zone_size((index, zone): (usize, &ZoneRecord)) -> Result<ZoneSize, MachineError> {
    Ok(ZoneSize {
        zone: ZoneId::new(node_id("zones", index, zone.node)?, zone.kind.0),
        start_pfn: Pfn::new(zone.start_pfn),
        spanned: zone.spanned,
        present: zone.present,
        managed: zone.managed,
    })
}

fn zone_ranges(file: &MachineFile) -> Result<Vec<(ZoneId, Range<Pfn>)>, Problem> {
    let range = |(index, range): (usize, &ZoneRange)| {
        let node = node_id("zone_ranges", index, range.node)?;
        Ok((ZoneId::new(node, range.kind.0), Pfn::range(range.start_pfn..range.end_pfn)))
    };
    let ranges: Result<_, MachineError> = file.zone_ranges.iter().enumerate().map(range).collect();
    ranges.map_err(|error| Problem::Machine { section: "", error })
}

/// The memory blocks, and the boot options that concern them.
fn memory_blocks(file: &MachineFile) -> Result<MemoryBlocks, Problem> {
    // 64 bytes of page structure for each page of the block.
    let memmap_pages = if memmap_on_memory(file) { file.block_pages.saturating_mul(64) / file.page_bytes } else { 0 };
    let blocks = file.blocks.iter().enumerate();
    let list: Result<Vec<_>, MachineError> = blocks.map(|entry| memory_block(file, entry, memmap_pages)).collect();
    Ok(MemoryBlocks {
        pages: file.block_pages,
        list: list.map_err(|error| Problem::Machine { section: "", error })?,
        memmap_pages,
        devices: devices(file),
        auto_movable: auto_movable(file)?,
        movable_node: boot_options(file).any(|option| option == "movable_node"),
        huge_pages: file.thp,
        boot_memory: None,
        without_boot_memory: blocks_that_go_offline(file),
    })
}

fn memory_block(
    file: &MachineFile,
    (index, block): (usize, &BlockRecord),
    memmap_pages: u64,
) -> Result<hotplug::MemoryBlock, MachineError> {
    let node = block.node.map(|number| node_id("blocks", index, number)).transpose()?;
    let state = match (block.state, block.zone) {
        (MemoryBlockState::Offline, _) => hotplug::MemoryBlockState::Offline,
        (MemoryBlockState::Online, Some(kind)) => hotplug::MemoryBlockState::Online(kind.0),
        (MemoryBlockState::Online, None) => hotplug::MemoryBlockState::Shared,
    };
    Ok(hotplug::MemoryBlock {
        number: BlockId::new(block.block),
        node,
        state,
        has_holes: file.blocks_with_holes.contains(&block.block),
        memmap_pages: if block.state == MemoryBlockState::Offline { memmap_pages } else { 0 },
    })
}

/// The blocks that a step takes offline, or would take offline where no outcome is recorded. Pages that boot allocated
/// never leave, so these blocks hold none of them.
fn blocks_that_go_offline(file: &MachineFile) -> Vec<BlockId> {
    let goes_offline = |step: &&Step| {
        step.op == "offline" && !step.pinned && step.result.as_deref().is_none_or(|result| result == "ok")
    };
    file.steps.iter().filter(goes_offline).filter_map(|step| step.block).map(BlockId::new).collect()
}

/// The memory devices. Where the file does not list them, each block that is offline at boot is one.
fn devices(file: &MachineFile) -> Vec<MemoryDevice> {
    let device = |first, count| MemoryDevice { first: BlockId::new(first), count };
    let listed = file.dimms.as_ref().map(|dimms| dimms.iter().map(|&(first, count)| device(first, count)));
    let is_offline = |block: &&BlockRecord| block.state == MemoryBlockState::Offline;
    let single = || file.blocks.iter().filter(is_offline).map(|block| device(block.block, 1));
    listed.map_or_else(|| single().collect(), Iterator::collect)
}

/// The policy for blocks that go online, if it is `auto-movable`.
fn auto_movable(file: &MachineFile) -> Result<Option<AutoMovable>, Problem> {
    // As for every boot option, the last one counts.
    let value = |name: &str| boot_options(file).filter_map(|option| option.strip_prefix(name)).last();
    if value("memory_hotplug.online_policy=") != Some("auto-movable") {
        return Ok(None);
    }
    let mut policy = AutoMovable::default();
    if let Some(ratio) = value("memory_hotplug.auto_movable_ratio=") {
        let wrong = |_| Problem::value("boot_options", ratio, "a number as memory_hotplug.auto_movable_ratio");
        policy.ratio = ratio.parse::<u32>().map_err(wrong)?.into();
    }
    if let Some(aware) = value("memory_hotplug.auto_movable_numa_aware=") {
        policy.per_node = is_true(aware);
    }
    Ok(Some(policy))
}

/// A boolean as a boot option writes it.
fn is_true(value: &str) -> bool {
    ["1", "y", "Y", "on", "true"].contains(&value)
}

fn boot_options(file: &MachineFile) -> impl Iterator<Item = &str> {
    file.boot_options.split_ascii_whitespace()
}

/// True if the page structures of an added block are kept in the block itself.
fn memmap_on_memory(file: &MachineFile) -> bool {
    let values = boot_options(file).filter_map(|option| option.strip_prefix("memory_hotplug.memmap_on_memory="));
    // As for every boot option, the last one counts.
    values.last().is_some_and(is_true)
}

fn node_id(field: &'static str, index: usize, number: u32) -> Result<NodeId, MachineError> {
    let node = u16::try_from(number).ok().and_then(NodeId::new);
    node.ok_or(MachineError::NodeTooHigh { field, index, number })
}

/// The path of the object that holds the value in question, up to where the error's own path begins.
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
