//! Small allocators over any scheme, and a machine with a memory block to put online and offline.

use std::sync::Arc;

use zonelist_core::{
    LocalHandle, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{self, Movable, Normal},
    Zonelists, Zoneref,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, RunningMachine,
        State,
    },
    page_alloc::{Handle as MovableHandle, MovablePages, MoveError, PreparedRequest},
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
    zone::{Order, Urgency},
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_schemes::{Buildable, SchemeId};

pub(crate) const NODE: NodeId = NodeId::new(0).unwrap();
pub(crate) const ZONES: [ZoneId; 2] = [ZoneId::new(NODE, Movable), ZoneId::new(NODE, Normal)];
pub(crate) const CAPACITY: Capacity = Capacity::new(1, 2).unwrap();
pub(crate) const READERS: usize = 4;

pub(crate) type Allocator<S, P> = PageAllocator<'static, S, P>;
pub(crate) type Handle<'a, S, P> = LocalHandle<'a, 'static, S, P>;

/// One scheme of each protocol between readers and writers; in the long set, all.
pub(crate) fn chosen() -> Vec<SchemeId> {
    if zonelist_verify::is_long() { SchemeId::all() } else { SchemeId::one_of_each_protocol() }
}

/// The lists with both zones, or with the Normal zone only.
pub(crate) fn lists(both: bool) -> Zonelists {
    let zonerefs = ZONES.map(Zoneref::new);
    let zonerefs = if both { &zonerefs[..] } else { &zonerefs[1..] };
    ZonelistsRef::new(zonerefs, &[NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }]).unwrap().into()
}

/// An allocator over these zones with `frames` page frames each. It is leaked.
pub(crate) fn allocator<S: Buildable, P: Platform<Lock = Spin>>(
    zones: &[ZoneId],
    frames: u64,
) -> &'static Allocator<S, P> {
    let zone = |(number, &id): (u64, &ZoneId)| {
        let span = number * frames..(number + 1) * frames;
        let zone = Zone::boxed(id, Pfn::range(span.clone()), Order::PAGEBLOCK, Spin::new()).unwrap();
        zone.add(Pfn::range(span)).unwrap();
        zone
    };
    let published = Published::with_platform(S::build(CAPACITY), ReaderSlots::boxed(READERS));
    published.publish(&lists(true)).unwrap();
    Box::leak(Box::new(PageAllocator::boxed(published, (0..).zip(zones).map(zone).collect()).unwrap()))
}

/// Prepares a request.
pub(crate) fn prepared<S: Buildable, P: Platform<Lock = Spin>>(
    allocator: &Allocator<S, P>,
    highest: ZoneKind,
    order: Order,
) -> PreparedRequest<S> {
    allocator.prepare(&PageRequest::up_to(highest).order(order))
}

/// Prepares a request that must not block.
pub(crate) fn urgent<S: Buildable, P: Platform<Lock = Spin>>(
    allocator: &Allocator<S, P>,
    highest: ZoneKind,
) -> PreparedRequest<S> {
    allocator.prepare(&PageRequest::up_to(highest).urgency(Urgency::NON_BLOCKING))
}

/// Allocates all pages that are left.
pub(crate) fn all<S: Buildable, P: Platform<Lock = Spin>>(
    handle: &mut Handle<'_, S, P>,
    prepared: &PreparedRequest<S>,
) -> Vec<Page> {
    std::iter::from_fn(|| handle.alloc(NODE, prepared).ok()).collect()
}

/// The callback that migrates a page.
pub(crate) type Migrate = fn(MovableHandle, &Page, &Page) -> Result<(), MoveError>;
pub(crate) type Provider<S, P> = AllocatorProvider<'static, S, P, (MovablePages<'static, Migrate>, ())>;
pub(crate) type Running<S, P> = RunningMachine<Provider<S, P>>;

/// Page frames of a memory block.
const PAGES: u64 = 512;
/// The memory block to put online and offline.
const BLOCK: BlockId = BlockId::new(2);

pub(crate) const ONLINE: Operation = Operation::Online { block: BLOCK, to: OnlineTo::Movable };
pub(crate) const OFFLINE: Operation = Operation::Offline { block: BLOCK };

/// A machine of one node with a Normal zone, and an offline memory block after it.
pub(crate) fn machine<S: Buildable, P: Platform<Lock = Spin>>() -> Arc<Running<S, P>> {
    let size =
        ZoneSize { zone: ZONES[1], start_pfn: Pfn::new(0), spanned: 2 * PAGES, present: 2 * PAGES, managed: 2 * PAGES };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![Normal, Movable],
            zones: vec![size],
            tunables: Tunables { min_free_kbytes: 128, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let block = MemoryBlock {
        number: BLOCK,
        node: Some(NODE),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    let blocks = MemoryBlocks { pages: PAGES, list: vec![block], ..MemoryBlocks::default() };
    let state = State::booted(machine, blocks, Rules::LINUX_6_1).unwrap();
    let provider = AllocatorProvider::new(
        Published::with_platform(S::build(state.capacity()), ReaderSlots::boxed(READERS)),
        &state,
    )
    .unwrap();
    let provider =
        provider.with_migration_source(MovablePages::boxed((|_, _, _| Ok(())) as Migrate, 8)).boot(&state).unwrap();
    Arc::new(RunningMachine::new(state, provider).unwrap())
}
