//! Random sequences of allocation, free, hotplug and node removal, compared with an oracle of the pages in use.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};
use zonelist_core::{
    Mobility, Page, PageRequest, Pfn, Request, ZoneKind,
    hotplug::{BlockId, Errno, MemoryBlockState, OnlineTo, Operation},
    page_alloc::Handle,
    zone::Order,
};

use super::{BLOCKS, Behaviour, Handles, Owner, PAGES, Running, node, running};
use crate::support::order;

/// One step of a random sequence.
#[derive(Clone, Debug)]
enum Step {
    /// Allocates a page that can't migrate, since its user keeps the address.
    Alloc {
        node: u16,
        order: Order,
        movable: bool,
    },
    /// Allocates a page behind a handle, which can migrate.
    AllocHandle {
        node: u16,
        order: Order,
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
    /// Removes the rest of a node: its blocks, its CPU, the node.
    RemoveNode(u16),
    AddNode(u16),
    SetMoves(bool),
    Drain,
}

fn any_step() -> impl Strategy<Value = Step> {
    let block = || 0..2 * (BLOCKS + 1);
    let order = |numbers: std::ops::Range<u8>| numbers.prop_map(order);
    prop_oneof![
        8 => (0..2_u16, order(0..11), any::<bool>()).prop_map(|(node, order, movable)| Step::Alloc { node, order, movable }),
        12 => (0..2_u16, order(0..10)).prop_map(|(node, order)| Step::AllocHandle { node, order }),
        10 => any::<Index>().prop_map(Step::Free),
        6 => any::<Index>().prop_map(Step::FreeHandle),
        2 => any::<Index>().prop_map(Step::Pin),
        8 => (block(), any::<bool>()).prop_map(|(block, movable)| Step::Online { block, movable }),
        14 => block().prop_map(|block| Step::Offline { block }),
        1 => (0..2_u16).prop_map(Step::RemoveNode),
        3 => (0..2_u16).prop_map(Step::AddNode),
        1 => any::<bool>().prop_map(Step::SetMoves),
        1 => Just(Step::Drain),
    ]
}

/// The oracle: pages and handles in use.
#[derive(Default)]
struct Oracle {
    pages: Vec<Page>,
    handles: Vec<Handle>,
    pinned: Vec<Handle>,
}

struct Machine<'w> {
    running: &'w Running<'w>,
    owner: &'w Owner,
    local: Handles<'w>,
    oracle: Oracle,
}

impl Machine<'_> {
    fn alloc(&mut self, local: u16, order: Order, movable: bool) -> Option<Page> {
        let highest = if movable { ZoneKind::Movable } else { ZoneKind::Normal };
        let mobility = if movable { Mobility::Movable } else { Mobility::Unmovable };
        let request = PageRequest { zones: Request::up_to(highest), ..PageRequest::up_to(highest) };
        let prepared = self.running.provider().allocator().prepare(&request.order(order).mobility(mobility));
        let page = self.local.alloc(node(local), &prepared).ok()?;
        let zone = self.running.provider().allocator().zone_of(&page).unwrap().id();
        assert!(request.zones.admits(zone), "{page:?} of {zone}");
        Some(page)
    }

    fn step(&mut self, step: &Step) {
        let pages = self.running.provider().migration_source();
        match step {
            Step::Alloc { node, order, movable } => {
                let page = self.alloc(*node, *order, *movable);
                self.oracle.pages.extend(page);
            }
            Step::AllocHandle { node, order } => {
                if let Some(page) = self.alloc(*node, *order, true) {
                    let handle = pages.insert(page).unwrap();
                    self.oracle.handles.push(handle);
                }
            }
            Step::Free(index) if !self.oracle.pages.is_empty() => {
                let at = index.index(self.oracle.pages.len());
                self.local.free(self.oracle.pages.swap_remove(at)).unwrap();
            }
            Step::FreeHandle(index) if !self.oracle.handles.is_empty() => {
                let at = index.index(self.oracle.handles.len());
                let handle = self.oracle.handles.swap_remove(at);
                self.oracle.pinned.retain(|&pinned| pinned != handle);
                self.local.free(pages.remove(handle).unwrap()).unwrap();
            }
            Step::Pin(index) if !self.oracle.handles.is_empty() => {
                let handle = self.oracle.handles[index.index(self.oracle.handles.len())];
                pages.pin(handle).unwrap();
                self.oracle.pinned.push(handle);
            }
            Step::Online { block, movable } => {
                let to = if *movable { OnlineTo::Movable } else { OnlineTo::Kernel };
                if self.operate(&Operation::Online { block: BlockId::new(*block), to }) {
                    count(3);
                }
            }
            Step::Offline { block } => self.offline(*block),
            Step::RemoveNode(number) => self.remove_node(*number),
            Step::AddNode(number) => {
                let first = u64::from(*number) * (BLOCKS + 1);
                self.operate(&Operation::AddBlocks {
                    node: node(*number),
                    first: BlockId::new(first),
                    count: BLOCKS + 1,
                });
                self.operate(&Operation::CpuOnline { cpu: u32::from(*number) });
            }
            Step::SetMoves(moves) => {
                let not_now = Behaviour::Refuses(zonelist_core::page_alloc::MoveError::NotNow);
                *self.owner.behaviour.lock().unwrap() = if *moves { Behaviour::Moves } else { not_now };
            }
            Step::Drain => self.local.drain(),
            _ => {}
        }
    }

    /// Performs an operation. A refusal must change nothing.
    fn operate(&self, operation: &Operation) -> bool {
        let before = self.running.state();
        let done = self.running.apply(operation);
        assert!(done.is_ok() || self.running.state() == before, "{operation:?}");
        done.is_ok()
    }

    /// Puts a block offline: it succeeds only if no page in use prevents it, and a refusal has a reason in the oracle.
    fn offline(&self, block: u64) {
        let state = self.running.state();
        let Ok(info) = state.block(BlockId::new(block)) else { return };
        let online = matches!(info.state, MemoryBlockState::Online(_));
        let frames = Pfn::range(block * PAGES..(block + 1) * PAGES);
        let inside = |page: &Page| page.pfn() < frames.end && page.frames().end > frames.start;
        let moves = *self.owner.behaviour.lock().unwrap() == Behaviour::Moves;
        let pages = self.running.provider().migration_source();
        let is_inside = |handle: &&Handle| inside(pages.hold(**handle).unwrap().page());
        let (pinned, stays) =
            (self.oracle.pinned.iter().any(|it| is_inside(&it)), self.oracle.pages.iter().any(inside));
        let movable = self.oracle.handles.iter().filter(is_inside).count();
        match self.running.apply(&Operation::Offline { block: BlockId::new(block) }) {
            Ok(_) => {
                count(0);
                if movable > 0 {
                    count(1);
                }
                assert!(online && !pinned && !stays && (moves || movable == 0), "block {block} went offline");
                assert!(!self.oracle.handles.iter().any(|it| is_inside(&it)), "block {block} has pages in use");
            }
            Err(error) if online => {
                count(2);
                assert_eq!(error.errno(), Errno::Busy, "{error}");
                // Movable pages may find no target; the oracle knows every other reason.
                assert!(pinned || stays || movable > 0, "block {block}: {error}");
            }
            Err(error) => assert_eq!(error.errno(), Errno::Inval, "{error}"),
        }
    }

    fn remove_node(&self, number: u16) {
        let first = u64::from(number) * (BLOCKS + 1);
        (first..first + BLOCKS + 1).for_each(|block| self.offline(block));
        if self.operate(&Operation::RemoveBlocks { first: BlockId::new(first), count: BLOCKS + 1 }) {
            self.operate(&Operation::CpuOffline { cpu: u32::from(number) });
            if self.operate(&Operation::RemoveNode(node(number))) {
                count(4);
            }
        }
    }

    /// No frame has two users. Each zone manages the pages that the state says, and all but those in use are free.
    fn check(&mut self) {
        self.local.drain();
        let (allocator, state) = (self.running.provider().allocator(), self.running.state());
        let pages = self.running.provider().migration_source();
        let held: Vec<_> = self.oracle.handles.iter().map(|&handle| pages.hold(handle).unwrap()).collect();
        let mut in_use: Vec<&Page> = self.oracle.pages.iter().chain(held.iter().map(|held| held.page())).collect();
        in_use.sort_unstable_by_key(|page| page.pfn());
        for pair in in_use.windows(2) {
            assert!(pair[0].frames().end <= pair[1].pfn(), "{pair:?} overlap");
        }
        for zone in allocator.zones() {
            let managed = state.zones().find(|info| info.size.zone == zone.id()).map_or(0, |info| info.size.managed);
            let mine = in_use.iter().filter(|page| allocator.zone_of(page).unwrap().id() == zone.id());
            let used: u64 = mine.map(|page| page.order().pages()).sum();
            assert_eq!((zone.managed() as u64, zone.free_pages() as u64), (managed, managed - used), "{zone:?}");
            assert_eq!(allocator.stats(zone.id()).unwrap().misdirected, 0);
        }
    }
}

/// Counts of events over all sequences.
static EVENTS: [(&str, AtomicUsize); 5] = [
    ("blocks went offline", AtomicUsize::new(0)),
    ("blocks went offline with movable pages in use", AtomicUsize::new(0)),
    ("blocks stayed online for a page in use", AtomicUsize::new(0)),
    ("blocks came online", AtomicUsize::new(0)),
    ("nodes were removed", AtomicUsize::new(0)),
];

fn count(event: usize) {
    EVENTS[event].1.fetch_add(1, Relaxed);
}

#[test]
fn pages_and_zones_agree_with_the_oracle() {
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&vec(any_step(), 1..120), |steps| {
        let owner = Owner::default();
        let running = running(&owner);
        let local = running.provider().allocator().local().unwrap();
        let mut machine = Machine { running: &running, owner: &owner, local, oracle: Oracle::default() };
        for step in &steps {
            machine.step(step);
            machine.check();
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    for (event, times) in &EVENTS {
        println!("{event}: {}", times.load(Relaxed));
        assert!(times.load(Relaxed) > 0, "never: {event}");
    }
}
