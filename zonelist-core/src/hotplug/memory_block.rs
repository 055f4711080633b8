//! Memory blocks, the unit in which memory is added, removed, put online and offline.

use alloc::vec::Vec;
use core::ops::Range;

use super::memory_device::{AutoMovable, MemoryDevice};
use crate::{
    NodeId, ZoneId, ZoneKind,
    topology::{MAX_PAGES, Machine, Memory},
    zone::UnknownOwner,
};

/// One memory block. Block `n` has the page frames from `n` times a block's pages on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryBlock {
    /// Its number.
    pub number: u64,
    /// Its node; `None` only if it is [`MemoryBlockState::Shared`] by two.
    pub node: Option<NodeId>,
    /// Its state: offline, or online in a zone.
    pub state: MemoryBlockState,
    /// True if some of its page frames do not exist. Such a block can't go offline.
    pub has_holes: bool,
    /// Pages at the start of the block that hold its own page structures, and so are never allocated
    /// (`memory_hotplug.memmap_on_memory`).
    pub memmap_pages: u64,
}

/// The state of a memory block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemoryBlockState {
    /// In no zone.
    Offline,
    /// In the zone of this kind on its node.
    Online(ZoneKind),
    /// In two zones, since boot. It can't go offline.
    Shared,
}

/// The memory blocks of a machine, and the options that apply to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryBlocks {
    /// Pages of each block.
    pub pages: u64,
    /// The present blocks.
    pub list: Vec<MemoryBlock>,
    /// The [`MemoryBlock::memmap_pages`] of blocks that are added later.
    pub memmap_pages: u64,
    /// The memory devices whose blocks are listed. Other blocks are boot's.
    pub devices: Vec<MemoryDevice>,
    /// True if [`OnlineTo::Auto`](super::OnlineTo::Auto) prefers the Movable zone (boot option `movable_node`).
    pub movable_node: bool,
    /// The policy that [`OnlineTo::Auto`](super::OnlineTo::Auto) follows instead (boot option
    /// `memory_hotplug.online_policy=auto-movable`), if the [`Rules`](crate::topology::Rules) know it.
    pub auto_movable: Option<AutoMovable>,
    /// True if `min_free_kbytes` is raised for transparent huge pages.
    pub huge_pages: bool,
    /// The end of a zone from which boot took its memory. `None` for the default of the boot options: the bottom under
    /// `movable_node`, else the top.
    pub boot_memory: Option<BootMemory>,
    /// Numbers of blocks without boot's memory, such as those that a record shows going offline. Blocks that go online
    /// later are added.
    pub without_boot_memory: Vec<u64>,
}

/// The end of a node's memory from which boot allocates before there is a page allocator: page structures above all, 64
/// bytes for each page. These pages are not managed, and never go offline.
///
/// Source: Linux 6.1 `mm/memblock.c: memblock_find_in_range_node`, which searches for the highest free range unless
/// `memblock_bottom_up`; `mm/sparse.c: sparse_init_nid` calls it for page structures on the node that they describe.
/// So on a node that is all Movable the last block has them and can't go offline, while the others can (recorded under
/// 6.1, 6.12 and 7.3). `arch/x86/kernel/setup.c: setup_arch` reverses the direction under `movable_node`, to allocate
/// near the kernel's image.
///
/// On x86 `arch/x86/mm/numa.c: numa_init` reverses it again once the firmware's table of nodes is read. A machine that
/// did so before it allocated most of boot's memory is [`BootMemory::TopDown`] in spite of the option.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BootMemory {
    /// The highest frames.
    TopDown,
    /// The lowest frames.
    BottomUp,
}

/// The first error found in [`MemoryBlocks`]. `index` counts from 0 within [`MemoryBlocks::list`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message says what its fields are")]
pub enum MemoryBlocksError {
    #[error("zones: none known; expected sizes and tunables, without which there are no blocks")]
    NoSizes,
    #[error("block_pages: {pages}; expected a power of two up to 2^32")]
    Pages { pages: u64 },
    #[error("blocks: {blocks} of them; expected at most 2^24")]
    TooMany { blocks: usize },
    #[error("blocks[{index}].block: {number}; expected a number whose pages are below 2^48")]
    Number { index: usize, number: u64 },
    #[error("blocks[{index}].block: {number} a second time; expected each block once")]
    Duplicate { index: usize, number: u64 },
    #[error("blocks[{index}].node: {node}; expected a node of `possible`")]
    Node { index: usize, node: NodeId },
    #[error("blocks[{index}].node: none; expected one, since the block lies within one zone or none")]
    NoNode { index: usize },
    #[error(
        "blocks[{index}].zone: {zone}, for frames {} to {}; expected a populated zone whose span has them, or if the block \
         has holes some of them", .frames.0, .frames.1
    )]
    Outside { index: usize, zone: ZoneId, frames: (u64, u64) },
    #[error(
        "blocks[{index}].zone: {zone}, with {pages} pages more than are left of the {present} it has; expected no more"
    )]
    MoreThanPresent { index: usize, zone: ZoneId, pages: u64, present: u64 },
    #[error("blocks: {memmap} pages of each for its page structures; expected fewer than the block's {pages}")]
    Memmap { memmap: u64, pages: u64 },
    #[error(
        "dimms[{index}]: {count} blocks from {first} on; expected blocks of `blocks`, at least one, each in one device"
    )]
    Device { index: usize, first: u64, count: u64 },
    #[error(
        "blocks: {needed} present pages of zone {zone} lie in no whole block of it, where there is room for {room}; \
         expected room for all"
    )]
    NoRoom { zone: ZoneId, needed: u64, room: u64 },
    #[error(
        "zones: {managed} pages of zone {zone} are the allocator's; expected at most the {usable} that hold no page \
         structures of its blocks"
    )]
    Managed { zone: ZoneId, managed: u64, usable: u64 },
    #[error("block {block}: exact ranges of zone {zone} say otherwise than its state; expected both to say the same")]
    Range { block: u64, zone: ZoneId },
    #[error(transparent)]
    Owner(#[from] UnknownOwner),
}

/// The largest number of blocks of a machine: 2 PiB with blocks of 128 MiB.
const MAX_BLOCKS: u64 = 1 << 24;

impl MemoryBlocks {
    /// The page frames of the block of that number, whether or not it exists.
    pub(super) fn frames(&self, number: u64) -> Range<u64> {
        number.saturating_mul(self.pages)..number.saturating_add(1).saturating_mul(self.pages)
    }

    /// The index of the block of that number in the ascending list; else the index to insert it at.
    pub(super) fn find(&self, number: u64) -> Result<usize, usize> {
        self.list.binary_search_by_key(&number, |block| block.number)
    }

    /// The listed blocks that have frames in a range.
    pub(super) fn within(&self, frames: &Range<u64>) -> &[MemoryBlock] {
        let start = self.list.partition_point(|block| self.frames(block.number).end <= frames.start);
        let end = self.list.partition_point(|block| self.frames(block.number).start < frames.end);
        self.list.get(start..end).unwrap_or_default()
    }

    /// The end of a zone from which boot took its memory.
    pub(super) fn boot_memory(&self) -> BootMemory {
        self.boot_memory.unwrap_or(if self.movable_node { BootMemory::BottomUp } else { BootMemory::TopDown })
    }

    /// True if the machine can have `count` more blocks from `first` on.
    pub(super) fn can_have(&self, first: u64, count: u64) -> bool {
        let room = MAX_BLOCKS.saturating_sub(self.list.len() as u64);
        self.pages > 0 && count <= room && first.checked_add(count).is_some_and(|end| end <= MAX_PAGES / self.pages)
    }

    /// Checks the blocks against a machine, and sorts the list by number.
    ///
    /// # Errors
    /// Names the wrong block, and what was expected.
    pub fn checked(mut self, machine: &Machine) -> Result<Self, MemoryBlocksError> {
        let memory = machine.memory().ok_or(MemoryBlocksError::NoSizes)?;
        self.without_boot_memory.sort_unstable();
        self.without_boot_memory.dedup();
        if self.list.is_empty() && self.pages == 0 {
            self.check_devices()?;
            return Ok(self);
        }
        if !self.pages.is_power_of_two() || self.pages > 1 << 32 {
            return Err(MemoryBlocksError::Pages { pages: self.pages });
        }
        for memmap in self.list.iter().map(|block| block.memmap_pages).chain([self.memmap_pages]) {
            if memmap >= self.pages {
                return Err(MemoryBlocksError::Memmap { memmap, pages: self.pages });
            }
        }
        if self.list.len() as u64 > MAX_BLOCKS {
            return Err(MemoryBlocksError::TooMany { blocks: self.list.len() });
        }
        let mut left: Vec<u64> = memory.zones.iter().map(|size| size.present).collect();
        for (index, block) in self.list.iter().enumerate() {
            self.check(index, block, machine, memory, &mut left)?;
        }
        // Positions are sorted first, so that an error names the position in the caller's list.
        let mut by_number: Vec<usize> = (0..self.list.len()).collect();
        by_number.sort_by_key(|&index| self.list[index].number);
        if let Some(pair) = by_number.windows(2).find(|pair| self.list[pair[0]].number == self.list[pair[1]].number) {
            return Err(MemoryBlocksError::Duplicate { index: pair[1], number: self.list[pair[1]].number });
        }
        self.list.sort_unstable_by_key(|block| block.number);
        self.check_devices()?;
        self.devices.sort_unstable_by_key(|device| device.first);
        Ok(self)
    }

    /// Checks that each device has blocks of the sorted list, and each block at most one device.
    fn check_devices(&self) -> Result<(), MemoryBlocksError> {
        for (index, device) in self.devices.iter().enumerate() {
            let &MemoryDevice { first, count } = device;
            let is_listed = count > 0 && self.of_device(*device).len() as u64 == count;
            let overlaps = |other: &MemoryDevice| other.first < device.end() && first < other.end();
            if !is_listed || self.devices[..index].iter().any(overlaps) {
                return Err(MemoryBlocksError::Device { index, first, count });
            }
        }
        Ok(())
    }

    /// Checks one block. `left` counts the present pages of each zone that are in none of the blocks before.
    fn check(
        &self,
        index: usize,
        block: &MemoryBlock,
        machine: &Machine,
        memory: &Memory,
        left: &mut [u64],
    ) -> Result<(), MemoryBlocksError> {
        if block.number >= MAX_PAGES / self.pages {
            return Err(MemoryBlocksError::Number { index, number: block.number });
        }
        if let Some(node) = block.node.filter(|node| !machine.nodes().contains(node)) {
            return Err(MemoryBlocksError::Node { index, node });
        }
        // The zones of a shared block are not named, so nothing else can be compared.
        let node = match block.state {
            MemoryBlockState::Shared => return Ok(()),
            _ => block.node.ok_or(MemoryBlocksError::NoNode { index })?,
        };
        let MemoryBlockState::Online(kind) = block.state else { return Ok(()) };
        let zone = ZoneId::new(node, kind);
        let frames = self.frames(block.number);
        // A block with holes may extend beyond its zone's span: only some of its frames exist.
        let holds = |span: &Range<u64>| {
            if block.has_holes { touches(span, &frames) } else { span.start <= frames.start && frames.end <= span.end }
        };
        let position = memory.zones.iter().position(|size| size.zone == zone && holds(&size.span()));
        let position =
            position.ok_or(MemoryBlocksError::Outside { index, zone, frames: (frames.start, frames.end) })?;
        // The present pages of a block with holes are not known, so they are not counted.
        if !block.has_holes {
            let present = memory.zones[position].present;
            let pages = self.pages.saturating_sub(left[position]);
            let rest = left[position].checked_sub(self.pages);
            left[position] = rest.ok_or(MemoryBlocksError::MoreThanPresent { index, zone, pages, present })?;
        }
        Ok(())
    }
}

/// True if two ranges have a frame in common.
pub(super) fn touches(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}
