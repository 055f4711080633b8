//! The page allocator as a page provider.
//!
//! Frames are isolated by whole pageblocks of a zone. A range that shares a pageblock with other frames that the zone
//! manages is refused, so no other frame is ever isolated with it.
//!
//! Each reason for refusing to offline a block is tested in `tests/all/hotplug/allocator_provider/refusals.rs`, and
//! random histories against a model in `oracle.rs` beside it.

use alloc::vec::Vec;
use core::{array, mem, ops::Range};

use super::{
    backing::Backing, deadline::Deadline, migration_targets::TargetAllocator, provider::PageProvider,
    provider_error::ProviderError, state::State, undo::Undo,
};
use crate::{
    Locked, MAX_ORDER, MigrationSource, NodeId, PAGEBLOCK_FRAMES, PageAllocator, RangeError, RawLock, SetupError, Spin,
    Zone, ZoneError, ZoneId, ZoneKind, ZoneMetadata, ZoneWatermarks, Zonelists,
    heap::NoMemory,
    publish::{Barrier, FullFence, PublishError, Published, Reclaim, Scheme, WaitError},
    sync::{
        Backoff,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// A page allocator to which a [`RunningMachine`](super::RunningMachine) brings memory, and from which it removes memory.
///
/// A block goes offline in these steps:
///
/// ```text
/// isolate the block's pageblocks
/// drain the per-CPU pages of its zone, and disable them
/// loop
///     migrate the movable pages in the block (to other nodes, if these have memory)
///     if no page is in use: done
///     if a page is pinned, or the limit says stop: undo all but the migrations
/// ```
///
/// `O` is the source of movable pages, `K` the memory behind the frames.
///
/// The metadata of a removed node's zones, about 0.15 bytes a frame, is freed after a grace period where the scheme has
/// grace periods ([`AllocatorProvider::reclaiming`]). Otherwise it is kept for when the node comes again, as Linux does.
///
/// ```
/// use zonelist_core::{*, hotplug::*, publish::{FullFence, Published}};
/// # fn state() -> State {
/// #     let node = NodeId::new(0).unwrap();
/// #     let zone = |node: u16| ZoneSize {
/// #         zone: ZoneId::new(NodeId::new(node).unwrap(), ZoneKind::Normal),
/// #         start_pfn: u64::from(node) * 4096, spanned: 2048, present: 2048, managed: 2048,
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
/// #         number: 3, node: NodeId::new(1), state: MemoryBlockState::Offline, has_holes: false, memmap_pages: 0,
/// #     };
/// #     let blocks = MemoryBlocks { pages: 2048, list: vec![block], ..MemoryBlocks::default() };
/// #     State::booted(machine, blocks, Rules::LINUX_6_1).unwrap()
/// # }
/// // Two nodes, and block 3 of node 1, which is offline.
/// let state = state();
/// let published: Published<_, FullFence, 8> = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
/// let copy = |_: Handle, _from: Page, _to: Page| Ok::<_, MoveError>(()); // copies the bytes
/// let frames: AllocatorProvider<'_, _, _, Spin, 8> = AllocatorProvider::new(published, &state)?;
/// let frames = frames.with_migration_source(MovablePages::boxed(copy, 1000)).boot(&state)?;
/// let running = RunningMachine::new(state, frames)?;
/// running.apply(&Operation::Online { block: 3, to: OnlineTo::Movable })?;
///
/// let allocator = running.provider().allocator();
/// let movable = allocator.prepare(&PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable))?;
/// let mut local = allocator.local()?;
/// let page = local.alloc(NodeId::new(1).unwrap(), &movable)?;
/// assert_eq!(page.pfn() / 2048, 3, "it is in the block");
///
/// // The page is in use and not movable, so the block stays online.
/// let error = running.apply(&Operation::Offline { block: 3 }).unwrap_err();
/// assert_eq!(error.errno(), Errno::Busy);
/// // Behind a handle it can migrate: the block goes offline, and the handle stays valid.
/// let handle = running.provider().migration_source().insert(page)?;
/// running.apply(&Operation::Offline { block: 3 })?;
/// let page = running.provider().migration_source().remove(handle)?;
/// assert_eq!(allocator.zone_of(page).map(|zone| zone.id().node()), NodeId::new(0));
/// local.free(page)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AllocatorProvider<'m, S, B = FullFence, L = Spin, const READERS: usize = 64, O = (), K = ()> {
    allocator: PageAllocator<'m, S, B, L, READERS>,
    source: O,
    backing: K,
    synchronize: Option<Synchronize<S, B, READERS>>,
    /// The metadata of removed nodes' zones, in number: freed, kept.
    metadata_counts: [AtomicUsize; 2],
    /// To be freed after the next grace period that succeeds. The allocator has the lifetime `'m` of what they borrow.
    deferred: Locked<Vec<ZoneMetadata<'static>>>,
}

/// [`Published::synchronize`], where the scheme has it.
type Synchronize<S, B, const READERS: usize> = fn(&Published<S, B, READERS>) -> Result<(), WaitError>;

/// Counts the metadata of zones whose nodes were removed, by what became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MetadataStatistics {
    /// Freed.
    pub freed: usize,
    /// Kept for when the node comes again.
    pub kept: usize,
    /// Not freed yet, since the barrier pair failed: freed when the next node is removed.
    pub deferred: usize,
}

impl<'m, S: Scheme, B: Barrier, L: RawLock + Default, const READERS: usize> AllocatorProvider<'m, S, B, L, READERS> {
    /// An allocator with every zone that the machine can have, without frames until [`AllocatorProvider::boot`].
    ///
    /// A block that is added later must lie within the span of its node's blocks: see [`AllocatorProvider::with_room`].
    ///
    /// # Errors
    /// There is no zone, or one can't be created. The description leaves open which zone has some frames. Blocks are
    /// smaller than a pageblock, the unit of isolation (Linux has no such blocks). Or the heap has no room.
    pub fn new(published: Published<S, B, READERS>, state: &State) -> Result<Self, SetupError> {
        Self::with_room(published, state, &[])
    }

    /// The same as [`AllocatorProvider::new`], with room for blocks to come, also on nodes that have none yet. Empty ranges
    /// are ignored.
    ///
    /// Until a block of the node is online, room costs a zone without metadata, and a [`PerCpuPages`](crate::PerCpuPages) for
    /// each reader slot and zone, whatever its length.
    ///
    /// # Errors
    /// As for [`AllocatorProvider::new`].
    pub fn with_room(
        published: Published<S, B, READERS>,
        state: &State,
        to_come: &[(NodeId, Range<u64>)],
    ) -> Result<Self, SetupError> {
        state.check_frame_owners()?;
        let pages = state.block_pages();
        if (1..PAGEBLOCK_FRAMES as u64).contains(&pages) {
            return Err(SetupError::BlockPages { pages });
        }
        let mut zones = Vec::new();
        for (id, span) in state.possible_zones(to_come) {
            let bytes = size_of::<Zone<'m, L>>();
            zones.try_reserve(1).map_err(|_| ZoneError::Heap { bytes })?;
            zones.push(Zone::without_metadata(id, span, MAX_ORDER, L::default())?);
        }
        Ok(Self::from_allocator(PageAllocator::boxed(published, zones)?))
    }
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> AllocatorProvider<'m, S, B, L, READERS> {
    /// An allocator whose zones the caller has created, and given frames.
    pub fn from_allocator(allocator: PageAllocator<'m, S, B, L, READERS>) -> Self {
        let metadata_counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let deferred = Locked::new(Spin::new(), Vec::new());
        Self { allocator, source: (), backing: (), synchronize: None, metadata_counts, deferred }
    }
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const READERS: usize, O: MigrationSource, K: Backing>
    AllocatorProvider<'m, S, B, L, READERS, O, K>
{
    /// The same, with a source of movable pages.
    pub fn with_migration_source<P: MigrationSource>(self, source: P) -> AllocatorProvider<'m, S, B, L, READERS, P, K> {
        let Self { allocator, backing, synchronize, metadata_counts, deferred, .. } = self;
        AllocatorProvider { allocator, source, backing, synchronize, metadata_counts, deferred }
    }

    /// The same, with memory behind its frames.
    pub fn with_backing<J: Backing>(self, backing: J) -> AllocatorProvider<'m, S, B, L, READERS, O, J> {
        let Self { allocator, source, synchronize, metadata_counts, deferred, .. } = self;
        AllocatorProvider { allocator, source, backing, synchronize, metadata_counts, deferred }
    }

    /// The same, except that the metadata of a removed node's zones is freed after a grace period.
    #[must_use]
    pub fn reclaiming(mut self) -> Self
    where
        S: Reclaim,
    {
        self.synchronize = Some(Published::synchronize);
        self
    }

    /// Adds the frames that the machine has booted with: all that its zones manage ([`State::managed_frames`]).
    ///
    /// # Errors
    /// There is no memory for them, a zone has one of them already, or the description leaves open which zone has them.
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
    pub fn allocator(&self) -> &PageAllocator<'m, S, B, L, READERS> {
        &self.allocator
    }

    /// The source of movable pages.
    #[must_use]
    pub fn migration_source(&self) -> &O {
        &self.source
    }

    /// The memory behind the frames.
    #[must_use]
    pub fn backing(&self) -> &K {
        &self.backing
    }

    /// Counts the metadata of zones whose nodes were removed, by what became of it.
    #[must_use]
    pub fn metadata_statistics(&self) -> MetadataStatistics {
        let [freed, kept] = &self.metadata_counts;
        let deferred = self.deferred.with(|metadata| metadata.len());
        MetadataStatistics { freed: freed.load(Relaxed), kept: kept.load(Relaxed), deferred }
    }

    /// Frees the metadata of a node's zones, at most one of each kind, after a grace period; or defers that.
    fn free_after_grace_period(
        &self,
        synchronize: Synchronize<S, B, READERS>,
        metadata: [Option<ZoneMetadata<'m>>; ZoneKind::COUNT],
    ) {
        let [freed, kept] = &self.metadata_counts;
        let count = metadata.iter().flatten().count();
        let Err(error) = synchronize(self.allocator.published()) else {
            let deferred = self.deferred.with(mem::take);
            freed.fetch_add(count + deferred.len(), Relaxed);
            return;
        };
        self.deferred.with(|deferred| {
            // No room to remember it: it is leaked, since a walk may still come to it.
            if deferred.try_reserve(count).is_err() {
                kept.fetch_add(count, Relaxed);
                return mem::forget(metadata);
            }
            for metadata in metadata.into_iter().flatten() {
                // SAFETY: the longer lifetime is never used. The metadata is only dropped, at the latest with the
                // allocator, whose type has `'m`; the drop frees heap memory and does not access borrowed memory.
                deferred.push(unsafe { mem::transmute::<ZoneMetadata<'m>, ZoneMetadata<'static>>(metadata) });
            }
        });
        // The node is removed all the same, so the next publish or drain reports the failure.
        self.allocator.published().defer_report(error);
    }

    fn zone(&self, zone: ZoneId) -> Result<&Zone<'m, L>, ProviderError> {
        self.allocator.zone(zone).ok_or(ProviderError::NoZone { zone })
    }

    /// Adds frames to a zone, and commits memory behind them. The zone comes first: it refuses frames of another zone, whose
    /// memory must not change.
    fn add(&self, id: ZoneId, frames: &Range<u64>) -> Result<(), ProviderError> {
        let zone = self.zone(id)?;
        zone.add(frames.clone())?;
        let added = Undo::by(|| {
            // Succeeds, since no frame is allocated yet: they are isolated, or the machine has no handle yet.
            let _ = zone.remove(frames.clone());
        });
        self.backing.commit(id, frames.clone())?;
        added.keep();
        Ok(())
    }

    /// Migrates pages and waits for others, until all of these isolated frames are free.
    fn wait_until_free(
        &self,
        state: &State,
        zone: &Zone<'m, L>,
        frames: &Range<u64>,
        limit: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        let mut targets = TargetAllocator::new(&self.allocator, state, zone.id().node())?;
        let mut backoff = Backoff::default();
        loop {
            // Again in each round: a page may have come behind a handle, or its user may have let go of it.
            let moved = self.source.move_away(frames, &mut targets);
            moved.map_err(|pinned| ProviderError::Pinned { pfn: pinned.pfn })?;
            let Some(pfn) = zone.first_in_use(frames.clone())? else { return Ok(()) };
            limit.check().map_err(|why| ProviderError::InUse { pfn, why })?;
            backoff.wait();
        }
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize, O: MigrationSource, K: Backing> PageProvider
    for AllocatorProvider<'_, S, B, L, READERS, O, K>
{
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        self.allocator.published().publish(lists).map(drop)
    }

    fn set_watermarks(&self, state: &State) {
        let kinds = &state.memory().kinds;
        for info in state.zones() {
            let Some(zone) = self.allocator.zone(info.size.zone) else { continue };
            let mut watermarks = ZoneWatermarks {
                min: info.watermarks.min,
                low: info.watermarks.low,
                high: info.watermarks.high,
                ..ZoneWatermarks::default()
            };
            for (kind, &pages) in kinds.iter().zip(info.reserve) {
                watermarks.reserve[kind.index()] = pages;
            }
            zone.set_watermarks(&watermarks);
        }
    }

    fn prepare_online(&self, id: ZoneId, frames: Range<u64>) -> Result<(), ProviderError> {
        let zone = self.allocator.zone(id);
        let room = zone.map(|zone| (zone.span().start, zone.span().end));
        let fits = room.is_some_and(|(start, end)| start <= frames.start && frames.end <= end);
        let Some(zone) = zone.filter(|_| fits) else {
            return Err(ProviderError::NoRoom { zone: id, frames: (frames.start, frames.end), room });
        };
        zone.attach_metadata()?;
        let blocks = own_pageblocks(zone, &frames)?;
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| unisolate(zone, &blocks));
        self.add(id, &frames)?;
        isolated.keep();
        Ok(())
    }

    fn finish_online(&self, zone: ZoneId, frames: Range<u64>) {
        if let Ok(zone) = self.zone(zone) {
            unisolate(zone, &pageblocks(zone, &frames));
        }
    }

    fn isolate(
        &self,
        state: &State,
        id: ZoneId,
        frames: Range<u64>,
        limit: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        let zone = self.zone(id)?;
        // A frame that the zone does not manage is reserved: no user can free it, so no wait would end.
        if let Some(pfn) = zone.first_unmanaged(&frames) {
            return Err(ProviderError::Pinned { pfn });
        }
        let blocks = own_pageblocks(zone, &frames)?;
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| unisolate(zone, &blocks));
        self.allocator.without_caches(id, || self.wait_until_free(state, zone, &frames, limit))??;
        isolated.keep();
        Ok(())
    }

    fn offline(&self, id: ZoneId, frames: Range<u64>) {
        let Ok(zone) = self.zone(id) else { return };
        // Also after a panic of the backing: otherwise the pageblocks would stay isolated for good.
        let _unisolated = Undo::by(|| unisolate(zone, &pageblocks(zone, &frames)));
        // Succeeds after `take`: the frames are free, and isolated, so none has been allocated since.
        if zone.remove(frames.clone()).is_ok() {
            self.backing.release(id, frames.clone());
        }
    }

    fn operation_finished(&self) {
        self.allocator.report_deferred_low();
    }

    /// Under any scheme, a walk over an old list that comes to such a zone finds under its lock that it has no metadata.
    fn remove_node(&self, node: NodeId) {
        let [_, kept] = &self.metadata_counts;
        let mut zones = self.allocator.zones().iter().filter(|zone| zone.id().node() == node && zone.has_metadata());
        match self.synchronize {
            Some(synchronize) => {
                self.free_after_grace_period(synchronize, array::from_fn(|_| zones.find_map(Zone::detach_metadata)))
            }
            None => {
                kept.fetch_add(zones.count(), Relaxed);
            }
        }
    }
}

/// The pageblocks that contain the frames, within the zone's span.
fn pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<u64>) -> Range<u64> {
    let (span, block) = (zone.span(), PAGEBLOCK_FRAMES as u64);
    let end = frames.end.min(span.end).next_multiple_of(block);
    (frames.start / block * block).max(span.start)..end.min(span.end)
}

/// The pageblocks that contain the frames, unless the zone manages other frames there: those would be isolated as well.
fn own_pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<u64>) -> Result<Range<u64>, RangeError> {
    let &Range { start, end } = frames;
    let blocks = pageblocks(zone, frames);
    let others = [blocks.start..start, end..blocks.end];
    if others.iter().any(|others| zone.first_managed(others).is_some()) {
        return Err(RangeError::Unaligned { start, end });
    }
    Ok(blocks)
}

/// Ends the isolation of pageblocks, where they are isolated.
fn unisolate<L: RawLock>(zone: &Zone<'_, L>, blocks: &Range<u64>) {
    if zone.unisolate(blocks.clone()).is_ok() {
        return;
    }
    // The caller's range differs from the one it has isolated, and some pageblocks are not isolated: one by one.
    let mut start = blocks.start;
    while start < blocks.end {
        let end = (start + 1).next_multiple_of(PAGEBLOCK_FRAMES as u64).min(blocks.end);
        let _ = zone.unisolate(start..end);
        start = end;
    }
}
