//! Where a storm takes place: a machine with real memory, one block that toggles, most of its node taken.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Arena, ArenaError, Handle, MAX_ORDER, Mobility, Movables, MoveError, Mover, NodeId, Page, Scope, Spin, ZoneId,
    ZoneKind, Zonelists,
    conformance::HistoryError,
    hotplug::{AllocatorFrames, BlockState, HotplugError, OnlineTo, Operation, RunningMachine, State},
    publish::{Barrier, PublishError, Published},
};
use zonelist_schemes::{Buildable, SEATS, allocator::AllocatorError};

use super::record::Recorded;

/// Pages that are left of the node's other zones, above their high marks.
const LEFT: u64 = 4096;

/// Of so many tries to take the block off line one is to meet a pinned page.
const PINNED_EVERY: u64 = 8;

/// A machine and the block of it that toggles.
#[derive(Clone, Debug)]
pub struct Site {
    /// The machine.
    pub state: State,
    /// The block.
    pub block: u64,
    /// Its node.
    pub node: NodeId,
}

/// A machine on which no storm can take place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what it is")]
pub enum SiteError {
    #[error("no block that can go off and on line; expected one off line, of a node with memory, or one in Movable")]
    NoBlock,
    #[error("no memory on any other node; expected some for pages to be moved to")]
    OneNode,
    #[error("no Movable zone kind; expected a machine that knows it")]
    NoMovable,
}

/// A storm that could not go on.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each wraps the error of its name")]
pub enum StormError {
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
    #[error(transparent)]
    Hotplug(#[from] HotplugError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Arena(#[from] ArenaError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Site {
    /// The block to toggle: the last that is off line, of a node that has memory, or if there is none the last of a
    /// Movable zone.
    ///
    /// # Errors
    /// There is none, no other node has memory, or there can't be a Movable zone.
    pub fn of(state: State) -> Result<Self, SiteError> {
        if !state.memory().kinds.contains(&ZoneKind::Movable) {
            return Err(SiteError::NoMovable);
        }
        let last = |wanted: BlockState| {
            let mut blocks = state.blocks().iter().rev().filter(|block| block.state == wanted && !block.has_holes);
            let home = |node: &NodeId| state.has_memory().contains(*node);
            blocks.find_map(|block| Some((block.number, block.node.filter(home)?)))
        };
        let found = last(BlockState::Offline).or_else(|| last(BlockState::Online(ZoneKind::Movable)));
        let (block, node) = found.ok_or(SiteError::NoBlock)?;
        if state.has_memory().len() < 2 {
            return Err(SiteError::OneNode);
        }
        Ok(Self { state, block, node })
    }
}

/// Copies a page's bytes, and counts.
#[derive(Debug)]
pub(super) struct Copier {
    arena: Arc<Arena>,
    moves: AtomicU64,
}

impl Mover for Copier {
    fn move_page(&self, _: Handle, from: Page, to: Page) -> Result<(), MoveError> {
        let (from, to) = self.arena.bytes(from).zip(self.arena.bytes(to)).ok_or(MoveError::Never)?;
        // SAFETY: both are handed out and of one length, nobody holds the one, and only we know of the other.
        unsafe { to.cast::<u8>().copy_from_nonoverlapping(from.cast(), from.len()) };
        self.moves.fetch_add(1, Relaxed);
        Ok(())
    }
}

type Pages<S, B> = AllocatorFrames<'static, S, B, Spin, SEATS, Movables<'static, Copier>, Arc<Arena>>;
/// The allocator.
pub(super) type Allocator<S, B> = zonelist_core::PageAllocator<'static, S, B, Spin, SEATS>;

/// What all threads share.
pub(super) struct Ground<S: Buildable, B: Barrier> {
    pub(super) running: RunningMachine<Recorded<Pages<S, B>>>,
    pub(super) arena: Arc<Arena>,
    pub(super) block: u64,
    pub(super) node: NodeId,
    /// Zones that stand on every version of the node's list.
    pub(super) always: Vec<ZoneId>,
    /// Pages that a thread holds at most.
    pub(super) most: usize,
    ballast: Vec<(ZoneId, u64, u8)>,
    /// How often it was tried to take the block off line.
    pub(super) tries: AtomicU64,
}

impl<S: Buildable, B: Barrier> Ground<S, B> {
    pub(super) fn new(site: &Site, threads: usize) -> Result<Self, StormError> {
        let Site { state, block, node } = site;
        let spans = state.possible_zones(&[]).map(|(_, span)| span);
        let frames = spans.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap_or(0..1);
        let page_bytes = state.memory().page_bytes as usize;
        let arena = Arc::new(Arena::reserve(frames, page_bytes)?);
        let block_pages = state.frames_of_block(*block);
        let wanted = (block_pages.end - block_pages.start + LEFT) * 9 / 8;
        let most = wanted as usize / threads.max(1);
        let copier = Copier { arena: Arc::clone(&arena), moves: AtomicU64::new(0) };
        let published = Published::new(S::build(state.capacity()));
        let pages = AllocatorFrames::of(published, state).map_err(AllocatorError::from)?;
        let pages = pages.with_owners(Movables::boxed(copier, (most + 1) * threads)).with_backing(Arc::clone(&arena));
        let pages = pages.boot(state).map_err(AllocatorError::from)?;
        let running = RunningMachine::new(state.clone(), Recorded::new(pages))?;

        if state.block(*block)?.state == BlockState::Offline {
            running.apply(&Operation::Online { block: *block, to: OnlineTo::Movable })?;
        }
        let with = running.state();
        let (without, _) = with.after(&Operation::Offline { block: *block })?;
        let zones = |lists: &Zonelists| -> Vec<ZoneId> {
            lists.lists().of(*node, Scope::Fallback).iter().map(|entry| entry.zone()).collect()
        };
        let (with, without) = (zones(with.lists()), zones(without.lists()));
        let always = without.into_iter().filter(|zone| with.contains(zone)).collect();
        let mut ground = Self {
            running,
            arena,
            block: *block,
            node: *node,
            always,
            most,
            ballast: Vec::new(),
            tries: AtomicU64::new(0),
        };
        ground.take_ballast();
        Ok(ground)
    }

    /// Takes most of the node's memory, but not of the block's zone.
    fn take_ballast(&mut self) {
        let zones = self.running.frames().frames.allocator().zones().iter();
        for zone in zones.filter(|zone| zone.id().node() == self.node && zone.id().kind() != ZoneKind::Movable) {
            let left = (zone.marks().high + LEFT) as usize;
            for order in (0..=MAX_ORDER).rev() {
                while zone.free_pages() >= left + (1 << order)
                    && let Some(pfn) = zone.alloc(order, Mobility::Unmovable)
                {
                    self.ballast.push((zone.id(), pfn, order));
                }
            }
        }
    }

    pub(super) fn allocator(&self) -> &Allocator<S, B> {
        self.running.frames().frames.allocator()
    }

    pub(super) fn movables(&self) -> &Movables<'static, Copier> {
        self.running.frames().frames.owners()
    }

    /// Whether a page of the block is to be pinned just now: for one try of so many.
    pub(super) fn wants_pin(&self) -> bool {
        self.tries.load(Relaxed) % PINNED_EVERY == PINNED_EVERY - 1
    }

    pub(super) fn migrations(&self) -> u64 {
        self.movables().mover().moves.load(Relaxed)
    }

    /// Pages that are not back, when all threads have given back what they had.
    ///
    /// # Errors
    /// Caches can't be drained.
    pub(super) fn lost(&self) -> Result<u64, AllocatorError> {
        let allocator = self.allocator();
        for &(zone, pfn, order) in &self.ballast {
            // What is not taken back is missing below.
            let _ = allocator.zone(zone).map(|zone| zone.free(pfn, order));
        }
        allocator.drain()?;
        let strays = |zone: ZoneId| allocator.stats(zone).map_or(0, |stats| stats.strays);
        let zones = allocator.zones().iter();
        Ok(zones.map(|zone| (zone.managed().abs_diff(zone.free_pages()) + strays(zone.id())) as u64).sum())
    }
}
