//! A small machine over a scheme, with everything that an operation can wait for.

use std::{sync::Mutex, vec, vec::Vec};

use super::OptionalOperations;
use crate::{
    LocalHandle, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{self, Movable, Normal},
    Zonelists,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, RunningMachine,
        State,
    },
    locking::Spin,
    page_alloc::{Handle, MovablePages, MoveError, PreparedRequest},
    publish::{HandleId, Published, ReaderSlots, Scheme, Standard},
    table::Capacity,
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
    zone::Order,
};

/// Makes a scheme with room for a capacity.
pub type Make<S> = fn(Capacity) -> S;

/// Reader slots: more than any run needs.
const SLOTS: usize = 10;
pub(super) type PublishedLists<S> = Published<S>;
pub(super) type Allocator<S> = PageAllocator<'static, S>;
pub(super) type Pages<'g, S> = LocalHandle<'g, 'static, S, Standard>;
type Copies = fn(Handle, &Page, &Page) -> Result<(), MoveError>;
type Provider<S> = AllocatorProvider<'static, S, Standard, (MovablePages<'static, Copies>, ())>;

pub(super) const NODE: NodeId = NodeId::new(0).unwrap();
pub(super) const MOVABLE: ZoneId = ZoneId::new(NODE, Movable);
/// Page frames of a memory block.
const PAGES: u64 = 512;

/// Takes the memory block of the Movable zone offline.
pub(super) const OFFLINE: Operation = Operation::Offline { block: BlockId::new(2) };
/// Puts another memory block online to the Movable zone.
pub(super) const ONLINE: Operation = Operation::Online { block: BlockId::new(3), to: OnlineTo::Movable };

/// A machine: a Normal zone of two memory blocks, a Movable zone of a third, and a fourth block that is offline. A
/// movable page behind a handle is in the third.
#[derive(Debug)]
pub struct Fixture<S: Scheme> {
    pub(super) running: RunningMachine<Provider<S>>,
    pub(super) optional: OptionalOperations<S>,
    pub(super) handle: Handle,
    /// The lists with both zones, and with one zone.
    versions: [Zonelists; 2],
    /// The handles and readers of the thread that does the operation, which the child of a fork keeps.
    owned: Mutex<Vec<HandleId>>,
}

impl<S: Scheme> Fixture<S> {
    /// Makes the machine over a scheme. `on_low` is called for a zone that falls below its low watermark.
    ///
    /// # Panics
    /// The machine can't be made.
    #[must_use]
    pub fn new(make: Make<S>, optional: OptionalOperations<S>, on_low: fn(ZoneId, usize)) -> Self {
        let state = state();
        let zone = |(id, span)| Zone::without_metadata(id, span, Order::MAX, Spin::new()).expect("a span");
        let zones: Vec<_> = state.possible_zones(&[]).map(zone).collect();
        let published = Published::with_slots(make(state.capacity()), ReaderSlots::boxed(SLOTS));
        let allocator = PageAllocator::boxed(published, zones).expect("zones").on_low(on_low);
        let copies: Copies = |_, _, _| {
            super::step();
            Ok(())
        };
        let provider =
            AllocatorProvider::from_allocator(allocator).with_migration_source(MovablePages::boxed(copies, 16));
        let smaller = state.after(&OFFLINE).expect("the block can go offline").0;
        let versions = [state.lists().clone(), smaller.lists().clone()];
        let running = RunningMachine::new(state.clone(), provider.boot(&state).expect("memory")).expect("room");
        let page = {
            let allocator = running.provider().allocator();
            let mut local = allocator.local().expect("a reader slot");
            local.alloc(NODE, &prepare(allocator, Movable, Order::ZERO)).expect("a page")
        };
        let handle = running.provider().migration_source().insert(page).expect("room");
        Self { running, optional, handle, versions, owned: Mutex::default() }
    }

    pub(super) fn allocator(&self) -> &Allocator<S> {
        self.running.provider().allocator()
    }

    pub(super) fn lists(&self) -> &PublishedLists<S> {
        self.allocator().published()
    }

    pub(super) fn movable_pages(&self) -> &MovablePages<'static, Copies> {
        self.running.provider().migration_source()
    }

    /// The lists of two publishes in sequence: they differ in their zones.
    pub(super) fn versions(&self) -> impl Iterator<Item = &Zonelists> {
        self.versions.iter().rev()
    }

    /// Prepares a request for `2^order` pages of zones up to the kind `highest`.
    pub(super) fn prepared(&self, highest: ZoneKind, order: Order) -> PreparedRequest<S> {
        prepare(self.allocator(), highest, order)
    }

    /// Makes a handle of the allocator.
    pub(super) fn local(&self) -> Pages<'_, S> {
        self.allocator().local().expect("a reader slot")
    }

    /// Makes a handle with pages of the highest zone kind in its per-CPU pages.
    pub(super) fn with_pages(&self, highest: ZoneKind) -> Pages<'_, S> {
        let mut local = self.local();
        let page = local.alloc(NODE, &self.prepared(highest, Order::ZERO)).expect("a page");
        local.free(page).expect("an allocated page");
        local
    }

    /// Makes a handle of the thread that does the operation.
    pub(super) fn own_local(&self) -> Pages<'_, S> {
        let local = self.local();
        self.own(local.id());
        local
    }

    /// Makes a handle of the thread that does the operation, with pages as [`Fixture::with_pages`].
    pub(super) fn own_with_pages(&self, highest: ZoneKind) -> Pages<'_, S> {
        let local = self.with_pages(highest);
        self.own(local.id());
        local
    }

    /// Records a handle of the thread that does the operation.
    pub(super) fn own(&self, handle: HandleId) {
        self.owned.lock().expect("no panic").push(handle);
    }

    /// Cleans up in the child of a fork, which keeps the handles of its own thread.
    ///
    /// # Safety
    /// This process is the child of a fork that the thread which does the operation made outside of any call. The calls
    /// in which other threads were are never continued.
    pub(super) unsafe fn after_fork(&self) {
        let keep = core::mem::take(&mut *self.owned.lock().expect("no panic"));
        // SAFETY: the caller guarantees the child of such a fork; handles of other threads are never used again.
        let _ = unsafe { self.allocator().after_fork(&keep) };
        // SAFETY: the caller guarantees the child of a fork outside of any call.
        unsafe { self.movable_pages().after_fork() };
        // SAFETY: the caller guarantees the child of a fork outside of any call.
        unsafe { self.running.after_fork() };
    }
}

fn prepare<S: Scheme>(allocator: &Allocator<S>, highest: ZoneKind, order: Order) -> PreparedRequest<S> {
    allocator.prepare(&PageRequest::up_to(highest).order(order))
}

fn state() -> State {
    let size = |kind, start_pfn, blocks: u64| {
        let pages = blocks * PAGES;
        ZoneSize { zone: ZoneId::new(NODE, kind), start_pfn, spanned: pages, present: pages, managed: pages }
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![Normal, Movable],
            zones: vec![size(Normal, Pfn::new(0), 2), size(Movable, Pfn::new(2 * PAGES), 1)],
            tunables: Tunables { min_free_kbytes: 128, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .expect("a machine");
    let block = |number, state| MemoryBlock { number, node: Some(NODE), state, has_holes: false, memmap_pages: 0 };
    let list = vec![
        block(BlockId::new(2), MemoryBlockState::Online(Movable)),
        block(BlockId::new(3), MemoryBlockState::Offline),
    ];
    State::booted(machine, MemoryBlocks { pages: PAGES, list, ..MemoryBlocks::default() }, Rules::LINUX_6_1)
        .expect("a state")
}
