//! Random machines: the true zone of each frame, the description of it, and faults in the description.

use std::ops::Range;

use proptest::{collection::vec, option, prelude::*, sample::Index};
use zonelist_core::{
    Pfn, ZoneId,
    ZoneKind::{self, Dma32, Movable, Normal},
    hotplug::{BlockId, BootMemory, MemoryBlock, MemoryBlockState, MemoryBlocks},
    topology::{MachineDescription, Memory, Tunables, ZoneSize},
};

use super::super::{KINDS, node, zone};

/// Frames of the largest machine.
pub(crate) const FRAMES: usize = 12 * 512;

/// The zones that a machine may have when it boots.
pub(crate) fn zones() -> [ZoneId; 5] {
    [zone(0, Dma32), zone(0, Normal), zone(0, Movable), zone(1, Normal), zone(1, Movable)]
}

/// A random machine.
#[derive(Clone, Debug)]
pub(crate) struct RandomMachine {
    /// Consecutive segments: the number of frames, and the index of their zone in [`zones`], or 5 for none.
    pub(crate) segments: Vec<(usize, usize)>,
    /// The eighths of each zone that boot takes.
    pub(crate) taken: [u64; 5],
    /// True for each zone whose exact ranges are described.
    pub(crate) exact: [bool; 5],
    pub(crate) block_pages: u64,
    pub(crate) has_blocks: bool,
    pub(crate) movable_node: bool,
    pub(crate) boot_memory: Option<BootMemory>,
    /// A bit for each block that is described as without boot memory.
    pub(crate) without_boot_memory_bits: u64,
    /// A bit for each block without memory that is listed as offline, and a bit for its node.
    pub(crate) offline: (u64, u64),
    /// A bit for each block with memory that is not listed.
    pub(crate) unlisted: u64,
    pub(crate) memmap_pages: u64,
    pub(crate) fault: Option<Fault>,
}

/// One fault in a description.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A zone has more pages.
    Present(Index, u64),
    /// A zone has a longer span, and all frames of it.
    Wide(Index, u64),
    /// An exact range is attributed to another zone.
    RangeOf(Index, Index),
    /// An exact range is longer.
    RangeTo(Index, u64),
    /// An exact range is attributed to another zone as well.
    RangeAlsoOf(Index, Index),
    /// A block is in another zone.
    BlockIn(Index, Index),
    /// A block is listed twice.
    Twice(Index),
    /// A block has no holes.
    Whole(Index),
    /// A block is offline.
    Offline(Index),
}

pub(crate) fn any_machine() -> impl Strategy<Value = RandomMachine> {
    let length = prop_oneof![
        3 => 1..700_usize,
        3 => (1..4_usize).prop_map(|blocks| blocks * 512),
        2 => (1..3_usize).prop_map(|blocks| blocks * 1024),
    ];
    let exact = prop_oneof![3 => Just([true; 5]), 3 => Just([false; 5]), 2 => any::<[bool; 5]>()];
    let boot_memory = option::of(prop_oneof![Just(BootMemory::TopDown), Just(BootMemory::BottomUp)]);
    let eighths = prop_oneof![3 => Just(0_u64), 3 => 1..3_u64, 1 => 3..9_u64];
    let faults = prop_oneof![
        3 => Just(None),
        3 => any_fault().prop_map(Some),
    ];
    let blocks = prop_oneof![1 => Just(128_u64), 1 => Just(256), 4 => Just(512), 4 => Just(1024), 1 => Just(2048)];
    let unlisted = prop_oneof![2 => Just(0_u64), 1 => any::<(u64, u64)>().prop_map(|(one, other)| one & other)];
    let owners = prop_oneof![6 => Just(5_usize), 4 => Just(0), 8 => Just(1), 8 => Just(2), 8 => Just(3), 8 => Just(4)];
    (
        (vec((length, owners), 3..12), prop::array::uniform5(eighths), exact),
        (blocks, prop::bool::weighted(0.8), any::<bool>(), boot_memory, any::<u64>(), any::<(u64, u64)>()),
        (prop_oneof![3 => Just(0_u64), 1 => 1..100_u64], unlisted, faults),
    )
        .prop_map(|((segments, taken, exact), blocks, (memmap_pages, unlisted, fault))| {
            let (block_pages, has_blocks, movable_node, boot_memory, without_boot_memory_bits, offline) = blocks;
            RandomMachine {
                segments,
                taken,
                exact,
                block_pages,
                has_blocks,
                movable_node,
                boot_memory,
                without_boot_memory_bits,
                offline,
                unlisted,
                memmap_pages,
                fault,
            }
        })
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let (at, other) = (any::<Index>, any::<Index>);
    prop_oneof![
        2 => (at(), 1..2000_u64).prop_map(|(at, more)| Fault::Present(at, more)),
        1 => (at(), 1..2000_u64).prop_map(|(at, more)| Fault::Wide(at, more)),
        1 => (at(), other()).prop_map(|(at, other)| Fault::RangeOf(at, other)),
        2 => (at(), 1..600_u64).prop_map(|(at, more)| Fault::RangeTo(at, more)),
        2 => (at(), other()).prop_map(|(at, other)| Fault::RangeAlsoOf(at, other)),
        3 => (at(), other()).prop_map(|(at, other)| Fault::BlockIn(at, other)),
        1 => at().prop_map(Fault::Twice),
        1 => at().prop_map(Fault::Whole),
        1 => at().prop_map(Fault::Offline),
    ]
}

impl RandomMachine {
    /// The index of each frame's zone.
    pub(crate) fn owners(&self) -> Vec<Option<usize>> {
        let segments = self.segments.iter();
        let frames = segments.flat_map(|&(frames, owner)| std::iter::repeat_n((owner < 5).then_some(owner), frames));
        frames.take(FRAMES).collect()
    }

    /// The frames of a zone.
    pub(crate) fn ranges(&self, zone: usize) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (pfn, _) in (0..).zip(self.owners()).filter(|(_, owner)| *owner == Some(zone)) {
            match ranges.last_mut() {
                Some(last) if last.end == pfn => last.end += 1,
                _ => ranges.push(pfn..pfn + 1),
            }
        }
        ranges
    }

    /// True if the description determines the zone of each frame.
    pub(crate) fn is_fully_described(&self) -> bool {
        self.fault.is_none() && (0..5).all(|zone| self.exact[zone] || self.ranges(zone).is_empty())
    }

    /// The description, with its fault.
    pub(crate) fn described(&self) -> (MachineDescription, MemoryBlocks) {
        let mut blocks = if self.has_blocks { self.blocks() } else { MemoryBlocks::default() };
        let mut description = self.machine(&blocks);
        if let Some(fault) = &self.fault {
            apply_fault(fault, &mut description, &mut blocks);
        }
        (description, blocks)
    }

    fn machine(&self, blocks: &MemoryBlocks) -> MachineDescription {
        let of = |at: usize| {
            let ranges = self.ranges(at);
            let present: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let is_own = |block: &&MemoryBlock| {
                let of = block.node.map(|node| (node, block.state));
                of == Some((zones()[at].node(), MemoryBlockState::Online(zones()[at].kind())))
            };
            let memmap: u64 = blocks.list.iter().filter(is_own).map(|block| block.memmap_pages).sum();
            let managed = (present - memmap) * (8 - self.taken[at]) / 8;
            let start_pfn = ranges.first()?.start;
            Some(ZoneSize {
                zone: zones()[at],
                start_pfn: Pfn::new(start_pfn),
                spanned: ranges.last()?.end - start_pfn,
                present,
                managed,
            })
        };
        let sizes: Vec<ZoneSize> = (0..5).filter_map(of).collect();
        let has = |number: &u32| sizes.iter().any(|size| u32::from(size.zone.node().number()) == *number);
        let exact = (0..5).filter(|&at| self.exact[at]);
        MachineDescription {
            possible: vec![0, 1, 2],
            distance: vec![vec![10, 20, 30], vec![20, 10, 20], vec![30, 20, 10]],
            online: vec![0, 1],
            has_memory: (0..2).filter(has).collect(),
            zone_ranges: exact
                .flat_map(|at| self.ranges(at).into_iter().map(move |range| (zones()[at], Pfn::range(range))))
                .collect(),
            memory: Some(Memory {
                page_bytes: 4096,
                pageblock_pages: 512,
                kinds: KINDS.into(),
                zones: sizes,
                tunables: Tunables {
                    min_free_kbytes: 64,
                    watermark_scale_factor: 10,
                    lowmem_reserve_ratio: vec![0; 4],
                },
            }),
            ..MachineDescription::default()
        }
    }

    fn blocks(&self) -> MemoryBlocks {
        let owners = self.owners();
        let count = owners.len().div_ceil(self.block_pages as usize);
        let list = (0..count).filter_map(|number| {
            let start = number * self.block_pages as usize;
            let frames = &owners[start..(start + self.block_pages as usize).min(owners.len())];
            self.block(number, frames)
        });
        MemoryBlocks {
            pages: self.block_pages,
            list: list.collect(),
            movable_node: self.movable_node,
            boot_memory: self.boot_memory,
            without_boot_memory: (0..count as u64)
                .filter(|number| self.without_boot_memory_bits >> (number % 64) & 1 != 0)
                .map(BlockId::new)
                .collect(),
            ..MemoryBlocks::default()
        }
    }

    fn block(&self, number: usize, frames: &[Option<usize>]) -> Option<MemoryBlock> {
        let mut present: Vec<usize> = frames.iter().flatten().copied().collect();
        present.sort_unstable();
        present.dedup();
        let has_holes = frames.contains(&None) || frames.len() < self.block_pages as usize;
        let bit = |bits: u64| bits >> (number % 64) & 1;
        if bit(self.unlisted) != 0 {
            return None;
        }
        let nodes: Vec<_> = present.iter().map(|&at| zones()[at].node()).collect();
        let (node, state) = match present[..] {
            [] if bit(self.offline.0) == 0 => return None,
            [] => (Some(node(bit(self.offline.1) as u16)), MemoryBlockState::Offline),
            [one] => (Some(nodes[0]), MemoryBlockState::Online(zones()[one].kind())),
            _ => (nodes.windows(2).all(|pair| pair[0] == pair[1]).then_some(nodes[0]), MemoryBlockState::Shared),
        };
        let memmap_pages = if has_holes || present.len() != 1 { 0 } else { self.memmap_pages };
        let has_holes = has_holes && !present.is_empty();
        Some(MemoryBlock { number: BlockId::new(number as u64), node, state, has_holes, memmap_pages })
    }
}

/// Puts a fault into a description, if it has the part that the fault is about.
fn apply_fault(fault: &Fault, description: &mut MachineDescription, blocks: &mut MemoryBlocks) {
    let Some(memory) = &mut description.memory else { return };
    let (sizes, ranges, list) = (&mut memory.zones, &mut description.zone_ranges, &mut blocks.list);
    let name = |at: &Index| *at.get(&zones());
    match fault {
        Fault::Present(at, more) => {
            if let Some(size) = pick(sizes, at) {
                size.present += more;
                size.managed += more;
            }
        }
        Fault::Wide(at, more) => {
            if let Some(size) = pick(sizes, at) {
                let end = size.start_pfn + size.spanned + more / 2;
                size.start_pfn = Pfn::new(size.start_pfn.number().saturating_sub(more / 2));
                size.spanned = end - size.start_pfn;
                (size.present, size.managed) = (size.spanned, size.spanned);
            }
        }
        Fault::RangeOf(at, other) => pick(ranges, at).into_iter().for_each(|range| range.0 = name(other)),
        Fault::RangeTo(at, more) => pick(ranges, at).into_iter().for_each(|range| range.1.end += *more),
        Fault::RangeAlsoOf(at, other) => {
            let also = pick(ranges, at).map(|(_, range)| (name(other), range.clone()));
            ranges.extend(also);
        }
        Fault::BlockIn(at, other) => {
            let zone = name(other);
            let of = (Some(zone.node()), MemoryBlockState::Online(zone.kind()));
            pick(list, at).into_iter().for_each(|block| (block.node, block.state) = of);
        }
        Fault::Twice(at) => {
            let block = pick(list, at).copied();
            list.extend(block);
        }
        Fault::Whole(at) => pick(list, at).into_iter().for_each(|block| block.has_holes = false),
        Fault::Offline(at) => pick(list, at).into_iter().for_each(|block| block.state = MemoryBlockState::Offline),
    }
}

fn pick<'l, T>(list: &'l mut [T], at: &Index) -> Option<&'l mut T> {
    let count = list.len().max(1);
    list.get_mut(at.index(count))
}

/// The zone kinds that a block may come online in.
pub(crate) fn any_kind() -> impl Strategy<Value = ZoneKind> {
    prop_oneof![1 => Just(Dma32), 4 => Just(Normal), 4 => Just(Movable)]
}
