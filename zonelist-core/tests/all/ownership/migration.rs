//! Where pages go that have to leave a block: to no higher kind of zone than they are in.

use zonelist_core::{
    Handle, Mobility, Movables, MoveError, Page, PageRequest, Request, Slots, StopWorld,
    ZoneKind::{self, Dma32, Movable, Normal},
    hotplug::{AllocatorFrames, BlockState, Errno, OnlineTo, Operation, RunningMachine, State},
    publish::{FullFence, Published},
};

use super::{SEATS, block, blocks, booted, full, machine, node, zone};

/// Each node has a zone of two blocks, of these kinds, and two blocks behind that are off line.
fn state(kinds: [ZoneKind; 2]) -> State {
    let start = |number: u16| u64::from(number) * 8192;
    let size = |number: u16| full(zone(number, kinds[usize::from(number)]), start(number)..start(number) + 2048);
    let list = [2, 3, 10, 11].map(|number| block(number, Some(number as u16 / 8), BlockState::Offline));
    booted(machine(vec![size(0), size(1)], vec![]).unwrap(), blocks(list.into())).unwrap()
}

type Owner = Movables<'static, fn(Handle, Page, Page) -> Result<(), MoveError>>;
type Frames = AllocatorFrames<'static, super::Scheme, FullFence, zonelist_core::Spin, SEATS, Owner>;

fn running(state: &State) -> RunningMachine<Frames> {
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let frames: AllocatorFrames<'_, _, _, _, SEATS> = AllocatorFrames::of(published, state).unwrap();
    let moves: fn(Handle, Page, Page) -> Result<(), MoveError> = |_, _, _| Ok(());
    RunningMachine::new(state.clone(), frames.with_owners(Movables::boxed(moves, 4096)).boot(state).unwrap()).unwrap()
}

/// Handles of so many pages in a block, for a request up to this kind on node 1.
fn handles(
    running: &RunningMachine<Frames>,
    highest: ZoneKind,
    mobility: Mobility,
    inside: u64,
    most: usize,
) -> Vec<Handle> {
    let (frames, owners) = (running.frames(), running.frames().owners());
    let zones = Request::up_to(highest).this_node();
    let request = PageRequest { zones, ..PageRequest::up_to(highest) }.mobility(mobility);
    let class = frames.allocator().class(&request).unwrap();
    let mut local = frames.allocator().local().unwrap();
    let (mut handles, mut others) = (Vec::new(), Vec::new());
    while handles.len() < most {
        let Ok(page) = local.alloc(node(1), &class) else { break };
        if page.pfn() / 1024 == inside { handles.push(owners.insert(page).unwrap()) } else { others.push(page) }
    }
    local.free_many(others).unwrap();
    handles
}

fn kinds(running: &RunningMachine<Frames>, handles: &[Handle]) -> Vec<ZoneKind> {
    let page = |&handle: &Handle| running.frames().owners().hold(handle).unwrap().page();
    let allocator = running.frames().allocator();
    handles.iter().map(|handle| allocator.zone_of(page(handle)).unwrap().id().kind()).collect()
}

#[test]
fn a_page_asked_for_up_to_a_kind_is_moved_to_none_above_it() {
    for (kind, to) in [(Dma32, OnlineTo::Kind(Dma32)), (Normal, OnlineTo::Kernel)] {
        let running = running(&state([kind; 2]));
        running.apply(&Operation::Online { block: 2, to: OnlineTo::Movable }).unwrap();
        running.apply(&Operation::Online { block: 11, to }).unwrap();
        let handles = handles(&running, kind, Mobility::Movable, 11, 50);
        assert_eq!(kinds(&running, &handles), [kind; 50]);
        running.apply(&Operation::Offline { block: 11 }).unwrap();
        assert_eq!(kinds(&running, &handles), [kind; 50], "Movable of node 0 has room as well");
    }
}

#[test]
fn a_movable_page_goes_wherever_there_is_room() {
    let running = running(&state([Dma32, Normal]));
    running.apply(&Operation::Online { block: 2, to: OnlineTo::Movable }).unwrap();
    running.apply(&Operation::Online { block: 11, to: OnlineTo::Movable }).unwrap();
    let handles = handles(&running, Movable, Mobility::Movable, 11, 600);
    assert_eq!(kinds(&running, &handles), [Movable; 600]);
    running.apply(&Operation::Offline { block: 11 }).unwrap();
    assert_eq!(kinds(&running, &handles), [Movable; 600]);
}

/// The other node has memory, but none that will do: pages stay on their own.
#[test]
fn where_no_other_node_has_such_memory_pages_stay_on_theirs() {
    let running = running(&state([Normal, Dma32]));
    running.apply(&Operation::Online { block: 11, to: OnlineTo::Kind(Dma32) }).unwrap();
    let handles = handles(&running, Dma32, Mobility::Movable, 11, 50);
    running.apply(&Operation::Offline { block: 11 }).unwrap();
    assert_eq!(kinds(&running, &handles), [Dma32; 50]);
    let owners = running.frames().owners();
    assert!(handles.iter().all(|&handle| owners.hold(handle).unwrap().page().pfn() / 8192 == 1));
}

/// And where there is none at all to be had, the block stays.
#[test]
fn a_page_with_no_place_to_go_keeps_its_block_online() {
    let running = running(&state([Normal, Dma32]));
    running.apply(&Operation::Online { block: 11, to: OnlineTo::Kind(Dma32) }).unwrap();
    let all = handles(&running, Dma32, Mobility::Movable, 11, usize::MAX);
    let zone = running.frames().allocator().zone(zone(1, Dma32)).unwrap();
    let rest: Vec<u64> = std::iter::repeat_with(|| zone.alloc(0, Mobility::Movable)).map_while(|pfn| pfn).collect();
    assert!(rest.iter().all(|pfn| pfn / 1024 != 11 || all.len() < 1024));
    let error = running.apply(&Operation::Offline { block: 11 }).unwrap_err();
    assert_eq!(error.errno(), Errno::Busy, "{error}");
    assert_eq!(kinds(&running, &all[..10]), [Dma32; 10]);
}

/// A page that is not to be moved as a rule does not get into Movable, also if it was there.
#[test]
fn an_unmovable_page_is_not_moved_into_movable_memory() {
    let running = running(&state([Normal, Normal]));
    running.apply(&Operation::Online { block: 2, to: OnlineTo::Movable }).unwrap();
    running.apply(&Operation::Online { block: 11, to: OnlineTo::Movable }).unwrap();
    let handles = handles(&running, Movable, Mobility::Unmovable, 11, 20);
    assert_eq!(kinds(&running, &handles), [Movable; 20]);
    running.apply(&Operation::Offline { block: 11 }).unwrap();
    assert_eq!(kinds(&running, &handles), [Normal; 20]);
}
