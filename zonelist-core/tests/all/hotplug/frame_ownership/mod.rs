//! Each frame has one zone: possible machines get the frames of their description, impossible ones are refused with the
//! reason.
#![expect(clippy::single_range_in_vec_init, reason = "they are ranges of frames")]

mod boot_memory;
mod migration_targets;
mod overlapping_zones;
mod provider_calls;
mod random;

use std::ops::Range;

use super::{cases, is_long};

use zonelist_core::{
    Mobility, NodeId, Pfn, ZoneId, ZoneKind,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, MemoryBlocksError, RunningMachine,
        State,
    },
    publish::Published,
    stop_world::StopWorld,
    table::{Slot, Slots},
    topology::{Machine, MachineDescription, MachineError, Memory, Rules, Tunables, ZoneSize},
    zone::Order,
};

const READERS: usize = 4;

type Scheme = StopWorld<Box<[Slot]>>;
type Frames = AllocatorProvider<'static, Scheme>;
type Running = RunningMachine<Frames>;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn zone(number: u16, kind: ZoneKind) -> ZoneId {
    ZoneId::new(node(number), kind)
}

/// A zone over a span, with `present` pages, all of them managed.
fn size(zone: ZoneId, span: Range<u64>, present: u64) -> ZoneSize {
    ZoneSize { zone, start_pfn: Pfn::new(span.start), spanned: span.end - span.start, present, managed: present }
}

/// A zone that has all frames of its span.
fn full(zone: ZoneId, span: Range<u64>) -> ZoneSize {
    let present = span.end - span.start;
    size(zone, span, present)
}

const KINDS: [ZoneKind; 4] = [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable];

/// Two nodes with these zones, and exact ranges of some of them.
fn machine(zones: Vec<ZoneSize>, zone_ranges: Vec<(ZoneId, Range<u64>)>) -> Result<Machine, MachineError> {
    let populated = |number: &u32| zones.iter().any(|size| u32::from(size.zone.node().number()) == *number);
    let has_memory: Vec<u32> = (0..2).filter(populated).collect();
    let tunables = Tunables { min_free_kbytes: 256, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![0; 4] };
    let description = MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 20], vec![20, 10]],
        online: vec![0, 1],
        has_memory,
        memory: Some(Memory { page_bytes: 4096, pageblock_pages: 512, kinds: KINDS.into(), zones, tunables }),
        zone_ranges: zone_ranges.into_iter().map(|(zone, range)| (zone, Pfn::range(range))).collect(),
        ..MachineDescription::default()
    };
    Ok(Machine::new(description)?.0)
}

fn block(number: u64, node: Option<u16>, state: MemoryBlockState) -> MemoryBlock {
    MemoryBlock {
        number: BlockId::new(number),
        node: node.and_then(NodeId::new),
        state,
        has_holes: false,
        memmap_pages: 0,
    }
}

/// Blocks of 1024 pages.
fn blocks(list: Vec<MemoryBlock>) -> MemoryBlocks {
    MemoryBlocks { pages: 1024, list, ..MemoryBlocks::default() }
}

fn booted(machine: Machine, blocks: MemoryBlocks) -> Result<State, MemoryBlocksError> {
    State::booted(machine, blocks, Rules::LINUX_6_1)
}

/// The machine with a page allocator; else the error.
fn running(state: &State) -> Result<Running, String> {
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let frames: Frames = AllocatorProvider::new(published, state).map_err(|error| error.to_string())?;
    let frames = frames.boot(state).map_err(|error| error.to_string())?;
    RunningMachine::new(state.clone(), frames).map_err(|error| error.to_string())
}

/// Allocates every frame of every zone, and frees it: all frames with their zones.
fn all_frames(running: &Running) -> Vec<(u64, ZoneId)> {
    let allocator = running.provider().allocator();
    allocator.drain().unwrap();
    let mut all: Vec<(u64, ZoneId)> = Vec::new();
    for zone in allocator.zones() {
        let free = std::iter::repeat_with(|| zone.alloc(Order::ZERO, Mobility::Movable)).map_while(|pfn| pfn);
        all.extend(free.map(|pfn| (pfn.number(), zone.id())));
    }
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "a frame is allocated twice");
    for &(pfn, zone) in &all {
        // SAFETY: the zone has allocated the block above.
        let page = unsafe { allocator.page(Pfn::new(pfn), Order::ZERO, Mobility::Movable) }.unwrap();
        assert_eq!(allocator.zone_of(&page).unwrap().id(), zone, "frame {pfn}");
        allocator.zone(zone).unwrap().free(Pfn::new(pfn), Order::ZERO).unwrap();
    }
    all
}

/// The frames of a zone, as ranges.
fn ranges_of(all: &[(u64, ZoneId)], zone: ZoneId) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for &(pfn, _) in all.iter().filter(|(_, other)| *other == zone) {
        match ranges.last_mut() {
            Some(last) if last.end == pfn => last.end += 1,
            _ => ranges.push(pfn..pfn + 1),
        }
    }
    ranges
}
