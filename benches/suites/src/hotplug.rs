//! A machine of one node, one of whose memory blocks goes online and offline.

use std::error::Error;

use zonelist_core::{
    NodeId, Pfn, ZoneId, ZoneKind,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, RunningMachine,
        State,
    },
    publish::{Platform, Published, ReaderSlots, Scheme},
    sync::Spin,
    table::Capacity,
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

/// Takes the block online and offline.
pub(crate) type Toggle = Box<dyn FnMut()>;

/// Page frames of the zone that boot has made.
const PAGES: u64 = 1 << 18;

/// Page frames of a memory block.
const BLOCK_PAGES: u64 = 1 << 15;

/// Sets up the machine. The block is Movable while it is online.
pub(crate) fn toggle<S: Scheme + Send + 'static, P: Platform<Lock = Spin>>(scheme: impl Fn(Capacity) -> S) -> Toggle {
    let block = BlockId::new(PAGES / BLOCK_PAGES);
    let running = running::<S, P>(block, scheme).unwrap_or_else(|error| panic!("{}: {error}", S::FACTS.scheme));
    Box::new(move || {
        for operation in [Operation::Online { block, to: OnlineTo::Movable }, Operation::Offline { block }] {
            running.apply(&operation).unwrap_or_else(|error| panic!("{}: {error}", S::FACTS.scheme));
        }
    })
}

fn running<S: Scheme + 'static, P: Platform<Lock = Spin>>(
    block: BlockId,
    scheme: impl Fn(Capacity) -> S,
) -> Result<RunningMachine<AllocatorProvider<'static, S, P>>, Box<dyn Error>> {
    let node = NodeId::new(0).expect("below the limit");
    let zone = ZoneId::new(node, ZoneKind::Normal);
    let normal = ZoneSize { zone, start_pfn: Pfn::new(0), spanned: PAGES, present: PAGES, managed: PAGES };
    let tunables = Tunables { min_free_kbytes: 4096, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] };
    let memory = Memory {
        page_bytes: 4096,
        pageblock_pages: 512,
        kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
        zones: vec![normal],
        tunables,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        memory: Some(memory),
        ..MachineDescription::default()
    })?;
    let offline = MemoryBlock {
        number: block,
        node: Some(node),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    let blocks = MemoryBlocks { pages: BLOCK_PAGES, list: vec![offline], ..MemoryBlocks::default() };
    let state = State::booted(machine, blocks, Rules::LINUX_6_1)?;
    let published = Published::with_platform(scheme(state.capacity()), ReaderSlots::boxed(1));
    let provider = AllocatorProvider::new(published, &state)?.boot(&state)?;
    Ok(RunningMachine::new(state, provider)?)
}
