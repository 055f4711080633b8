//! Blocks that go offline under an allocator in use: migration, waits, and refusals that change nothing.

mod backing;
mod callbacks;
mod migration;
mod node_removal;
mod oracle;
mod refusals;

use std::{ops::Range, sync::Mutex};

use zonelist_core::{
    LocalHandle, Mobility, NodeId, Page, PageRequest, Pfn, ZoneId, ZoneKind,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, RunningMachine,
        State,
    },
    page_alloc::{Handle, Migrate, MovablePages, MoveError, ZoneStats},
    publish::{Published, ReaderSlots, Standard},
    stop_world::StopWorld,
    table::{Slot, Slots},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

/// Pages of a block.
const PAGES: u64 = 1024;
/// Blocks of each node's Normal zone. The block after them is offline at boot.
const BLOCKS: u64 = 3;
/// Reader slots.
const READERS: usize = 4;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

/// The block after a node's Normal zone.
fn spare(number: u16) -> u64 {
    u64::from(number) * (BLOCKS + 1) + BLOCKS
}

fn movable(number: u16) -> ZoneId {
    ZoneId::new(node(number), ZoneKind::Movable)
}

/// A machine of two nodes, each with a Normal zone of three blocks and an offline block.
pub(crate) fn state() -> State {
    let zone = |node: u16| ZoneSize {
        zone: ZoneId::new(NodeId::new(node).unwrap(), ZoneKind::Normal),
        start_pfn: Pfn::new(u64::from(node) * (BLOCKS + 1) * PAGES),
        spanned: BLOCKS * PAGES,
        present: BLOCKS * PAGES,
        managed: BLOCKS * PAGES,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1, 2],
        distance: vec![vec![10, 20, 20], vec![20, 10, 20], vec![20, 20, 10]],
        cpus: [(0, vec![0]), (1, vec![1])].into(),
        online: vec![0, 1],
        has_cpu: vec![0, 1],
        has_memory: vec![0, 1],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![zone(0), zone(1)],
            tunables: Tunables { min_free_kbytes: 256, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let block = |number: u64| MemoryBlock {
        number: BlockId::new(number),
        node: NodeId::new((number / (BLOCKS + 1)) as u16),
        state: if number % (BLOCKS + 1) == BLOCKS {
            MemoryBlockState::Offline
        } else {
            MemoryBlockState::Online(ZoneKind::Normal)
        },
        has_holes: false,
        memmap_pages: 0,
    };
    let list = (0..2 * (BLOCKS + 1)).map(block).collect();
    State::booted(machine, MemoryBlocks { pages: PAGES, list, ..MemoryBlocks::default() }, Rules::LINUX_6_1).unwrap()
}

/// A migrate callback that behaves as scripted, and logs its moves.
#[derive(Debug, Default)]
struct Owner {
    behaviour: Mutex<Behaviour>,
    /// Source and target frames.
    moves: Mutex<Vec<(u64, u64)>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Behaviour {
    #[default]
    Moves,
    Refuses(MoveError),
    Panics,
}

impl Migrate for &Owner {
    fn move_page(&self, _: Handle, from: &Page, to: &Page) -> Result<(), MoveError> {
        let behaviour = *self.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Moves => {
                self.moves.lock().unwrap().push((from.pfn().number(), to.pfn().number()));
                Ok(())
            }
            Behaviour::Refuses(error) => Err(error),
            Behaviour::Panics => panic!("a fault of the migrate callback"),
        }
    }
}

type Scheme = StopWorld<Box<[Slot]>>;
type Pages<'o> = MovablePages<'static, &'o Owner>;
type Frames<'o> = AllocatorProvider<'static, Scheme, Standard, (Pages<'o>, ())>;
type Running<'o> = RunningMachine<Frames<'o>>;
type Handles<'a> = LocalHandle<'a, 'static, Scheme, Standard>;

/// The machine, with the spare block of node 1 online in its Movable zone.
fn running(owner: &Owner) -> Running<'_> {
    let state = state();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let frames =
        AllocatorProvider::new(published, &state).unwrap().with_migration_source(MovablePages::boxed(owner, 4096));
    let frames = frames.reclaiming();
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
    running
}

/// A movable page of node 1's Movable zone.
fn page_in_spare(running: &Running<'_>, local: &mut Handles<'_>) -> Page {
    let request = PageRequest::up_to(ZoneKind::Movable).mobility(Mobility::Movable);
    let prepared = running.provider().allocator().prepare(&request);
    let page = local.alloc(node(1), &prepared).unwrap();
    assert!(spare_frames().contains(&page.pfn()), "{page:?}");
    page
}

/// The frames of node 1's spare block.
fn spare_frames() -> Range<Pfn> {
    Pfn::range(spare(1) * PAGES..(spare(1) + 1) * PAGES)
}

fn offline() -> Operation {
    Operation::Offline { block: BlockId::new(spare(1)) }
}

/// Everything that a refusal must not change: the state, the statistics of each zone, isolated pageblocks.
fn observed(running: &Running<'_>) -> (std::sync::Arc<State>, Vec<ZoneStats>, Vec<bool>) {
    let allocator = running.provider().allocator();
    allocator.drain().unwrap();
    let stats = allocator.zones().iter().map(|zone| {
        // Counters of requests may change.
        let stats = allocator.stats(zone.id()).unwrap();
        ZoneStats { hits: 0, misses: 0, fallbacks: 0, failures: 0, ..stats }
    });
    let isolated = Pfn::iter(spare_frames())
        .step_by(512)
        .map(|pfn| allocator.zone(movable(1)).unwrap().pageblock(pfn).is_some_and(|block| block.isolated));
    (running.state(), stats.collect(), isolated.collect())
}
