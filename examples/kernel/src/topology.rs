//! From the firmware's description to the library's: free frames, zones, memory blocks and nodes.

use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};
use core::{error::Error, ops::Range};

use zonelist_core::{
    NodeId, Pfn, ZoneId, ZoneKind,
    hotplug::{BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, State},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

use crate::{firmware::Firmware, owners::FRAMES};

/// Frames of a memory block: 128 MiB, as in Linux.
const BLOCK: u64 = 1 << 15;
/// The end of the DMA zone: 16 MiB.
const DMA_END: u64 = 1 << 12;
unsafe extern "C" {
    /// The end of the kernel's image, defined by the linker script.
    static image_end: u8;
}

/// Frames that are never allocated: the first MiB with the trampoline, and the image with the heap, up to a pageblock.
fn reserved() -> [Range<u64>; 2] {
    let end = (&raw const image_end).addr() as u64 >> 12;
    [0..256, DMA_END..end.next_multiple_of(512)]
}

/// The free frames of a node: RAM that is the node's, without reserved frames.
fn free_frames(firmware: &Firmware, node: u32) -> Vec<Range<u64>> {
    let own = firmware.memory.iter().filter(|(home, _)| *home == node);
    let ram =
        own.flat_map(|(_, memory)| firmware.ram.iter().map(|ram| memory.start.max(ram.start)..memory.end.min(ram.end)));
    // Whole frames, of which the direct map and the table of owners have an end.
    let mut free: Vec<_> = ram.map(|bytes| bytes.start.div_ceil(4096)..(bytes.end / 4096).min(FRAMES as u64)).collect();
    for taken in reserved() {
        free = free
            .into_iter()
            .flat_map(|range| [range.start..range.end.min(taken.start), range.start.max(taken.end)..range.end])
            .collect();
    }
    free.retain(|range| !range.is_empty());
    free.sort_unstable_by_key(|range| range.start);
    free
}

/// The part of ranges that lies within another range.
fn within(ranges: &[Range<u64>], bounds: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let parts = ranges.iter().map(move |range| range.start.max(bounds.start)..range.end.min(bounds.end));
    parts.filter(|part| !part.is_empty())
}

fn count(ranges: impl Iterator<Item = Range<u64>>) -> u64 {
    ranges.map(|range| range.end - range.start).sum()
}

/// The zones and memory blocks of the machine.
#[derive(Default)]
struct Zones {
    ranges: Vec<(ZoneId, Range<Pfn>)>,
    blocks: Vec<MemoryBlock>,
}

impl Zones {
    /// Divides the frames of a node between DMA, Normal, and if it is the last node, one Movable block.
    fn add_node(&mut self, node: NodeId, free: &[Range<u64>], has_movable: bool) {
        let blocks = free.first().map_or(0, |range| range.start / BLOCK)
            ..free.last().map_or(0, |range| range.end.div_ceil(BLOCK));
        let is_whole = |block: u64| count(within(free, block * BLOCK..(block + 1) * BLOCK)) == BLOCK;
        let movable = blocks.clone().find(|&block| has_movable && is_whole(block));
        for block in blocks {
            let (start, end) = (block * BLOCK, (block + 1) * BLOCK);
            let kind = if movable == Some(block) { ZoneKind::Movable } else { ZoneKind::Normal };
            let shared = start < DMA_END;
            let state = if shared { MemoryBlockState::Shared } else { MemoryBlockState::Online(kind) };
            let number = BlockId::new(block);
            self.blocks.push(MemoryBlock {
                number,
                node: Some(node),
                state,
                has_holes: !is_whole(block),
                memmap_pages: 0,
            });
            let dma = within(free, start..end.min(DMA_END)).map(|range| (ZoneKind::Dma, range));
            let rest = within(free, start.max(DMA_END)..end).map(|range| (kind, range));
            self.ranges.extend(dma.chain(rest).map(|(kind, range)| (ZoneId::new(node, kind), Pfn::range(range))));
        }
    }

    /// The sizes of the zones. Frames that the kernel keeps count as absent, so that all present frames are managed.
    fn sizes(&self) -> Vec<ZoneSize> {
        let mut sizes: BTreeMap<ZoneId, ZoneSize> = BTreeMap::new();
        for (zone, range) in &self.ranges {
            let (zone, pages) = (*zone, range.end - range.start);
            let size = ZoneSize { zone, start_pfn: range.start, spanned: 0, present: 0, managed: 0 };
            let size = sizes.entry(zone).or_insert(size);
            (size.present, size.managed) = (size.present + pages, size.managed + pages);
            size.spanned = range.end - size.start_pfn;
        }
        sizes.into_values().collect()
    }
}

/// Describes the machine to the library.
pub fn describe(firmware: &Firmware) -> Result<State, Box<dyn Error>> {
    let mut zones = Zones::default();
    let nodes: Vec<u32> = firmware.nodes().collect();
    for &node in &nodes {
        let id = u16::try_from(node).ok().and_then(NodeId::new).ok_or("too many nodes")?;
        zones.add_node(id, &free_frames(firmware, node), node + 1 == nodes.len() as u32);
    }
    let mut cpus: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (number, &(_, node)) in firmware.cpus.iter().enumerate() {
        cpus.entry(node).or_default().push(number as u32);
    }
    let memory = Memory {
        page_bytes: 4096,
        pageblock_pages: 512,
        kinds: vec![ZoneKind::Dma, ZoneKind::Normal, ZoneKind::Movable],
        zones: zones.sizes(),
        tunables: Tunables {
            min_free_kbytes: 2048,
            watermark_scale_factor: 10,
            lowmem_reserve_ratio: vec![256, 32, 0],
        },
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: nodes.clone(),
        distance: firmware.distance.clone(),
        has_cpu: cpus.keys().copied().collect(),
        cpus,
        has_memory: nodes.iter().copied().filter(|&node| !free_frames(firmware, node).is_empty()).collect(),
        online: nodes,
        memory: Some(memory),
        zone_ranges: zones.ranges,
        ..MachineDescription::default()
    })?;
    let blocks = MemoryBlocks { pages: BLOCK, list: zones.blocks, ..MemoryBlocks::default() };
    Ok(State::booted(machine, blocks, Rules::LINUX_6_12)?)
}
