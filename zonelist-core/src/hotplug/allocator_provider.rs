//! The page allocator as a page provider: its parts, and how it is set up.
//!
//! Its operations are in `provider_operations`, and the metadata of removed nodes in `node_metadata`.
//!
//! `tests/all/hotplug/allocator_provider/refusals.rs` tests each reason to refuse a block that goes offline.
//! `oracle.rs` beside it compares random histories with a second implementation.

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use super::{backing::Backing, node_metadata::Synchronize, provider_error::ProviderError, state::State};
use crate::{
    NodeId, PageAllocator, Pfn, Zone,
    heap::NoMemory,
    ids::Order,
    locking::{Locked, Spin},
    page_alloc::{MigrationSource, SetupError},
    publish::{Platform, Published, Scheme, Standard},
    sync::atomic::AtomicUsize,
    zone::{PAGEBLOCK_FRAMES, ZoneError, ZoneMetadata},
};

/// What is attached to the frames of an [`AllocatorProvider`]: a source of movable pages, and the memory behind them.
///
/// A pair of both is one; `()` stands for none of a part.
pub trait Attachments {
    /// Moves pages out of frames that go offline: see [`AllocatorProvider::with_migration_source`].
    type Source: MigrationSource;
    /// The memory behind frames: see [`AllocatorProvider::with_backing`].
    type Backing: Backing;
}

impl<O: MigrationSource, K: Backing> Attachments for (O, K) {
    type Source = O;
    type Backing = K;
}

/// A page allocator whose memory a [`RunningMachine`](super::RunningMachine) puts online and offline.
///
/// A block goes offline in these steps:
///
/// ```text
/// isolate the block's pageblocks
/// drain the per-CPU pages of its zone, and disable them
/// loop
///     migrate the movable pages in the block (to other nodes, if these have memory)
///     if a page is pinned: undo all but the migrations, and fail
///     if no page is in use: done
///     if the deadline stops the wait: undo all but the migrations, and fail
/// ```
///
/// For the loop, the operation creates a [handle](crate::LocalHandle) that allocates the targets: it needs a reader slot
/// beside those of the threads, or fails with [`ProviderError::Reader`].
///
/// `A` is the source of movable pages and the memory behind the frames.
///
/// In a kernel, the [`RunningMachine`](super::RunningMachine) of this provider is in a static
/// ([`TakeCell`](crate::sync::TakeCell)), and never dropped. Then handles are `LocalHandle<'static, 'static, ..>`, and can
/// be in statics too: see the repository's `examples/kernel`.
///
/// The metadata of a removed node's zones, about 0.15 bytes a frame, is freed after a grace period where the scheme has
/// grace periods ([`AllocatorProvider::reclaiming`]). Otherwise it is kept until the node is added again, as in Linux.
///
/// ```
/// use zonelist_core::{
///     *,
///     hotplug::*,
///     page_alloc::{Handle, MovablePages, MoveError},
///     stop_world::StopWorld,
///     sync::Spin,
///     table::Slots,
///     topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
/// };
/// # fn state() -> State {
/// #     let node = NodeId::new(0).unwrap();
/// #     let zone = |node: u16| ZoneSize {
/// #         zone: ZoneId::new(NodeId::new(node).unwrap(), ZoneKind::Normal),
/// #         start_pfn: Pfn::new(u64::from(node) * 4096), spanned: 2048, present: 2048, managed: 2048,
/// #     };
/// #     let (machine, _) = Machine::new(MachineDescription {
/// #         possible: vec![0, 1], distance: vec![vec![10, 20], vec![20, 10]], online: vec![0, 1],
/// #         has_memory: vec![0, 1],
/// #         memory: Some(Memory {
/// #             page_bytes: 4096, pageblock_pages: 512, kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
/// #             zones: vec![zone(0), zone(1)],
/// #             tunables: Tunables {
/// #                 min_free_kbytes: 256, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0],
/// #             },
/// #         }),
/// #         ..MachineDescription::default()
/// #     }).unwrap();
/// #     let block = MemoryBlock {
/// #         number: BlockId::new(3), node: NodeId::new(1), state: MemoryBlockState::Offline, has_holes: false, memmap_pages: 0,
/// #     };
/// #     let blocks = MemoryBlocks { pages: 2048, list: vec![block], ..MemoryBlocks::default() };
/// #     State::booted(machine, blocks, Rules::LINUX_6_1).unwrap()
/// # }
/// // Two nodes, and block 3 of node 1, which is offline.
/// let state = state();
/// let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
/// let copy = |_: Handle, _from: &Page, _to: &Page| Ok::<_, MoveError>(()); // copies the bytes
/// let provider = AllocatorProvider::new(published, &state)?;
/// let provider = provider.with_migration_source(MovablePages::boxed(copy, 1000)).boot(&state)?;
/// let running = RunningMachine::new(state, provider)?;
/// running.apply(&Operation::Online { block: BlockId::new(3), to: OnlineTo::Movable })?;
///
/// let allocator = running.provider().allocator();
/// let movable = allocator.prepare(&PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable));
/// let mut local = allocator.local()?;
/// let page = local.alloc(NodeId::new(1).unwrap(), &movable)?;
/// assert_eq!(page.pfn().number() / 2048, 3, "it is in the block");
///
/// // The page is in use and not movable, so the block stays online.
/// let error = running.apply(&Operation::Offline { block: BlockId::new(3) }).unwrap_err();
/// assert_eq!(error.errno(), Errno::Busy);
/// // Behind a handle it can migrate: the block goes offline, and the handle stays valid.
/// let handle = running.provider().migration_source().insert(page)?;
/// running.apply(&Operation::Offline { block: BlockId::new(3) })?;
/// let page = running.provider().migration_source().remove(handle)?;
/// assert_eq!(allocator.zone_of(&page).map(|zone| zone.id().node()), NodeId::new(0));
/// local.free(page)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AllocatorProvider<'m, S, P: Platform = Standard, A: Attachments = ((), ())> {
    pub(super) allocator: PageAllocator<'m, S, P>,
    pub(super) source: A::Source,
    pub(super) backing: A::Backing,
    /// Waits for a grace period; `None` if metadata is kept.
    pub(super) synchronize: Option<Synchronize<S, P>>,
    /// How often the metadata of a removed node's zone was freed, and how often kept.
    pub(super) metadata_counts: [AtomicUsize; 2],
    /// Metadata to be freed after the next grace period that succeeds. The allocator has the lifetime `'m` of the
    /// memory that the metadata borrows.
    pub(super) deferred: Locked<Vec<ZoneMetadata<'static>>>,
}

impl<'m, S: Scheme, P: Platform<Lock: Default>> AllocatorProvider<'m, S, P> {
    /// An allocator with every zone that the machine can have, without frames until [`AllocatorProvider::boot`].
    ///
    /// A block that is added later must lie within the span of its node's blocks: see [`AllocatorProvider::with_room`].
    ///
    /// # Errors
    /// There is no zone, or a zone can't be created. The description leaves open which zone has some of the frames.
    /// Blocks are smaller than a pageblock, the unit of isolation (Linux has no such blocks). Or the heap has no room.
    pub fn new(published: Published<S, P>, state: &State) -> Result<Self, SetupError> {
        Self::with_room(published, state, &[])
    }

    /// The same as [`AllocatorProvider::new`], with room for blocks that are added later, also on nodes that have none
    /// yet. Empty ranges are ignored.
    ///
    /// Cost until a block of the node is online, for room of any length: a zone without metadata, and a
    /// [`PerCpuPages`](crate::page_alloc::PerCpuPages) for each reader slot and zone.
    ///
    /// # Errors
    /// As for [`AllocatorProvider::new`].
    pub fn with_room(
        published: Published<S, P>,
        state: &State,
        to_come: &[(NodeId, Range<Pfn>)],
    ) -> Result<Self, SetupError> {
        state.check_frame_owners()?;
        let pages = state.block_pages();
        if (1..PAGEBLOCK_FRAMES as u64).contains(&pages) {
            return Err(SetupError::BlockPages { pages });
        }
        // Zones without metadata: until a node is online its zones cost no memory for frames.
        let mut zones = Vec::new();
        for (id, span) in state.possible_zones(to_come) {
            let bytes = size_of::<Zone<'m, P::Lock>>();
            zones.try_reserve(1).map_err(|_| ZoneError::Heap { bytes })?;
            zones.push(Zone::without_metadata(id, span, Order::MAX, P::Lock::default())?);
        }
        Ok(Self::from_allocator(PageAllocator::boxed(published, zones)?))
    }
}

impl<'m, S: Scheme, P: Platform> AllocatorProvider<'m, S, P> {
    /// An allocator whose zones the caller has created and has added frames to.
    pub fn from_allocator(allocator: PageAllocator<'m, S, P>) -> Self {
        let metadata_counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let deferred = Locked::new(Spin::new(), Vec::new());
        Self { allocator, source: (), backing: (), synchronize: None, metadata_counts, deferred }
    }
}

impl<'m, S: Scheme, P: Platform, A: Attachments> AllocatorProvider<'m, S, P, A> {
    /// The same, with a source of movable pages.
    pub fn with_migration_source<N: MigrationSource>(self, source: N) -> AllocatorProvider<'m, S, P, (N, A::Backing)> {
        let Self { allocator, backing, synchronize, metadata_counts, deferred, .. } = self;
        AllocatorProvider { allocator, source, backing, synchronize, metadata_counts, deferred }
    }

    /// The same, with memory behind its frames.
    pub fn with_backing<J: Backing>(self, backing: J) -> AllocatorProvider<'m, S, P, (A::Source, J)> {
        let Self { allocator, source, synchronize, metadata_counts, deferred, .. } = self;
        AllocatorProvider { allocator, source, backing, synchronize, metadata_counts, deferred }
    }

    /// Adds the frames that the machine has booted with: all frames that its zones manage ([`State::managed_frames`]).
    ///
    /// # Errors
    /// There is no memory for the frames, a zone has one of them already, or the description leaves open which zone has
    /// some of them.
    pub fn boot(self, state: &State) -> Result<Self, ProviderError> {
        state.check_frame_owners()?;
        for id in state.zones().map(|info| info.size.zone) {
            for frames in state.managed_parts(id).map_err(|NoMemory| ProviderError::Heap)? {
                self.zone(id)?.attach_metadata()?;
                self.add(id, &frames)?;
            }
        }
        Ok(self)
    }

    /// The allocator.
    #[must_use]
    pub fn allocator(&self) -> &PageAllocator<'m, S, P> {
        &self.allocator
    }

    /// The source of movable pages.
    #[must_use]
    pub fn migration_source(&self) -> &A::Source {
        &self.source
    }

    /// The memory behind the frames.
    #[must_use]
    pub fn backing(&self) -> &A::Backing {
        &self.backing
    }
}

impl<S: fmt::Debug, P: Platform, A: Attachments<Source: fmt::Debug, Backing: fmt::Debug>> fmt::Debug
    for AllocatorProvider<'_, S, P, A>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allocator, source, backing, .. } = self;
        let f = &mut f.debug_struct("AllocatorProvider");
        f.field("allocator", allocator).field("source", source).field("backing", backing).finish_non_exhaustive()
    }
}
