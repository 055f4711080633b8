//! Hotplug on a running machine: refusals, the sequence of publishes, and what readers see.

pub(crate) mod allocator_provider;
#[cfg(target_os = "linux")]
mod arena;
mod concurrency;
mod frame_ownership;
mod linux_rules;
mod lkml_2017;
mod node_operations;
mod publish_order;
mod refusals;
mod rollback;
mod zoneinfo_atomicity;

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use zonelist_core::{
    NodeId, Pfn, ZoneId, ZoneKind, Zonelists,
    hotplug::{
        BlockId, Deadline, MemoryBlock, MemoryBlockState, MemoryBlocks, Operation, PageProvider, ProviderError,
        RunningMachine, State,
    },
    publish::{PublishError, Published},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

use super::{
    cases, is_long,
    support::{self, Puppet, Snapshot},
};

/// Pages of a block.
const PAGES: u64 = 1024;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn zone(number: u16, kind: ZoneKind) -> ZoneId {
    ZoneId::new(node(number), kind)
}

fn block(number: u64, node: u16, state: MemoryBlockState) -> MemoryBlock {
    MemoryBlock { number: BlockId::new(number), node: NodeId::new(node), state, has_holes: false, memmap_pages: 0 }
}

/// A machine of four possible nodes.
///
/// - Node 0: DMA and DMA32 share block 0, block 1 has holes, block 2 is whole, blocks 3 and 4 are offline.
/// - Node 1: Normal has blocks 8 and 9, of which 100 pages are reserved; blocks 10 and 11 are offline.
/// - Node 2 is offline, and has the last CPU.
/// - Node 3 has memory and no CPU.
fn state() -> State {
    let size = |zone, start_pfn, spanned, managed| ZoneSize { zone, start_pfn, spanned, present: managed, managed };
    let low = size(zone(0, ZoneKind::Dma), Pfn::new(16), 240, 240);
    let mut middle = size(zone(0, ZoneKind::Dma32), Pfn::new(256), 3 * PAGES - 256, 3 * PAGES - 356);
    middle.present = middle.managed;
    let mut high = size(zone(1, ZoneKind::Normal), Pfn::new(8 * PAGES), 2 * PAGES, 2 * PAGES - 100);
    high.present = 2 * PAGES;
    let headless = size(zone(3, ZoneKind::Normal), Pfn::new(20 * PAGES), PAGES, PAGES);
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1, 2, 3],
        distance: vec![vec![10, 20, 30, 20], vec![20, 10, 20, 25], vec![30, 20, 10, 35], vec![20, 25, 35, 10]],
        cpus: [(0, vec![0]), (1, vec![1]), (2, vec![2])].into(),
        online: vec![0, 1, 3],
        has_cpu: vec![0, 1],
        has_memory: vec![0, 1, 3],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![low, middle, high, headless],
            tunables: Tunables {
                min_free_kbytes: 512,
                watermark_scale_factor: 10,
                lowmem_reserve_ratio: vec![256, 256, 32, 0],
            },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let list = vec![
        block(0, 0, MemoryBlockState::Shared),
        MemoryBlock { has_holes: true, ..block(1, 0, MemoryBlockState::Online(ZoneKind::Dma32)) },
        block(2, 0, MemoryBlockState::Online(ZoneKind::Dma32)),
        block(3, 0, MemoryBlockState::Offline),
        block(4, 0, MemoryBlockState::Offline),
        block(8, 1, MemoryBlockState::Online(ZoneKind::Normal)),
        block(9, 1, MemoryBlockState::Online(ZoneKind::Normal)),
        block(10, 1, MemoryBlockState::Offline),
        block(11, 1, MemoryBlockState::Offline),
    ];
    State::booted(machine, MemoryBlocks { pages: PAGES, list, ..MemoryBlocks::default() }, Rules::LINUX_6_1).unwrap()
}

/// A machine that publishes through a scheme that a test scripts.
type Running<H = ()> = RunningMachine<Hooked<H>>;

fn running<H: Hook>(scheme: Puppet<Snapshot>, hook: H) -> Running<H> {
    RunningMachine::new(state(), Hooked { published: Published::new(scheme), hook }).unwrap()
}

/// The allocator's part of a page provider.
trait Hook {
    fn isolate(&self, _: ZoneId, _: Range<Pfn>) -> Result<(), ProviderError> {
        Ok(())
    }

    fn finish_online(&self, _: ZoneId, _: Range<Pfn>) {}
}

impl Hook for () {}

/// A page provider that publishes, and calls a hook for pages.
struct Hooked<H> {
    published: Published<Puppet<Snapshot>>,
    hook: H,
}

impl<H: Hook> PageProvider for Hooked<H> {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        self.published.publish(lists).map(drop)
    }

    fn isolate(&self, _: &State, zone: ZoneId, frames: Range<Pfn>, _: &mut dyn Deadline) -> Result<(), ProviderError> {
        self.hook.isolate(zone, frames)
    }

    fn finish_online(&self, zone: ZoneId, frames: Range<Pfn>) {
        self.hook.finish_online(zone, frames);
    }
}

/// A hook that logs its calls, and refuses a block with a pinned page.
#[derive(Clone, Debug, Default)]
struct CallLog(Arc<Mutex<Vec<Call>>>);

/// A call, with the zone and the block.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Call {
    Isolate(ZoneId, u64),
    FinishOnline(ZoneId, u64),
}

impl CallLog {
    fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }
}

/// The block that has a pinned page.
const PINNED: u64 = 9;

/// The number of the block that begins with these frames.
fn block_of(frames: &Range<Pfn>) -> u64 {
    frames.start.number() / PAGES
}

impl Hook for CallLog {
    fn isolate(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), ProviderError> {
        if block_of(&frames) == PINNED {
            return Err(ProviderError::Pinned { pfn: frames.start + 7 });
        }
        self.0.lock().unwrap().push(Call::Isolate(zone, block_of(&frames)));
        Ok(())
    }

    fn finish_online(&self, zone: ZoneId, frames: Range<Pfn>) {
        self.0.lock().unwrap().push(Call::FinishOnline(zone, block_of(&frames)));
    }
}

fn online(block: u64, to: zonelist_core::hotplug::OnlineTo) -> Operation {
    Operation::Online { block: BlockId::new(block), to }
}

fn offline(block: u64) -> Operation {
    Operation::Offline { block: BlockId::new(block) }
}
