//! Migration targets: never in a zone of a higher kind than the page's own.

use zonelist_core::{
    Mobility, Page, PageRequest, Pfn, Request,
    ZoneKind::{self, Dma32, Movable, Normal},
    hotplug::{AllocatorProvider, BlockId, Errno, MemoryBlockState, OnlineTo, Operation, RunningMachine, State},
    page_alloc::{Handle, MovablePages, MoveError},
    publish::{Published, Standard},
    stop_world::StopWorld,
    table::Slots,
    zone::Order,
};

use super::{block, blocks, booted, full, machine, node, zone};

/// Each node has a zone of two blocks, of these kinds, and two offline blocks after it.
fn state(kinds: [ZoneKind; 2]) -> State {
    let start = |number: u16| u64::from(number) * 8192;
    let size = |number: u16| full(zone(number, kinds[usize::from(number)]), start(number)..start(number) + 2048);
    let list = [2, 3, 10, 11].map(|number| block(number, Some(number as u16 / 8), MemoryBlockState::Offline));
    booted(machine(vec![size(0), size(1)], vec![]).unwrap(), blocks(list.into())).unwrap()
}

type Owner = MovablePages<'static, fn(Handle, &Page, &Page) -> Result<(), MoveError>>;
type Frames = AllocatorProvider<'static, super::Scheme, Standard, (Owner, ())>;

fn running(state: &State) -> RunningMachine<Frames> {
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::new(published, state).unwrap();
    let moves: fn(Handle, &Page, &Page) -> Result<(), MoveError> = |_, _, _| Ok(());
    RunningMachine::new(
        state.clone(),
        frames.with_migration_source(MovablePages::boxed(moves, 4096)).boot(state).unwrap(),
    )
    .unwrap()
}

/// Handles of up to `max` pages in a block, for a request up to this kind on node 1.
fn handles(
    running: &RunningMachine<Frames>,
    highest: ZoneKind,
    mobility: Mobility,
    inside: u64,
    max: usize,
) -> Vec<Handle> {
    let (frames, owners) = (running.provider(), running.provider().migration_source());
    let zones = Request::up_to(highest).this_node();
    let request = PageRequest { zones, ..PageRequest::up_to(highest) }.mobility(mobility);
    let prepared = frames.allocator().prepare(&request);
    let mut local = frames.allocator().local().unwrap();
    let (mut handles, mut others) = (Vec::new(), Vec::new());
    while handles.len() < max {
        let Ok(page) = local.alloc(node(1), &prepared) else { break };
        if page.pfn().number() / 1024 == inside {
            handles.push(owners.insert(page).unwrap())
        } else {
            others.push(page)
        }
    }
    local.free_bulk(others).unwrap();
    handles
}

fn kinds(running: &RunningMachine<Frames>, handles: &[Handle]) -> Vec<ZoneKind> {
    let hold = |&handle: &Handle| running.provider().migration_source().hold(handle).unwrap();
    let allocator = running.provider().allocator();
    handles.iter().map(|handle| allocator.zone_of(hold(handle).page()).unwrap().id().kind()).collect()
}

#[test]
fn a_page_migrates_to_no_higher_kind() {
    for (kind, to) in [(Dma32, OnlineTo::Kind(Dma32)), (Normal, OnlineTo::Kernel)] {
        let running = running(&state([kind; 2]));
        running.apply(&Operation::Online { block: BlockId::new(2), to: OnlineTo::Movable }).unwrap();
        running.apply(&Operation::Online { block: BlockId::new(11), to }).unwrap();
        let handles = handles(&running, kind, Mobility::Movable, 11, 50);
        assert_eq!(kinds(&running, &handles), [kind; 50]);
        running.apply(&Operation::Offline { block: BlockId::new(11) }).unwrap();
        assert_eq!(kinds(&running, &handles), [kind; 50], "although Movable of node 0 has room");
    }
}

#[test]
fn a_movable_page_migrates_wherever_there_is_room() {
    let running = running(&state([Dma32, Normal]));
    running.apply(&Operation::Online { block: BlockId::new(2), to: OnlineTo::Movable }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(11), to: OnlineTo::Movable }).unwrap();
    let handles = handles(&running, Movable, Mobility::Movable, 11, 600);
    assert_eq!(kinds(&running, &handles), [Movable; 600]);
    running.apply(&Operation::Offline { block: BlockId::new(11) }).unwrap();
    assert_eq!(kinds(&running, &handles), [Movable; 600]);
}

/// The other node has memory, but only of a higher kind: pages stay on their own node.
#[test]
fn pages_stay_on_their_node_if_no_other_has_suitable_memory() {
    let running = running(&state([Normal, Dma32]));
    running.apply(&Operation::Online { block: BlockId::new(11), to: OnlineTo::Kind(Dma32) }).unwrap();
    let handles = handles(&running, Dma32, Mobility::Movable, 11, 50);
    running.apply(&Operation::Offline { block: BlockId::new(11) }).unwrap();
    assert_eq!(kinds(&running, &handles), [Dma32; 50]);
    let owners = running.provider().migration_source();
    assert!(handles.iter().all(|&handle| owners.hold(handle).unwrap().page().pfn().number() / 8192 == 1));
}

/// Without any target the block stays online.
#[test]
fn a_page_without_a_target_keeps_its_block_online() {
    let running = running(&state([Normal, Dma32]));
    running.apply(&Operation::Online { block: BlockId::new(11), to: OnlineTo::Kind(Dma32) }).unwrap();
    let all = handles(&running, Dma32, Mobility::Movable, 11, usize::MAX);
    let zone = running.provider().allocator().zone(zone(1, Dma32)).unwrap();
    let rest: Vec<Pfn> =
        std::iter::repeat_with(|| zone.alloc(Order::ZERO, Mobility::Movable)).map_while(|pfn| pfn).collect();
    assert!(rest.iter().all(|pfn| pfn.number() / 1024 != 11 || all.len() < 1024));
    let error = running.apply(&Operation::Offline { block: BlockId::new(11) }).unwrap_err();
    assert_eq!(error.errno(), Errno::Busy, "{error}");
    assert_eq!(kinds(&running, &all[..10]), [Dma32; 10]);
}

/// An unmovable page does not migrate into Movable, even if it was there.
#[test]
fn an_unmovable_page_does_not_migrate_into_movable() {
    let running = running(&state([Normal, Normal]));
    running.apply(&Operation::Online { block: BlockId::new(2), to: OnlineTo::Movable }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(11), to: OnlineTo::Movable }).unwrap();
    let handles = handles(&running, Movable, Mobility::Unmovable, 11, 20);
    assert_eq!(kinds(&running, &handles), [Movable; 20]);
    running.apply(&Operation::Offline { block: BlockId::new(11) }).unwrap();
    assert_eq!(kinds(&running, &handles), [Normal; 20]);
}
