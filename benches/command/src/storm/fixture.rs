//! The fixture of a storm: a machine with real memory, most of whose node is allocated.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Mobility, NodeId, Page, Pfn, ZoneId, ZoneKind, Zonelists,
    hotplug::{AllocatorProvider, Arena, BlockId, MemoryBlockState, OnlineTo, Operation, RunningMachine},
    page_alloc::{Handle, Migrate, MovablePages, MoveError},
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    zone::Order,
    zonelist::Scope,
};
use zonelist_schemes::{Buildable, READERS, allocator::AllocatorError};

use super::{error::StormError, recorded::Recorded, site::Site};

/// Pages that remain free in each of the node's other zones, above the high watermark.
const LEFT: u64 = 4096;

/// One in this many attempts to take the block offline finds a pinned page.
const PINNED_EVERY: u64 = 8;

/// Migrates a page by a copy of its bytes, and counts the migrations.
#[derive(Debug)]
pub(super) struct Copier {
    arena: Arc<Arena>,
    migrations: AtomicU64,
}

impl Migrate for Copier {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        let (from, to) = self.arena.bytes(from).zip(self.arena.bytes(to)).ok_or(MoveError::Never)?;
        // SAFETY: both pages are allocated and of the same length. Workers access a page only while it has no handle, and
        // a page that migrates has one. No other thread knows the target yet, so no access overlaps the copy.
        unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.cast(), from.len()) };
        self.migrations.fetch_add(1, Relaxed);
        Ok(())
    }
}

type Pages<S, P> = AllocatorProvider<'static, S, P, (MovablePages<'static, Copier>, Arc<Arena>)>;

/// The page allocator of the fixture.
pub(super) type Allocator<S, P> = zonelist_core::PageAllocator<'static, S, P>;

/// The state that all threads of a storm share.
pub(super) struct Fixture<S: Buildable, P: Platform<Lock = Spin>> {
    pub(super) running: RunningMachine<Recorded<Pages<S, P>>>,
    pub(super) arena: Arc<Arena>,
    pub(super) block: BlockId,
    pub(super) node: NodeId,
    /// Zones that are on every version of the node's list.
    pub(super) always: Vec<ZoneId>,
    /// Pages that a worker holds, at most.
    pub(super) max_pages: usize,
    /// Allocated blocks that keep the node small: zone, first frame, order.
    ballast: Vec<(ZoneId, Pfn, Order)>,
    /// Attempts to take the block offline.
    pub(super) attempts: AtomicU64,
}

impl<S: Buildable, P: Platform<Lock = Spin>> Fixture<S, P> {
    pub(super) fn new(site: &Site, threads: usize) -> Result<Self, StormError> {
        let Site { state, block, node } = site;
        let spans = state.possible_zones(&[]).map(|(_, span)| span);
        let frames =
            spans.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap_or(Pfn::range(0..1));
        let page_bytes = state.memory().page_bytes as usize;
        let arena = Arc::new(Arena::reserve(frames, page_bytes)?);
        let block_pages = state.block_frames(*block);
        // An eighth more than the node has with the block online: workers need other nodes all the time.
        let wanted = (block_pages.end - block_pages.start + LEFT) * 9 / 8;
        let max_pages = wanted as usize / threads.max(1);
        let copier = Copier { arena: Arc::clone(&arena), migrations: AtomicU64::new(0) };
        let published = Published::with_platform(S::build(state.capacity()), ReaderSlots::boxed(READERS));
        let pages = AllocatorProvider::new(published, state).map_err(AllocatorError::from)?;
        let pages = pages
            .with_migration_source(MovablePages::boxed(copier, (max_pages + 1) * threads))
            .with_backing(Arc::clone(&arena));
        let pages = pages.boot(state).map_err(AllocatorError::from)?;
        let running = RunningMachine::new(state.clone(), Recorded::new(pages))?;

        if state.block(*block)?.state == MemoryBlockState::Offline {
            running.apply(&Operation::Online { block: *block, to: OnlineTo::Movable })?;
        }
        // The zones on both versions of the list, with the block online and offline.
        let with = running.state();
        let (without, _) = with.after(&Operation::Offline { block: *block })?;
        let zones = |lists: &Zonelists| -> Vec<ZoneId> {
            lists.lists().of(*node, Scope::Fallback).iter().map(|entry| entry.zone()).collect()
        };
        let (with, without) = (zones(with.lists()), zones(without.lists()));
        let always = without.into_iter().filter(|zone| with.contains(zone)).collect();
        let mut fixture = Self {
            running,
            arena,
            block: *block,
            node: *node,
            always,
            max_pages,
            ballast: Vec::new(),
            attempts: AtomicU64::new(0),
        };
        fixture.allocate_ballast();
        Ok(fixture)
    }

    /// Allocates most of the node's memory, but none of the block's zone.
    fn allocate_ballast(&mut self) {
        let zones = self.running.provider().frames.allocator().zones().iter();
        for zone in zones.filter(|zone| zone.id().node() == self.node && zone.id().kind() != ZoneKind::Movable) {
            let left = (zone.watermarks().high + LEFT) as usize;
            for order in Order::ALL.into_iter().rev() {
                while zone.free_pages() >= left + order.pages() as usize
                    && let Some(pfn) = zone.alloc(order, Mobility::Unmovable)
                {
                    self.ballast.push((zone.id(), pfn, order));
                }
            }
        }
    }

    pub(super) fn allocator(&self) -> &Allocator<S, P> {
        self.running.provider().frames.allocator()
    }

    pub(super) fn movables(&self) -> &MovablePages<'static, Copier> {
        self.running.provider().frames.migration_source()
    }

    /// True if a page of the block should be pinned now: before one in [`PINNED_EVERY`] attempts.
    pub(super) fn wants_pin(&self) -> bool {
        // Relaxed, with the increment in `hotplug_driver::run`: a late value pins a page one attempt later.
        self.attempts.load(Relaxed) % PINNED_EVERY == PINNED_EVERY - 1
    }

    pub(super) fn migrations(&self) -> u64 {
        self.movables().migrate_callback().migrations.load(Relaxed)
    }

    /// Pages that are not free after all threads have freed theirs: misdirected frees count, too.
    ///
    /// # Errors
    /// The per-CPU pages can't be drained.
    pub(super) fn lost(&self) -> Result<u64, AllocatorError> {
        let allocator = self.allocator();
        for &(zone, pfn, order) in &self.ballast {
            // A refused free shows below as lost pages.
            let _ = allocator.zone(zone).map(|zone| zone.free(pfn, order));
        }
        allocator.drain()?;
        let misdirected = |zone: ZoneId| allocator.stats(zone).map_or(0, |stats| stats.misdirected);
        let zones = allocator.zones().iter();
        Ok(zones.map(|zone| (zone.managed().abs_diff(zone.free_pages()) + misdirected(zone.id())) as u64).sum())
    }
}
