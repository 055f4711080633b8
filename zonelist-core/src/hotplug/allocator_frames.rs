//! A page allocator whose memory comes and goes.
//!
//! Pages and blocks come and go by whole pageblocks of a zone. A range of frames that shares one with others that the
//! zone manages is refused, so that nothing else is ever out of reach with it.
//!
//! Every way in which it refuses to give up a block is in `tests/all/offline/refused.rs`, and random
//! histories against a plain model are in `tests/all/offline/naive.rs`.

use alloc::vec::Vec;
use core::{array, mem, ops::Range};

use super::{Backing, Frames, FramesError, Limit, State, elsewhere::Elsewhere, undo::Undo};
use crate::{
    Locked, MAX_ORDER, Marks, NodeId, Owners, PAGEBLOCK_FRAMES, PageAllocator, RangeError, RawLock, SetupError, Spin,
    Zone, ZoneError, ZoneId, ZoneKind, ZoneMetadata, Zonelists,
    heap::NoMemory,
    publish::{Barrier, FullFence, PublishError, Published, Reclaim, Scheme, WaitError},
    sync::{
        Backoff,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// A page allocator, as a [`RunningMachine`](super::RunningMachine) brings memory to it and takes it away.
///
/// A block that goes off line is isolated first; all caches of its zone are drained and kept off;
/// pages that their `O`wners can move are moved to other nodes; for the rest it is waited, and if
/// that takes too long or some page is pinned, all is undone but the moves. `K` is the memory behind
/// the frames.
///
/// What is kept for the zones of a node that is removed, some 0.15 byte a frame, is given back to
/// the heap after a grace period where the scheme knows of such ([`AllocatorFrames::reclaiming`]),
/// and else kept, in case the node comes again: Linux keeps it for ever.
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
/// #     let block = Block {
/// #         number: 3, node: NodeId::new(1), state: BlockState::Offline, has_holes: false, memmap_pages: 0,
/// #     };
/// #     let blocks = Blocks { pages: 2048, list: vec![block], ..Blocks::default() };
/// #     State::booted(machine, blocks, Rules::LINUX_6_1).unwrap()
/// # }
/// // Two nodes, and block 3 of node 1, which is off line.
/// let state = state();
/// let published: Published<_, FullFence, 8> = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
/// let copy = |_: Handle, _from: Page, _to: Page| Ok::<_, MoveError>(()); // copies the bytes
/// let frames: AllocatorFrames<'_, _, _, Spin, 8> = AllocatorFrames::of(published, &state)?;
/// let frames = frames.with_owners(Movables::boxed(copy, 1000)).boot(&state)?;
/// let running = RunningMachine::new(state, frames)?;
/// running.apply(&Operation::Online { block: 3, to: OnlineTo::Movable })?;
///
/// let allocator = running.frames().allocator();
/// let movable = allocator.class(&PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable))?;
/// let mut local = allocator.local()?;
/// let page = local.alloc(NodeId::new(1).unwrap(), &movable)?;
/// assert_eq!(page.pfn() / 2048, 3, "it is of the block");
///
/// // Nobody but us can tell when we are done with it, so the block can't go.
/// let error = running.apply(&Operation::Offline { block: 3 }).unwrap_err();
/// assert_eq!(error.errno(), Errno::Busy);
/// // As a handle it can be moved: the block goes, and the handle stays.
/// let handle = running.frames().owners().insert(page)?;
/// running.apply(&Operation::Offline { block: 3 })?;
/// let page = running.frames().owners().remove(handle)?;
/// assert_eq!(allocator.zone_of(page).map(|zone| zone.id().node()), NodeId::new(0));
/// local.free(page)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AllocatorFrames<'m, S, B = FullFence, L = Spin, const SEATS: usize = 64, O = (), K = ()> {
    allocator: PageAllocator<'m, S, B, L, SEATS>,
    owners: O,
    backing: K,
    synchronize: Option<Synchronize<S, B, SEATS>>,
    /// Of zones whose nodes were removed: those freed, those kept.
    structures: [AtomicUsize; 2],
    /// To be freed, when a grace period can be waited for again.
    /// Which `'m` they are of, the allocator says.
    put_off: Locked<Vec<ZoneMetadata<'static>>>,
}

/// [`Published::synchronize`], where the scheme has it.
type Synchronize<S, B, const SEATS: usize> = fn(&Published<S, B, SEATS>) -> Result<(), WaitError>;

/// What became of the metadata of zones whose nodes were removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Structures {
    /// Given back, so often.
    pub freed: usize,
    /// Kept, so often.
    pub kept: usize,
    /// Still kept, since the barrier pair failed: to be freed when the next node is removed.
    pub put_off: usize,
}

impl<'m, S: Scheme, B: Barrier, L: RawLock + Default, const SEATS: usize> AllocatorFrames<'m, S, B, L, SEATS> {
    /// An allocator with every zone that the machine can have, still without a frame: [`AllocatorFrames::boot`].
    ///
    /// A block that is added later must lie between those that its node has: see [`AllocatorFrames::with_room`].
    ///
    /// # Errors
    /// A zone can't be made, or there is none; nothing says whose some frames are; blocks are smaller than a pageblock,
    /// in which frames come and go (Linux has no such blocks); or the heap has no room.
    pub fn of(published: Published<S, B, SEATS>, state: &State) -> Result<Self, SetupError> {
        Self::with_room(published, state, &[])
    }

    /// The same, with room for blocks that are to come, also of nodes that have none yet; empty ranges are none. Until a
    /// block of the node is online room costs a name and a [`PageCache`](crate::PageCache) for each seat and zone, whatever its length.
    ///
    /// # Errors
    /// As for [`AllocatorFrames::of`].
    pub fn with_room(
        published: Published<S, B, SEATS>,
        state: &State,
        to_come: &[(NodeId, Range<u64>)],
    ) -> Result<Self, SetupError> {
        state.owners_known()?;
        let pages = state.block_pages();
        if (1..PAGEBLOCK_FRAMES as u64).contains(&pages) {
            return Err(SetupError::BlockPages { pages });
        }
        let mut zones = Vec::new();
        for (id, span) in state.possible_zones(to_come) {
            let bytes = size_of::<Zone<'m, L>>();
            zones.try_reserve(1).map_err(|_| ZoneError::Heap { bytes })?;
            zones.push(Zone::vacant(id, span, MAX_ORDER, L::default())?);
        }
        Ok(Self::over(PageAllocator::boxed(published, zones)?))
    }
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> AllocatorFrames<'m, S, B, L, SEATS> {
    /// An allocator whose zones the caller has made, and filled.
    pub fn over(allocator: PageAllocator<'m, S, B, L, SEATS>) -> Self {
        let structures = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let put_off = Locked::new(Spin::new(), Vec::new());
        Self { allocator, owners: (), backing: (), synchronize: None, structures, put_off }
    }
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize, O: Owners, K: Backing>
    AllocatorFrames<'m, S, B, L, SEATS, O, K>
{
    /// The same, with owners of movable pages.
    pub fn with_owners<P: Owners>(self, owners: P) -> AllocatorFrames<'m, S, B, L, SEATS, P, K> {
        let Self { allocator, backing, synchronize, structures, put_off, .. } = self;
        AllocatorFrames { allocator, owners, backing, synchronize, structures, put_off }
    }

    /// The same, with memory behind its frames.
    pub fn with_backing<J: Backing>(self, backing: J) -> AllocatorFrames<'m, S, B, L, SEATS, O, J> {
        let Self { allocator, owners, synchronize, structures, put_off, .. } = self;
        AllocatorFrames { allocator, owners, backing, synchronize, structures, put_off }
    }

    /// The same, but what is kept for the zones of a node that is removed is freed after a grace period.
    #[must_use]
    pub fn reclaiming(mut self) -> Self
    where
        S: Reclaim,
    {
        self.synchronize = Some(Published::synchronize);
        self
    }

    /// Brings the frames that the machine has booted with: all that its zones manage ([`State::frames_of`]).
    ///
    /// # Errors
    /// There is no memory for them, one of them is some zone's already, or nothing says whose they are.
    pub fn boot(self, state: &State) -> Result<Self, FramesError> {
        state.owners_known()?;
        for id in state.zones().map(|info| info.size.zone) {
            for frames in state.managed_parts(id).map_err(|NoMemory| FramesError::Heap)? {
                self.zone(id)?.furnish()?;
                self.add(id, &frames)?;
            }
        }
        Ok(self)
    }

    /// The allocator.
    #[must_use]
    pub fn allocator(&self) -> &PageAllocator<'m, S, B, L, SEATS> {
        &self.allocator
    }

    /// Those whose pages can be moved.
    #[must_use]
    pub fn owners(&self) -> &O {
        &self.owners
    }

    /// The memory behind the frames.
    #[must_use]
    pub fn backing(&self) -> &K {
        &self.backing
    }

    /// What became of the metadata of zones whose nodes were removed.
    #[must_use]
    pub fn structures(&self) -> Structures {
        let [freed, kept] = &self.structures;
        let put_off = self.put_off.with(|metadata| metadata.len());
        Structures { freed: freed.load(Relaxed), kept: kept.load(Relaxed), put_off }
    }

    /// Frees what a node's zones had, one of each kind at most, once no walk can come by it; or puts it off.
    fn free_behind_walks(
        &self,
        synchronize: Synchronize<S, B, SEATS>,
        metadata: [Option<ZoneMetadata<'m>>; ZoneKind::COUNT],
    ) {
        let [freed, kept] = &self.structures;
        let count = metadata.iter().flatten().count();
        let Err(error) = synchronize(self.allocator.published()) else {
            let put_off = self.put_off.with(mem::take);
            freed.fetch_add(count + put_off.len(), Relaxed);
            return;
        };
        self.put_off.with(|put_off| {
            if put_off.try_reserve(count).is_err() {
                kept.fetch_add(count, Relaxed);
                return mem::forget(metadata);
            }
            for metadata in metadata.into_iter().flatten() {
                // SAFETY: it is only dropped, with the allocator or before, which gives back what is of the heap and does
                // not touch what the caller gave.
                put_off.push(unsafe { mem::transmute::<ZoneMetadata<'m>, ZoneMetadata<'static>>(metadata) });
            }
        });
        // The node is gone all the same. The next publish or drain reports what failed.
        self.allocator.published().put_off_report(error);
    }

    fn zone(&self, zone: ZoneId) -> Result<&Zone<'m, L>, FramesError> {
        self.allocator.zone(zone).ok_or(FramesError::NoZone { zone })
    }

    /// Takes frames into a zone, with memory behind them. First they are the zone's: what is behind frames of another
    /// must not be touched.
    fn add(&self, id: ZoneId, frames: &Range<u64>) -> Result<(), FramesError> {
        let zone = self.zone(id)?;
        zone.add(frames.clone())?;
        let added = Undo::by(|| {
            // No user has one yet: they are out of reach, or there is no handle yet.
            let _ = zone.withdraw(frames.clone());
        });
        self.backing.commit(id, frames.clone())?;
        added.keep();
        Ok(())
    }

    /// Moves pages and waits for others, until all these frames, which are isolated, are free.
    fn empty(
        &self,
        state: &State,
        zone: &Zone<'m, L>,
        frames: &Range<u64>,
        limit: &mut dyn Limit,
    ) -> Result<(), FramesError> {
        let mut exchange = Elsewhere::new(&self.allocator, state, zone.id().node())?;
        let mut backoff = Backoff::default();
        loop {
            let moved = self.owners.move_away(frames, &mut exchange);
            moved.map_err(|pinned| FramesError::Pinned { pfn: pinned.pfn })?;
            let Some(pfn) = zone.first_in_use(frames.clone())? else { return Ok(()) };
            limit.go_on().map_err(|why| FramesError::InUse { pfn, why })?;
            backoff.wait();
        }
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const SEATS: usize, O: Owners, K: Backing> Frames
    for AllocatorFrames<'_, S, B, L, SEATS, O, K>
{
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        self.allocator.published().publish(lists).map(drop)
    }

    fn set_marks(&self, state: &State) {
        let kinds = &state.memory().kinds;
        for info in state.zones() {
            let Some(zone) = self.allocator.zone(info.size.zone) else { continue };
            let mut marks =
                Marks { min: info.marks.min, low: info.marks.low, high: info.marks.high, ..Marks::default() };
            for (kind, &pages) in kinds.iter().zip(info.reserve) {
                marks.reserve[kind.index()] = pages;
            }
            zone.set_marks(&marks);
        }
    }

    fn bring(&self, id: ZoneId, frames: Range<u64>) -> Result<(), FramesError> {
        let zone = self.allocator.zone(id);
        let room = zone.map(|zone| (zone.span().start, zone.span().end));
        let fits = room.is_some_and(|(start, end)| start <= frames.start && frames.end <= end);
        let Some(zone) = zone.filter(|_| fits) else {
            return Err(FramesError::NoRoom { zone: id, frames: (frames.start, frames.end), room });
        };
        zone.furnish()?;
        let blocks = own_pageblocks(zone, &frames)?;
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| rejoin(zone, &blocks));
        self.add(id, &frames)?;
        isolated.keep();
        Ok(())
    }

    fn give(&self, zone: ZoneId, frames: Range<u64>) {
        if let Ok(zone) = self.zone(zone) {
            rejoin(zone, &pageblocks(zone, &frames));
        }
    }

    fn take(&self, state: &State, id: ZoneId, frames: Range<u64>, limit: &mut dyn Limit) -> Result<(), FramesError> {
        let zone = self.zone(id)?;
        // What the zone does not manage was never handed out, and no user can give it back.
        if let Some(pfn) = zone.first_unmanaged(&frames) {
            return Err(FramesError::Pinned { pfn });
        }
        let blocks = own_pageblocks(zone, &frames)?;
        zone.isolate(blocks.clone())?;
        let isolated = Undo::by(|| rejoin(zone, &blocks));
        self.allocator.without_caches(id, || self.empty(state, zone, &frames, limit))??;
        isolated.keep();
        Ok(())
    }

    fn release(&self, id: ZoneId, frames: Range<u64>) {
        let Ok(zone) = self.zone(id) else { return };
        // Also if the backing panics: else their pageblocks would be out of reach for good.
        let _rejoined = Undo::by(|| rejoin(zone, &pageblocks(zone, &frames)));
        // They are isolated, so those that were free are.
        if zone.withdraw(frames.clone()).is_ok() {
            self.backing.release(id, frames.clone());
        }
    }

    fn operated(&self) {
        self.allocator.report_put_off();
    }

    /// A walk over an old list that comes to such a zone finds under its lock that it has nothing, under any scheme.
    fn forget(&self, node: NodeId) {
        let [_, kept] = &self.structures;
        let mut zones = self.allocator.zones().iter().filter(|zone| zone.id().node() == node && !zone.is_vacant());
        match self.synchronize {
            Some(synchronize) => self.free_behind_walks(synchronize, array::from_fn(|_| zones.find_map(Zone::vacate))),
            None => {
                kept.fetch_add(zones.count(), Relaxed);
            }
        }
    }
}

/// The whole pageblocks that frames are in, as far as the zone spans them.
fn pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<u64>) -> Range<u64> {
    let (span, block) = (zone.span(), PAGEBLOCK_FRAMES as u64);
    let end = frames.end.min(span.end).next_multiple_of(block);
    (frames.start / block * block).max(span.start)..end.min(span.end)
}

/// The same, unless the zone manages other frames there: those would be put out of reach with them.
fn own_pageblocks<L: RawLock>(zone: &Zone<'_, L>, frames: &Range<u64>) -> Result<Range<u64>, RangeError> {
    let &Range { start, end } = frames;
    let blocks = pageblocks(zone, frames);
    let others = [blocks.start..start, end..blocks.end];
    if others.iter().any(|others| zone.first_managed(others).is_some()) {
        return Err(RangeError::Unaligned { start, end });
    }
    Ok(blocks)
}

/// Puts pageblocks back into reach, where they are out of it.
fn rejoin<L: RawLock>(zone: &Zone<'_, L>, blocks: &Range<u64>) {
    if zone.rejoin(blocks.clone()).is_ok() {
        return;
    }
    // Frames that were not brought or taken as they are given or released now: some are in reach already.
    let mut start = blocks.start;
    while start < blocks.end {
        let end = (start + 1).next_multiple_of(PAGEBLOCK_FRAMES as u64).min(blocks.end);
        let _ = zone.rejoin(start..end);
        start = end;
    }
}
