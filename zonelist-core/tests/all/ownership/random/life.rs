//! A machine in use: pages come and go, and so do blocks, and it is remembered who has which frame.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use proptest::{prelude::*, sample::Index};
use zonelist_core::{
    Handle, Local, Mobility, Movables, MoveError, NodeId, Page, PageRequest, Slots, Spin, StopWorld, ZoneId, ZoneKind,
    hotplug::{AllocatorFrames, Errno, HotplugError, OnlineTo, Operation, RunningMachine, State},
    publish::{FullFence, Published},
};

use super::{
    super::{SEATS, Scheme, node},
    world::{FRAMES, any_kind},
};

/// Something that is done.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Take { node: u16, kind: ZoneKind, order: u8, movable: bool, handle: bool },
    Free(Index),
    Online(Index, Option<ZoneKind>),
    Offline(Index),
    Add { node: u16, first: u64, count: u64 },
    Remove { first: u64, count: u64 },
    Drain,
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let take = (0..2_u16, any_kind(), prop_oneof![3 => 0..3_u8, 1 => 3..11_u8], any::<bool>(), any::<bool>());
    let blocks = || (0..24_u64, 1..4_u64);
    prop_oneof![
        12 => take.prop_map(|(node, kind, order, movable, handle)| Step::Take { node, kind, order, movable, handle }),
        5 => any::<Index>().prop_map(Step::Free),
        4 => (any::<Index>(), proptest::option::of(any_kind())).prop_map(|(block, kind)| Step::Online(block, kind)),
        5 => any::<Index>().prop_map(Step::Offline),
        3 => (0..3_u16, blocks()).prop_map(|(node, (first, count))| Step::Add { node, first, count }),
        2 => blocks().prop_map(|(first, count)| Step::Remove { first, count }),
        1 => Just(Step::Drain),
    ]
}

/// What is in memory: of each block that is in use, its order and what was written there.
#[derive(Debug, Default)]
struct Contents {
    blocks: BTreeMap<u64, (u8, usize)>,
    moves: usize,
}

impl Contents {
    /// Writes to frames that are in use by nothing else.
    fn write(&mut self, page: Page, what: usize) {
        let (pfn, end) = (page.pfn(), page.pfn() + (1 << page.order()));
        let before = self.blocks.range(..end).next_back();
        let is_free = before.is_none_or(|(&start, (order, _))| start + (1 << order) <= pfn);
        assert!(is_free, "{page:?} is in use already: {before:?}");
        self.blocks.insert(pfn, (page.order(), what));
    }

    fn erase(&mut self, page: Page) -> usize {
        let (order, what) = self.blocks.remove(&page.pfn()).expect("in use");
        assert_eq!(order, page.order());
        what
    }
}

/// A page by its address, or by its handle; and what was written there.
enum Live {
    Page(Page, usize),
    Handle(Handle, usize),
}

type Mover = Box<dyn Fn(Handle, Page, Page) -> Result<(), MoveError>>;
type Frames = AllocatorFrames<'static, Scheme, FullFence, Spin, SEATS, Movables<'static, Mover>>;

/// A machine that runs.
pub(crate) struct Life {
    running: RunningMachine<Frames>,
    contents: Arc<Mutex<Contents>>,
}

/// What became of the steps.
#[derive(Default)]
pub(crate) struct Deeds {
    pub(crate) taken: usize,
    pub(crate) moved: usize,
    pub(crate) online: usize,
    pub(crate) offline: usize,
    pub(crate) busy: usize,
    pub(crate) exists: usize,
}

impl Life {
    /// Brings a machine to life, with room for blocks to come on every node.
    pub(crate) fn begin(state: &State) -> Result<Self, String> {
        let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
        let contents = Arc::new(Mutex::new(Contents::default()));
        let theirs = Arc::clone(&contents);
        let mover: Mover = Box::new(move |_, from, to| {
            let mut contents = theirs.lock().expect("no panic");
            let what = contents.erase(from);
            contents.write(to, what);
            contents.moves += 1;
            Ok(())
        });
        let room: Vec<_> = (0..3).map(|number| (node(number), 0..FRAMES as u64 + 4096)).collect();
        let frames = AllocatorFrames::with_room(published, state, &room).map_err(|error| error.to_string())?;
        let frames: Frames = frames.with_owners(Movables::boxed(mover, 64));
        let frames = frames.boot(state).map_err(|error| format!("boot: {error}"))?;
        let running = RunningMachine::new(state.clone(), frames).map_err(|error| error.to_string())?;
        Ok(Self { running, contents })
    }

    /// Whose each frame is, as the zones say.
    pub(crate) fn owners(&self) -> BTreeMap<u64, ZoneId> {
        let mut owners = BTreeMap::new();
        for zone in self.running.frames().allocator().zones().iter().filter(|zone| zone.managed() > 0) {
            let before = owners.len();
            for pfn in zone.span().filter(|&pfn| zone.manages(pfn)) {
                assert_eq!(owners.insert(pfn, zone.id()), None, "frame {pfn} of {} is another's", zone.id());
            }
            assert_eq!(owners.len() - before, zone.managed(), "{}", zone.id());
        }
        let state = self.running.state();
        let said: u64 = state.zones().map(|info| info.size.managed).sum();
        assert_eq!(owners.len() as u64, said, "frames are lost or were never there");
        for info in state.zones() {
            let there = owners.values().filter(|&&zone| zone == info.size.zone).count();
            assert_eq!(there as u64, info.size.managed, "{}", info.size.zone);
        }
        owners
    }

    /// Takes all steps, and gives everything back.
    pub(crate) fn live(&self, steps: &[Step]) -> Deeds {
        let mut user = User { life: self, live: Vec::new(), deeds: Deeds::default(), owners: self.owners(), next: 0 };
        let mut local = self.running.frames().allocator().local().expect("a seat");
        steps.iter().for_each(|step| user.step(&mut local, step));
        user.check();
        while user.free(&mut local, 0) {}
        drop(local);
        user.all_is_there();
        user.deeds.moved = self.contents.lock().expect("no panic").moves;
        user.deeds
    }
}

struct User<'l> {
    life: &'l Life,
    live: Vec<Live>,
    deeds: Deeds,
    owners: BTreeMap<u64, ZoneId>,
    next: usize,
}

type Cpu<'l> = Local<'l, 'static, Scheme, FullFence, Spin, SEATS>;

impl User<'_> {
    fn step(&mut self, local: &mut Cpu<'_>, step: &Step) {
        let state = self.life.running.state();
        let block = |at: &Index| (!state.blocks().is_empty()).then(|| at.get(state.blocks()).number);
        match step {
            &Step::Take { node: at, kind, order, movable, handle } => {
                self.take(local, node(at), (kind, order, movable), handle);
            }
            Step::Free(at) if !self.live.is_empty() => {
                let at = at.index(self.live.len());
                self.free(local, at);
            }
            Step::Online(at, kind) => {
                let to = kind.map_or(OnlineTo::Auto, OnlineTo::Kind);
                block(at).into_iter().for_each(|block| self.operate(&Operation::Online { block, to }));
            }
            Step::Offline(at) => block(at).into_iter().for_each(|block| self.operate(&Operation::Offline { block })),
            &Step::Add { node: at, first, count } => {
                self.operate(&Operation::AddBlocks { node: node(at), first, count });
            }
            &Step::Remove { first, count } => self.operate(&Operation::RemoveBlocks { first, count }),
            Step::Drain => {
                self.life.running.frames().allocator().drain().unwrap();
            }
            Step::Free(_) => {}
        }
    }

    fn take(&mut self, local: &mut Cpu<'_>, from: NodeId, what: (ZoneKind, u8, bool), handle: bool) {
        let (kind, order, movable) = what;
        let allocator = self.life.running.frames().allocator();
        let mobility = if movable { Mobility::Movable } else { Mobility::Unmovable };
        let request = PageRequest::up_to(kind).order(order).mobility(mobility);
        let class = allocator.class(&request).expect("an order that there is");
        let Ok(page) = local.alloc(from, &class) else { return };
        let of = allocator.zone_of(page).expect("a zone").id();
        assert!(request.zones.admits(of), "{page:?} of {of}");
        for pfn in page.pfn()..page.pfn() + (1 << order) {
            assert_eq!(self.owners.get(&pfn), Some(&of), "frame {pfn}");
        }
        assert_eq!(allocator.page(page.pfn(), order, mobility), Some(page));
        self.next += 1;
        self.deeds.taken += 1;
        self.life.contents.lock().expect("no panic").write(page, self.next);
        let handle = (movable && handle).then(|| self.life.running.frames().owners().insert(page).ok()).flatten();
        self.live.push(handle.map_or(Live::Page(page, self.next), |handle| Live::Handle(handle, self.next)));
    }

    /// Frees what is in that place. Says whether there is anything.
    fn free(&mut self, local: &mut Cpu<'_>, at: usize) -> bool {
        if at >= self.live.len() {
            return false;
        }
        let (page, what) = match self.live.swap_remove(at) {
            Live::Page(page, what) => (page, what),
            Live::Handle(handle, what) => (self.life.running.frames().owners().remove(handle).expect("ours"), what),
        };
        assert_eq!(self.life.contents.lock().expect("no panic").erase(page), what, "{page:?}");
        local.free(page).expect("it was handed out");
        true
    }

    /// Does an operation: the frames that it says come or go do, and no others.
    fn operate(&mut self, operation: &Operation) {
        let before = self.life.running.state();
        match self.life.running.apply(operation) {
            Ok(change) => {
                if let Some(moved) = change.moved {
                    for pfn in moved.frames.clone() {
                        if moved.online {
                            assert_eq!(self.owners.insert(pfn, moved.zone), None, "frame {pfn} was there");
                        } else {
                            assert_eq!(self.owners.remove(&pfn), Some(moved.zone), "frame {pfn} was not there");
                        }
                    }
                    let contents = self.life.contents.lock().expect("no panic");
                    let last = contents.blocks.range(..moved.frames.end).next_back();
                    let in_use = last.filter(|&(&start, (order, _))| start + (1 << order) > moved.frames.start);
                    assert_eq!(in_use, None, "of block {}, which came or went", moved.block);
                    drop(contents);
                    *(if moved.online { &mut self.deeds.online } else { &mut self.deeds.offline }) += 1;
                }
            }
            Err(error) => {
                assert!(error.to_string().contains("; expected "), "{error}");
                assert_eq!(*self.life.running.state(), *before, "{error}");
                self.deeds.busy += usize::from(error.errno() == Errno::Busy);
                self.deeds.exists += usize::from(matches!(error, HotplugError::MemoryExists { .. }));
                for zone in self.life.running.frames().allocator().zones() {
                    let there = self.owners.values().filter(|&&other| other == zone.id()).count();
                    assert_eq!(zone.managed(), there, "{}: {error}", zone.id());
                }
                return;
            }
        }
        self.check();
    }

    /// No page in use is lost, and every frame has the owner that it should have.
    fn check(&mut self) {
        assert_eq!(self.life.owners(), self.owners);
        let contents = self.life.contents.lock().expect("no panic");
        for live in &self.live {
            let (page, what) = match live {
                Live::Page(page, what) => (*page, *what),
                Live::Handle(handle, what) => {
                    (self.life.running.frames().owners().hold(*handle).expect("ours").page(), *what)
                }
            };
            assert_eq!(contents.blocks.get(&page.pfn()), Some(&(page.order(), what)), "{page:?}");
        }
    }

    /// Every frame is free, and handed out once.
    fn all_is_there(&self) {
        let mut left = self.owners.clone();
        for zone in self.life.running.frames().allocator().zones() {
            assert_eq!(zone.free_pages(), zone.managed(), "{}", zone.id());
            while let Some(pfn) = zone.alloc(0, Mobility::Movable) {
                assert_eq!(left.remove(&pfn), Some(zone.id()), "frame {pfn}");
            }
        }
        assert!(left.is_empty(), "lost: {left:?}");
    }
}
