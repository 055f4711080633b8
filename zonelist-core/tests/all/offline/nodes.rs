//! A node that is removed: what was kept for its zones is freed, or kept.

use zonelist_core::{
    Slots, Spin, StopWorld, ZoneKind,
    hotplug::{AllocatorFrames, OnlineTo, Operation, RunningMachine, Structures},
    publish::{FullFence, Published},
};

use super::{BLOCKS, SEATS, node, spare, state};

/// Takes node 1's memory off line, its blocks and CPU away, the node, and brings all of it back.
fn remove_and_bring_back(reclaiming: bool) -> (Structures, bool) {
    let state = state();
    let published: Published<_, FullFence, SEATS> = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let frames: AllocatorFrames<'_, _, _, Spin, SEATS> = AllocatorFrames::of(published, &state).unwrap();
    let frames = if reclaiming { frames.reclaiming() } else { frames };
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    let (first, count) = (BLOCKS + 1, BLOCKS + 1);
    running.apply(&Operation::Online { block: spare(1), to: OnlineTo::Movable }).unwrap();
    (first..first + count).for_each(|block| drop(running.apply(&Operation::Offline { block }).unwrap()));
    running.apply(&Operation::RemoveBlocks { first, count }).unwrap();
    running.apply(&Operation::CpuOffline { cpu: 1 }).unwrap();
    running.apply(&Operation::RemoveNode(node(1))).unwrap();
    let zones = || running.frames().allocator().zones().iter().filter(|zone| zone.id().node() == node(1));
    let (structures, vacant) = (running.frames().structures(), zones().all(|zone| zone.is_vacant()));

    running.apply(&Operation::AddBlocks { node: node(1), first, count }).unwrap();
    running.apply(&Operation::Online { block: first, to: OnlineTo::Kernel }).unwrap();
    running.apply(&Operation::Online { block: spare(1), to: OnlineTo::Movable }).unwrap();
    let free: Vec<_> = zones().map(|zone| (zone.id().kind(), zone.free_pages() as u64)).collect();
    assert_eq!(free, [(ZoneKind::Normal, super::PAGES), (ZoneKind::Movable, super::PAGES)]);
    (structures, vacant)
}

#[test]
fn a_scheme_that_knows_of_grace_periods_frees_a_gone_node_s_zones() {
    assert_eq!(remove_and_bring_back(true), (Structures { freed: 2, kept: 0, put_off: 0 }, true));
}

#[test]
fn any_other_keeps_them() {
    assert_eq!(remove_and_bring_back(false), (Structures { freed: 0, kept: 2, put_off: 0 }, false));
}

#[test]
fn a_node_that_nobody_knew_of_at_boot_brings_memory_if_there_is_room_for_it() {
    let (state, first) = (state(), 100);
    let room = [(node(2), first * super::PAGES..(first + 2) * super::PAGES)];
    for (room, fits) in [(&room[..], true), (&[], false)] {
        let published: Published<_, FullFence, SEATS> = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
        let frames: AllocatorFrames<'_, _, _, Spin, SEATS> =
            AllocatorFrames::with_room(published, &state, room).unwrap();
        let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
        running.apply(&Operation::AddBlocks { node: node(2), first, count: 2 }).unwrap();
        let before = running.state();
        let online = running.apply(&Operation::Online { block: first + 1, to: OnlineTo::Movable });
        let zone = running.frames().allocator().zone(super::movable(2));
        if fits {
            online.unwrap();
            assert_eq!(zone.unwrap().free_pages() as u64, super::PAGES);
        } else {
            let error = online.unwrap_err();
            assert!(error.to_string().ends_with("not the allocator's; expected one that it was given"), "{error}");
            assert!(zone.is_none() && running.state() == before);
        }
    }
}
