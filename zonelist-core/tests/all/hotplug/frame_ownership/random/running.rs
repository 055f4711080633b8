//! A random machine in use: pages are allocated and freed, blocks go online and offline, and an oracle has the zone of
//! each frame.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use proptest::{prelude::*, sample::Index};
use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageRequest, Pfn, ZoneId, ZoneKind,
    hotplug::{AllocatorProvider, BlockId, Errno, HotplugError, OnlineTo, Operation, RunningMachine, State},
    page_alloc::{Handle, MovablePages, MoveError},
    publish::{Published, Standard},
    stop_world::StopWorld,
    table::Slots,
    zone::Order,
};

use super::{
    super::{Scheme, node},
    machine::{FRAMES, any_kind},
};
use crate::support::order;

/// One step of a random sequence.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Alloc { node: u16, kind: ZoneKind, order: Order, movable: bool, handle: bool },
    Free(Index),
    Online(Index, Option<ZoneKind>),
    Offline(Index),
    Add { node: u16, first: u64, count: u64 },
    Remove { first: u64, count: u64 },
    Drain,
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let alloc =
        (0..2_u16, any_kind(), prop_oneof![3 => 0..3_u8, 1 => 3..11_u8].prop_map(order), any::<bool>(), any::<bool>());
    let blocks = || (0..24_u64, 1..4_u64);
    prop_oneof![
        12 => alloc.prop_map(|(node, kind, order, movable, handle)| Step::Alloc { node, kind, order, movable, handle }),
        5 => any::<Index>().prop_map(Step::Free),
        4 => (any::<Index>(), proptest::option::of(any_kind())).prop_map(|(block, kind)| Step::Online(block, kind)),
        5 => any::<Index>().prop_map(Step::Offline),
        3 => (0..3_u16, blocks()).prop_map(|(node, (first, count))| Step::Add { node, first, count }),
        2 => blocks().prop_map(|(first, count)| Step::Remove { first, count }),
        1 => Just(Step::Drain),
    ]
}

/// The contents of memory: by first frame, the order of each page in use and the value written to it.
#[derive(Debug, Default)]
struct Contents {
    blocks: BTreeMap<Pfn, (Order, usize)>,
    moves: usize,
}

impl Contents {
    /// Writes to a page, whose frames must be in no other page in use.
    fn write(&mut self, page: &Page, value: usize) {
        let frames = page.frames();
        let before = self.blocks.range(..frames.end).next_back();
        let is_free = before.is_none_or(|(&start, (order, _))| start + order.pages() <= frames.start);
        assert!(is_free, "{page:?} is in use already: {before:?}");
        self.blocks.insert(frames.start, (page.order(), value));
    }

    fn erase(&mut self, page: &Page) -> usize {
        let (order, value) = self.blocks.remove(&page.pfn()).expect("in use");
        assert_eq!(order, page.order());
        value
    }
}

/// A page in use, by address or by handle, with the value written to it.
enum InUse {
    Page(Page, usize),
    Handle(Handle, usize),
}

type Migrate = Box<dyn Fn(Handle, &Page, &Page) -> Result<(), MoveError>>;
type Frames = AllocatorProvider<'static, Scheme, Standard, (MovablePages<'static, Migrate>, ())>;

/// A running random machine.
pub(crate) struct RunningSystem {
    running: RunningMachine<Frames>,
    contents: Arc<Mutex<Contents>>,
}

/// Counts the outcomes of steps.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) allocated: usize,
    pub(crate) moved: usize,
    pub(crate) online: usize,
    pub(crate) offline: usize,
    pub(crate) busy: usize,
    pub(crate) exists: usize,
}

impl RunningSystem {
    /// Boots a machine, with room for blocks to come on every node.
    pub(crate) fn boot(state: &State) -> Result<Self, String> {
        let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
        let contents = Arc::new(Mutex::new(Contents::default()));
        let written = Arc::clone(&contents);
        let migrate: Migrate = Box::new(move |_, from, to| {
            let mut contents = written.lock().expect("no panic");
            let value = contents.erase(from);
            contents.write(to, value);
            contents.moves += 1;
            Ok(())
        });
        let room: Vec<_> = (0..3).map(|number| (node(number), Pfn::range(0..FRAMES as u64 + 4096))).collect();
        let frames = AllocatorProvider::with_room(published, state, &room).map_err(|error| error.to_string())?;
        let frames: Frames = frames.with_migration_source(MovablePages::boxed(migrate, 64));
        let frames = frames.boot(state).map_err(|error| format!("boot: {error}"))?;
        let running = RunningMachine::new(state.clone(), frames).map_err(|error| error.to_string())?;
        Ok(Self { running, contents })
    }

    /// The zone of each frame, as the zones have it.
    pub(crate) fn owners(&self) -> BTreeMap<Pfn, ZoneId> {
        let mut owners = BTreeMap::new();
        for zone in self.running.provider().allocator().zones().iter().filter(|zone| zone.managed() > 0) {
            let before = owners.len();
            for pfn in Pfn::iter(zone.span()).filter(|&pfn| zone.manages(pfn)) {
                assert_eq!(owners.insert(pfn, zone.id()), None, "frame {pfn} of {} is another's", zone.id());
            }
            assert_eq!(owners.len() - before, zone.managed(), "{}", zone.id());
        }
        let state = self.running.state();
        let managed: u64 = state.zones().map(|info| info.size.managed).sum();
        assert_eq!(owners.len() as u64, managed, "frames are lost or never existed");
        for info in state.zones() {
            let count = owners.values().filter(|&&zone| zone == info.size.zone).count();
            assert_eq!(count as u64, info.size.managed, "{}", info.size.zone);
        }
        owners
    }

    /// Performs all steps, and frees all pages.
    pub(crate) fn perform(&self, steps: &[Step]) -> Counts {
        let mut user =
            User { system: self, in_use: Vec::new(), counts: Counts::default(), owners: self.owners(), next: 0 };
        let mut local = self.running.provider().allocator().local().expect("a reader slot");
        steps.iter().for_each(|step| user.step(&mut local, step));
        user.check();
        while user.free(&mut local, 0) {}
        drop(local);
        user.check_all_free();
        user.counts.moved = self.contents.lock().expect("no panic").moves;
        user.counts
    }
}

/// What uses the machine: pages in use, and the oracle of each frame's zone.
struct User<'l> {
    system: &'l RunningSystem,
    in_use: Vec<InUse>,
    counts: Counts,
    owners: BTreeMap<Pfn, ZoneId>,
    next: usize,
}

type Cpu<'l> = LocalHandle<'l, 'static, Scheme, Standard>;

impl User<'_> {
    fn step(&mut self, local: &mut Cpu<'_>, step: &Step) {
        let state = self.system.running.state();
        let block = |at: &Index| (!state.blocks().is_empty()).then(|| at.get(state.blocks()).number);
        match step {
            &Step::Alloc { node: at, kind, order, movable, handle } => {
                self.alloc(local, node(at), (kind, order, movable), handle);
            }
            Step::Free(at) if !self.in_use.is_empty() => {
                let at = at.index(self.in_use.len());
                self.free(local, at);
            }
            Step::Online(at, kind) => {
                let to = kind.map_or(OnlineTo::Auto, OnlineTo::Kind);
                block(at).into_iter().for_each(|block| self.operate(&Operation::Online { block, to }));
            }
            Step::Offline(at) => block(at).into_iter().for_each(|block| self.operate(&Operation::Offline { block })),
            &Step::Add { node: at, first, count } => {
                self.operate(&Operation::AddBlocks { node: node(at), first: BlockId::new(first), count });
            }
            &Step::Remove { first, count } => {
                self.operate(&Operation::RemoveBlocks { first: BlockId::new(first), count })
            }
            Step::Drain => {
                self.system.running.provider().allocator().drain().unwrap();
            }
            Step::Free(_) => {}
        }
    }

    fn alloc(&mut self, local: &mut Cpu<'_>, from: NodeId, what: (ZoneKind, Order, bool), handle: bool) {
        let (kind, order, movable) = what;
        let allocator = self.system.running.provider().allocator();
        let mobility = if movable { Mobility::Movable } else { Mobility::Unmovable };
        let request = PageRequest::up_to(kind).order(order).mobility(mobility);
        let prepared = allocator.prepare(&request);
        let Ok(page) = local.alloc(from, &prepared) else { return };
        let of = allocator.zone_of(&page).expect("a zone").id();
        assert!(request.zones.admits(of), "{page:?} of {of}");
        for pfn in Pfn::iter(page.frames()) {
            assert_eq!(self.owners.get(&pfn), Some(&of), "frame {pfn}");
        }
        // SAFETY: the page is compared, and not used.
        assert_eq!(unsafe { allocator.page(page.pfn(), order, mobility) }.as_ref(), Some(&page));
        self.next += 1;
        self.counts.allocated += 1;
        self.system.contents.lock().expect("no panic").write(&page, self.next);
        let movable_pages = self.system.running.provider().migration_source();
        let inserted = if movable && handle { movable_pages.insert(page).map_err(|full| full.page) } else { Err(page) };
        self.in_use.push(match inserted {
            Ok(handle) => InUse::Handle(handle, self.next),
            Err(page) => InUse::Page(page, self.next),
        });
    }

    /// Frees the page in use of that index. Returns false if there is none.
    fn free(&mut self, local: &mut Cpu<'_>, at: usize) -> bool {
        if at >= self.in_use.len() {
            return false;
        }
        let (page, value) = match self.in_use.swap_remove(at) {
            InUse::Page(page, value) => (page, value),
            InUse::Handle(handle, value) => {
                (self.system.running.provider().migration_source().remove(handle).expect("a valid handle"), value)
            }
        };
        assert_eq!(self.system.contents.lock().expect("no panic").erase(&page), value, "{page:?}");
        local.free(page).expect("an allocated page");
        true
    }

    /// Performs an operation: exactly the frames that it reports come or go.
    fn operate(&mut self, operation: &Operation) {
        let before = self.system.running.state();
        match self.system.running.apply(operation) {
            Ok(change) => {
                if let Some(moved) = change.block_change {
                    for pfn in Pfn::iter(moved.frames.clone()) {
                        if moved.online {
                            assert_eq!(self.owners.insert(pfn, moved.zone), None, "frame {pfn} was present");
                        } else {
                            assert_eq!(self.owners.remove(&pfn), Some(moved.zone), "frame {pfn} was absent");
                        }
                    }
                    let contents = self.system.contents.lock().expect("no panic");
                    let last = contents.blocks.range(..moved.frames.end).next_back();
                    let in_use = last.filter(|&(&start, (order, _))| start + order.pages() > moved.frames.start);
                    assert_eq!(in_use, None, "of block {}, which came or went", moved.block);
                    drop(contents);
                    *(if moved.online { &mut self.counts.online } else { &mut self.counts.offline }) += 1;
                }
            }
            Err(error) => {
                assert!(error.to_string().contains("; expected "), "{error}");
                assert_eq!(*self.system.running.state(), *before, "{error}");
                self.counts.busy += usize::from(error.errno() == Errno::Busy);
                self.counts.exists += usize::from(matches!(error, HotplugError::MemoryExists { .. }));
                for zone in self.system.running.provider().allocator().zones() {
                    let count = self.owners.values().filter(|&&other| other == zone.id()).count();
                    assert_eq!(zone.managed(), count, "{}: {error}", zone.id());
                }
                return;
            }
        }
        self.check();
    }

    /// No page in use is lost, and every frame has its zone.
    fn check(&mut self) {
        assert_eq!(self.system.owners(), self.owners);
        let contents = self.system.contents.lock().expect("no panic");
        for in_use in &self.in_use {
            let guard;
            let (page, value) = match in_use {
                InUse::Page(page, value) => (page, *value),
                InUse::Handle(handle, value) => {
                    guard = self.system.running.provider().migration_source().hold(*handle).expect("a valid handle");
                    (guard.page(), *value)
                }
            };
            assert_eq!(contents.blocks.get(&page.pfn()), Some(&(page.order(), value)), "{page:?}");
        }
    }

    /// Every frame is free, and can be allocated once.
    fn check_all_free(&self) {
        let mut left = self.owners.clone();
        for zone in self.system.running.provider().allocator().zones() {
            assert_eq!(zone.free_pages(), zone.managed(), "{}", zone.id());
            while let Some(pfn) = zone.alloc(Order::ZERO, Mobility::Movable) {
                assert_eq!(left.remove(&pfn), Some(zone.id()), "frame {pfn}");
            }
        }
        assert!(left.is_empty(), "lost: {left:?}");
    }
}
