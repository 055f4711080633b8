//! Removal of a node: the metadata of its zones is freed or kept.

use zonelist_core::{
    Pfn, ZoneKind,
    hotplug::{
        AllocatorProvider, BlockId, Errno, HotplugError, MetadataStatistics, OnlineTo, Operation, ProviderError,
        RunningMachine,
    },
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    table::Slots,
};

use super::{BLOCKS, READERS, node, spare, state};

/// Puts the memory and CPU of node 1 offline, removes its blocks and the node, and adds all of it again.
/// Returns the statistics, and true if the node's zones had no metadata meanwhile.
fn remove_and_add_again(reclaiming: bool) -> (MetadataStatistics, bool) {
    let state = state();
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::new(published, &state).unwrap();
    let frames = if reclaiming { frames.reclaiming() } else { frames };
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    let (first, count) = (BLOCKS + 1, BLOCKS + 1);
    running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
    (first..first + count)
        .for_each(|block| drop(running.apply(&Operation::Offline { block: BlockId::new(block) }).unwrap()));
    running.apply(&Operation::RemoveBlocks { first: BlockId::new(first), count }).unwrap();
    running.apply(&Operation::CpuOffline { cpu: 1 }).unwrap();
    running.apply(&Operation::RemoveNode(node(1))).unwrap();
    let zones = || running.provider().allocator().zones().iter().filter(|zone| zone.id().node() == node(1));
    let (statistics, without_metadata) =
        (running.provider().metadata_statistics(), zones().all(|zone| !zone.has_metadata()));

    running.apply(&Operation::AddBlocks { node: node(1), first: BlockId::new(first), count }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(first), to: OnlineTo::Kernel }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(spare(1)), to: OnlineTo::Movable }).unwrap();
    let free: Vec<_> = zones().map(|zone| (zone.id().kind(), zone.free_pages() as u64)).collect();
    assert_eq!(free, [(ZoneKind::Normal, super::PAGES), (ZoneKind::Movable, super::PAGES)]);
    (statistics, without_metadata)
}

#[test]
fn a_scheme_with_grace_periods_frees_the_metadata_of_a_removed_node() {
    assert_eq!(remove_and_add_again(true), (MetadataStatistics { freed: 2, kept: 0, deferred: 0 }, true));
}

#[test]
fn other_schemes_keep_the_metadata() {
    assert_eq!(remove_and_add_again(false), (MetadataStatistics { freed: 0, kept: 2, deferred: 0 }, false));
}

#[test]
fn a_node_without_blocks_at_boot_can_have_memory_if_there_is_room() {
    let (state, first) = (state(), 100);
    let room = [(node(2), Pfn::range(first * super::PAGES..(first + 2) * super::PAGES))];
    for (room, fits) in [(&room[..], true), (&[], false)] {
        let published: Published<_> =
            Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
        let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::with_room(published, &state, room).unwrap();
        let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
        running.apply(&Operation::AddBlocks { node: node(2), first: BlockId::new(first), count: 2 }).unwrap();
        let before = running.state();
        let online = running.apply(&Operation::Online { block: BlockId::new(first + 1), to: OnlineTo::Movable });
        let zone = running.provider().allocator().zone(super::movable(2));
        if fits {
            online.unwrap();
            assert_eq!(zone.unwrap().free_pages() as u64, super::PAGES);
        } else {
            let error = online.unwrap_err();
            assert_eq!(
                error.to_string(),
                "block 101: frames 103424 to 104448 of zone 2/Movable; expected frames within the room that there is for \
                 it, none"
            );
            assert!(zone.is_none() && running.state() == before);
        }
    }
}

/// A block beyond the room, or across its end, is refused with its frames and the room; nothing has changed.
#[test]
fn a_block_beyond_the_room_is_refused_with_both() {
    let owner = super::Owner::default();
    let running = super::running(&owner);
    let (first, pages) = (super::spare(1) + 1, super::PAGES);
    let zone = running.provider().allocator().zone(super::movable(1)).unwrap();
    let room = Some((zone.span().start, zone.span().end));
    running.apply(&Operation::AddBlocks { node: node(1), first: BlockId::new(first), count: 2 }).unwrap();
    for block in [first, first + 1] {
        let before = super::observed(&running);
        let refused = running.apply(&Operation::Online { block: BlockId::new(block), to: OnlineTo::Movable }).map(drop);
        let frames = (Pfn::new(block * pages), Pfn::new((block + 1) * pages));
        let error = ProviderError::NoRoom { zone: zone.id(), frames, room };
        let error = HotplugError::Provider { block: BlockId::new(block), error };
        assert_eq!((error.errno(), refused, super::observed(&running)), (Errno::Inval, Err(error), before));
    }

    // Room that ends within a block.
    let state = state();
    let beyond = Pfn::range(100 * pages..101 * pages - 512);
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let room = [(node(2), beyond.clone())];
    let frames: AllocatorProvider<'_, _, _> = AllocatorProvider::with_room(published, &state, &room).unwrap();
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    running.apply(&Operation::AddBlocks { node: node(2), first: BlockId::new(100), count: 1 }).unwrap();
    let error = running.apply(&Operation::Online { block: BlockId::new(100), to: OnlineTo::Movable }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "block 100: frames 102400 to 103424 of zone 2/Movable; expected frames within the room that there is for it, \
         102400 to 102912"
    );
    let zone = running.provider().allocator().zone(super::movable(2)).unwrap();
    assert!(zone.managed() == 0 && zone.pageblock(beyond.start).is_none_or(|block| !block.isolated));
}
