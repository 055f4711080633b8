//! Random interleavings of allocation, free, hotplug and node removal, against a plain model of who has what.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};
use zonelist_core::{
    Handle, Mobility, Page, PageRequest, Request, ZoneKind,
    hotplug::{BlockState, Errno, OnlineTo, Operation},
};

use super::{BLOCKS, Behaviour, Handles, Owner, PAGES, Running, node, running};

/// Something that is done.
#[derive(Clone, Debug)]
enum Do {
    /// Takes a page that somebody knows the address of.
    Take {
        node: u16,
        order: u8,
        movable: bool,
    },
    /// Takes a page, and makes it a movable handle.
    TakeHandle {
        node: u16,
        order: u8,
    },
    Free(Index),
    FreeHandle(Index),
    Pin(Index),
    Online {
        block: u64,
        movable: bool,
    },
    Offline {
        block: u64,
    },
    /// Takes all that is left of a node away: its blocks, its CPU, itself.
    RemoveNode(u16),
    AddNode(u16),
    Behave(bool),
    Drain,
}

fn anything() -> impl Strategy<Value = Do> {
    let block = || 0..2 * (BLOCKS + 1);
    prop_oneof![
        8 => (0..2_u16, 0..11_u8, any::<bool>()).prop_map(|(node, order, movable)| Do::Take { node, order, movable }),
        12 => (0..2_u16, 0..10_u8).prop_map(|(node, order)| Do::TakeHandle { node, order }),
        10 => any::<Index>().prop_map(Do::Free),
        6 => any::<Index>().prop_map(Do::FreeHandle),
        2 => any::<Index>().prop_map(Do::Pin),
        8 => (block(), any::<bool>()).prop_map(|(block, movable)| Do::Online { block, movable }),
        14 => block().prop_map(|block| Do::Offline { block }),
        1 => (0..2_u16).prop_map(Do::RemoveNode),
        3 => (0..2_u16).prop_map(Do::AddNode),
        1 => any::<bool>().prop_map(Do::Behave),
        1 => Just(Do::Drain),
    ]
}

/// Who has what.
#[derive(Default)]
struct Model {
    pages: Vec<Page>,
    handles: Vec<Handle>,
    pinned: Vec<Handle>,
}

struct World<'w> {
    running: &'w Running<'w>,
    owner: &'w Owner,
    local: Handles<'w>,
    model: Model,
}

impl World<'_> {
    fn take(&mut self, local: u16, order: u8, movable: bool) -> Option<Page> {
        let highest = if movable { ZoneKind::Movable } else { ZoneKind::Normal };
        let mobility = if movable { Mobility::Movable } else { Mobility::Unmovable };
        let request = PageRequest { zones: Request::up_to(highest), ..PageRequest::up_to(highest) };
        let class = self.running.frames().allocator().class(&request.order(order).mobility(mobility)).unwrap();
        let page = self.local.alloc(node(local), &class).ok()?;
        let zone = self.running.frames().allocator().zone_of(page).unwrap().id();
        assert!(request.zones.admits(zone), "{page:?} of {zone}");
        Some(page)
    }

    fn step(&mut self, what: &Do) {
        let pages = self.running.frames().owners();
        match what {
            Do::Take { node, order, movable } => {
                let page = self.take(*node, *order, *movable);
                self.model.pages.extend(page);
            }
            Do::TakeHandle { node, order } => {
                if let Some(page) = self.take(*node, *order, true) {
                    let handle = pages.insert(page).unwrap();
                    self.model.handles.push(handle);
                }
            }
            Do::Free(index) if !self.model.pages.is_empty() => {
                let at = index.index(self.model.pages.len());
                self.local.free(self.model.pages.swap_remove(at)).unwrap();
            }
            Do::FreeHandle(index) if !self.model.handles.is_empty() => {
                let at = index.index(self.model.handles.len());
                let handle = self.model.handles.swap_remove(at);
                self.model.pinned.retain(|&pinned| pinned != handle);
                self.local.free(pages.remove(handle).unwrap()).unwrap();
            }
            Do::Pin(index) if !self.model.handles.is_empty() => {
                let handle = self.model.handles[index.index(self.model.handles.len())];
                pages.pin(handle).unwrap();
                self.model.pinned.push(handle);
            }
            Do::Online { block, movable } => {
                let to = if *movable { OnlineTo::Movable } else { OnlineTo::Kernel };
                if self.operate(&Operation::Online { block: *block, to }) {
                    count(3);
                }
            }
            Do::Offline { block } => self.offline(*block),
            Do::RemoveNode(number) => self.remove_node(*number),
            Do::AddNode(number) => {
                let first = u64::from(*number) * (BLOCKS + 1);
                self.operate(&Operation::AddBlocks { node: node(*number), first, count: BLOCKS + 1 });
                self.operate(&Operation::CpuOnline { cpu: u32::from(*number) });
            }
            Do::Behave(moves) => {
                let never = Behaviour::Refuses(zonelist_core::MoveError::NotNow);
                *self.owner.behaviour.lock().unwrap() = if *moves { Behaviour::Moves } else { never };
            }
            Do::Drain => self.local.drain(),
            _ => {}
        }
    }

    /// Does an operation; if it is refused, nothing may have changed.
    fn operate(&self, operation: &Operation) -> bool {
        let before = self.running.state();
        let done = self.running.apply(operation);
        assert!(done.is_ok() || self.running.state() == before, "{operation:?}");
        done.is_ok()
    }

    /// Whether it goes off line must be what the model says.
    fn offline(&self, block: u64) {
        let state = self.running.state();
        let Ok(there) = state.block(block) else { return };
        let online = matches!(there.state, BlockState::Online(_));
        let frames = block * PAGES..(block + 1) * PAGES;
        let inside = |page: &Page| page.pfn() < frames.end && page.pfn() + (1 << page.order()) > frames.start;
        let moves = *self.owner.behaviour.lock().unwrap() == Behaviour::Moves;
        let pages = self.running.frames().owners();
        let is_inside = |handle: &&Handle| inside(&pages.hold(**handle).unwrap().page());
        let (pinned, stays) = (self.model.pinned.iter().any(|it| is_inside(&it)), self.model.pages.iter().any(inside));
        let movable = self.model.handles.iter().filter(is_inside).count();
        match self.running.apply(&Operation::Offline { block }) {
            Ok(_) => {
                count(0);
                if movable > 0 {
                    count(1);
                }
                assert!(online && !pinned && !stays && (moves || movable == 0), "block {block} went off line");
                assert!(!self.model.handles.iter().any(|it| is_inside(&it)), "block {block} has pages in use");
            }
            Err(error) if online => {
                count(2);
                assert_eq!(error.errno(), Errno::Busy, "{error}");
                // Movable pages may find no room; anything else is a reason that the model knows.
                assert!(pinned || stays || movable > 0, "block {block}: {error}");
            }
            Err(error) => assert_eq!(error.errno(), Errno::Inval, "{error}"),
        }
    }

    fn remove_node(&self, number: u16) {
        let first = u64::from(number) * (BLOCKS + 1);
        (first..first + BLOCKS + 1).for_each(|block| self.offline(block));
        if self.operate(&Operation::RemoveBlocks { first, count: BLOCKS + 1 }) {
            self.operate(&Operation::CpuOffline { cpu: u32::from(number) });
            if self.operate(&Operation::RemoveNode(node(number))) {
                count(4);
            }
        }
    }

    /// No frame has two users, and each zone has just what the machine says less what is in use.
    fn check(&mut self) {
        self.local.drain();
        let (allocator, state) = (self.running.frames().allocator(), self.running.state());
        let pages = self.running.frames().owners();
        let behind = self.model.handles.iter().map(|&handle| pages.hold(handle).unwrap().page());
        let mut in_use: Vec<Page> = self.model.pages.iter().copied().chain(behind).collect();
        in_use.sort_unstable_by_key(|page| page.pfn());
        for pair in in_use.windows(2) {
            assert!(pair[0].pfn() + (1 << pair[0].order()) <= pair[1].pfn(), "{pair:?} overlap");
        }
        for zone in allocator.zones() {
            let managed = state.zones().find(|info| info.size.zone == zone.id()).map_or(0, |info| info.size.managed);
            let mine = in_use.iter().filter(|&&page| allocator.zone_of(page).unwrap().id() == zone.id());
            let used: u64 = mine.map(|page| 1 << page.order()).sum();
            assert_eq!((zone.managed() as u64, zone.free_pages() as u64), (managed, managed - used), "{zone:?}");
            assert_eq!(allocator.stats(zone.id()).unwrap().strays, 0);
        }
    }
}

/// How often what came about, over all histories.
static CAME_ABOUT: [(&str, AtomicUsize); 5] = [
    ("went off line", AtomicUsize::new(0)),
    ("went off line with pages in use", AtomicUsize::new(0)),
    ("was refused for a page", AtomicUsize::new(0)),
    ("came online", AtomicUsize::new(0)),
    ("was removed, a node", AtomicUsize::new(0)),
];

fn count(what: usize) {
    CAME_ABOUT[what].1.fetch_add(1, Relaxed);
}

#[test]
fn every_page_is_where_the_model_says() {
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&vec(anything(), 1..120), |steps| {
        let owner = Owner::default();
        let running = running(&owner);
        let local = running.frames().allocator().local().unwrap();
        let mut world = World { running: &running, owner: &owner, local, model: Model::default() };
        for step in &steps {
            world.step(step);
            world.check();
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    for (what, times) in &CAME_ABOUT {
        println!("{what}: {}", times.load(Relaxed));
        assert!(times.load(Relaxed) > 0, "never: {what}");
    }
}
