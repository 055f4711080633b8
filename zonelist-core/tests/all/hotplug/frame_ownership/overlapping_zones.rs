//! Machines with zones whose spans overlap: accepted where each frame has one zone, else refused.

use zonelist_core::{
    Pfn, ZoneId,
    ZoneKind::{self, Dma32, Movable, Normal},
    hotplug::{
        AllocatorProvider, BlockId, Errno, MemoryBlock, MemoryBlockState, MemoryBlocks, MemoryBlocksError, OnlineTo,
        Operation, ProviderError,
    },
    page_alloc::SetupError,
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    table::Slots,
    topology::MachineError,
    zone::UnknownOwner,
};

use super::{Frames, READERS, all_frames, block, blocks, booted, full, machine, node, ranges_of, running, size, zone};

const N0: fn() -> ZoneId = || zone(0, Normal);
const N1: fn() -> ZoneId = || zone(1, Normal);

fn online(number: u64, node: u16, kind: ZoneKind) -> MemoryBlock {
    block(number, Some(node), MemoryBlockState::Online(kind))
}

#[test]
fn more_present_pages_than_frames_are_refused() {
    let no_room = |zones| match machine(zones, vec![]) {
        Err(error @ MachineError::NoRoom { .. }) => assert!(error.to_string().contains("; expected "), "{error}"),
        other => panic!("{other:?}"),
    };
    no_room(vec![full(N0(), 0..4096), full(N1(), 0..4096)]);
    no_room(vec![size(N0(), 0..4096, 2049), size(N1(), 0..4096, 2048)]);
    // There is room in total, but not in the spans of two of the three.
    no_room(vec![size(N0(), 0..4096, 2049), size(N1(), 0..4096, 2048), size(zone(1, Movable), 0..1 << 20, 1)]);
    no_room(vec![full(N0(), 1000..1001), size(N1(), 0..2000, 1999), full(zone(1, Movable), 1999..2000)]);
    // As many pages as frames: each has some frame.
    for present in [2047, 2048] {
        machine(vec![size(N0(), 0..4096, present), size(N1(), 0..4096, 2048)], vec![]).unwrap();
    }
    machine(vec![full(N0(), 1000..1001), size(N1(), 0..2000, 1999)], vec![]).unwrap();
    // Frames that one zone is known to have are not available to the other.
    let ranges = vec![(N0(), 0..1000), (N0(), 2000..3000)];
    machine(vec![size(N0(), 0..3000, 2000), size(N1(), 500..2500, 1000)], ranges.clone()).unwrap();
    let short = machine(vec![size(N0(), 0..3000, 2000), size(N1(), 500..2500, 1001)], ranges);
    assert_eq!(short, Err(MachineError::NoRoom { zone: N1() }));
}

#[test]
fn exact_ranges_that_contradict_the_sizes_are_refused() {
    let sizes = || vec![size(N0(), 0..3000, 2000), size(N1(), 1000..2000, 500)];
    for (ranges, error, message) in [
        (
            vec![(N0(), 0..1000), (zone(0, Movable), 0..1)],
            MachineError::ZoneRange { index: 1, zone: zone(0, Movable) },
            "zone_ranges[1]: zone 0/Movable; expected some frames of the span of one of `zones`",
        ),
        (vec![(N0(), 5..5)], MachineError::ZoneRange { index: 0, zone: N0() }, "zone_ranges[0]"),
        (vec![(N1(), 999..1500)], MachineError::ZoneRange { index: 0, zone: N1() }, "zone_ranges[0]"),
        (vec![(N1(), 1500..u64::MAX)], MachineError::ZoneRange { index: 0, zone: N1() }, "zone_ranges[0]"),
        (
            vec![(N0(), 0..1000), (N0(), 2000..2999)],
            MachineError::RangeSum { zone: N0(), frames: 1999, present: 2000 },
            "zone_ranges: 1999 frames of zone 0/Normal; expected the 2000 that are present",
        ),
        (
            vec![(N1(), 1000..1500), (N0(), 0..1001), (N0(), 2001..3000)],
            MachineError::RangeOverlap { index: 0, zones: (N0(), N1()), pfn: Pfn::new(1000) },
            "zone_ranges[0]: frame 1000 of zone 1/Normal is zone 0/Normal's already; expected each frame in one range",
        ),
    ] {
        let refused = machine(sizes(), ranges).unwrap_err();
        assert_eq!(refused, error);
        assert!(refused.to_string().starts_with(message), "{refused}");
    }
    let nothing = zonelist_core::topology::MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        zone_ranges: vec![(N0(), Pfn::range(0..1))],
        ..Default::default()
    };
    let refused = zonelist_core::topology::Machine::new(nothing).unwrap_err();
    assert_eq!(refused, MachineError::ZoneRange { index: 0, zone: N0() }, "there are no sizes");
}

/// Two zones that may have the same frames: a state without blocks needs only sizes; an allocator is refused.
#[test]
fn zones_that_may_have_the_same_frames_are_named() {
    let sizes = || vec![size(N0(), 0..4096, 3000), size(N1(), 2048..8192, 3000)];
    let unknown = UnknownOwner { zones: (N0(), N1()), pfn: Pfn::new(2048) };
    let described = || machine(sizes(), vec![]).unwrap();
    assert_eq!(booted(described(), blocks(vec![])).unwrap_err(), MemoryBlocksError::Owner(unknown));
    assert_eq!(
        unknown.to_string(),
        "zones 0/Normal and 1/Normal overlap at frame 2048, and the description does not say whose the frames are; \
         expected exact ranges of one of them"
    );

    // Without blocks there is a state, which needs only sizes, but no allocator.
    let state = booted(described(), MemoryBlocks::default()).unwrap();
    assert_eq!(state.zones().len(), 2);
    assert_eq!(state.managed_frames(N0()), Err(unknown));
    assert_eq!(running(&state).unwrap_err(), unknown.to_string());
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let allocator: Result<Frames, _> = AllocatorProvider::new(published, &state);
    assert_eq!(allocator.unwrap_err(), SetupError::Owner(unknown), "before any zone is created");

    // With exact ranges of one of them, the zone of each frame is known.
    let exact = machine(sizes(), vec![(N0(), 0..2500), (N0(), 3000..3500)]).unwrap();
    let known = booted(exact, MemoryBlocks::default()).unwrap();
    let running = running(&known).unwrap();
    let all = all_frames(&running);
    assert_eq!(ranges_of(&all, N0()), [0..2500, 3000..3500]);
    let others = ranges_of(&all, N1());
    assert_eq!(others.iter().map(|range| range.end - range.start).sum::<u64>(), 3000);
    assert!(others.iter().all(|range| range.start >= 2500 && range.end <= 8192));

    // An allocator for that machine does not boot the other machine.
    let published: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(known.capacity())), ReaderSlots::boxed(READERS));
    let frames: Frames = AllocatorProvider::new(published, &known).unwrap();
    assert_eq!(frames.boot(&state).err(), Some(ProviderError::Owner(unknown)));
}

#[test]
fn frames_of_a_zone_that_fills_its_area_are_no_other_zones() {
    // Node 1 lies within node 0; a third zone within what is left.
    let sizes = vec![size(N0(), 0..8192, 4096), full(N1(), 2048..4096), full(zone(1, Movable), 6144..8192)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(vec![])).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, N0()), [0..2048, 4096..6144]);
    assert_eq!(ranges_of(&all, N1()), [2048..4096]);
    // One after the other: the second has all that the first leaves, and the third all that both leave.
    let sizes = vec![full(N0(), 0..1000), size(N1(), 0..2000, 1000), size(zone(1, Movable), 0..3000, 1000)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(vec![])).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, N1()), [1000..2000]);
    assert_eq!(ranges_of(&all, zone(1, Movable)), [2000..3000]);
}

/// Nodes interleaved by block, with one block of each missing: the spans overlap, and blocks name the zones.
#[test]
fn interleaved_nodes_have_the_frames_of_their_blocks() {
    let list = (0..8).filter(|number| ![4, 5].contains(number)).map(|number| online(number, number as u16 % 2, Normal));
    let sizes = vec![size(N0(), 0..7 * 1024, 3 * 1024), size(N1(), 1024..8 * 1024, 3 * 1024)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(list.collect())).unwrap();
    let running = running(&state).unwrap();
    let of = |number: u64| number * 1024..(number + 1) * 1024;
    let all = all_frames(&running);
    assert_eq!(ranges_of(&all, N0()), [of(0), of(2), of(6)]);
    assert_eq!(ranges_of(&all, N1()), [of(1), of(3), of(7)]);
    // A block that is added in the hole is of node 1, although it lies within the span of node 0.
    running.apply(&Operation::AddBlocks { node: node(1), first: BlockId::new(4), count: 1 }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(4), to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(1, Movable)), [of(4)]);
}

/// A block that two nodes share: divided by spans or by exact ranges, else unknown.
#[test]
fn a_block_of_two_nodes_is_divided_where_that_is_known() {
    let list = || vec![online(0, 0, Normal), block(1, None, MemoryBlockState::Shared), online(2, 1, Normal)];
    let apart = vec![full(N0(), 0..1500), full(N1(), 1500..3072)];
    let state = booted(machine(apart, vec![]).unwrap(), blocks(list())).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!((ranges_of(&all, N0()), ranges_of(&all, N1())), (vec![0..1500], vec![1500..3072]));

    let mixed = || vec![size(N0(), 0..1800, 1500), size(N1(), 1200..3072, 1500)];
    let unknown = UnknownOwner { zones: (N0(), N1()), pfn: Pfn::new(1200) };
    let refused = booted(machine(mixed(), vec![]).unwrap(), blocks(list())).unwrap_err();
    assert_eq!(refused, MemoryBlocksError::Owner(unknown));
    let exact = machine(mixed(), vec![(N0(), 0..1300), (N0(), 1600..1800)]).unwrap();
    let all = all_frames(&running(&booted(exact, blocks(list())).unwrap()).unwrap());
    assert_eq!(ranges_of(&all, N0()), [0..1300, 1600..1800]);
    assert!(ranges_of(&all, N1()).iter().all(|range| range.start >= 1300 && !(1600..1800).contains(&range.start)));

    // A zone with all pages in own blocks has none of the shared block, although its span covers it.
    let outer = vec![size(N0(), 0..4096, 2048), size(N1(), 1024..3072, 2048)];
    let mut around = list();
    around.push(online(3, 0, Normal));
    let state = booted(machine(outer, vec![]).unwrap(), blocks(around)).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!((ranges_of(&all, N0()), ranges_of(&all, N1())), (vec![0..1024, 3072..4096], vec![1024..3072]));
}

/// `kernelcore=mirror`: the Movable zone is the part of a node's memory that is not mirrored, amid the rest.
#[test]
fn movable_memory_amid_normal_memory_needs_exact_ranges() {
    let (normal, movable) = (zone(0, Normal), zone(0, Movable));
    let sizes = || vec![size(normal, 0..8192, 4096), size(movable, 1000..7000, 4000)];
    let list = || (0..8).map(|number| block(number, Some(0), MemoryBlockState::Shared)).collect::<Vec<_>>();
    let refused = booted(machine(sizes(), vec![]).unwrap(), blocks(list())).unwrap_err();
    assert!(matches!(refused, MemoryBlocksError::Owner(UnknownOwner { zones, .. }) if zones == (normal, movable)));
    let ranges = vec![(movable, 1000..2500), (movable, 4500..7000)];
    let state = booted(machine(sizes(), ranges).unwrap(), blocks(list())).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, movable), [1000..2500, 4500..7000]);
    assert_eq!(all.len(), 8096);
}

#[test]
fn blocks_that_contradict_exact_ranges_are_refused() {
    let exact = |range: std::ops::Range<u64>| {
        machine(vec![full(N0(), range.clone()), full(N1(), 8192..9216)], vec![(N0(), range)]).unwrap()
    };
    let refused = |list| booted(exact(0..2048), blocks(list)).unwrap_err();
    let range = |block| MemoryBlocksError::Range { block, zone: N0() };
    assert_eq!(
        refused(vec![block(1, Some(0), MemoryBlockState::Offline)]),
        range(BlockId::new(1)),
        "the ranges have an offline block"
    );
    assert_eq!(
        refused(vec![block(1, Some(1), MemoryBlockState::Shared)]),
        range(BlockId::new(1)),
        "the ranges have a block of another node"
    );
    assert!(refused(vec![block(1, None, MemoryBlockState::Offline)]).to_string().contains("; expected "));
    booted(exact(0..2048), blocks(vec![online(1, 0, Normal)])).unwrap();
    // A whole block, of which the ranges have half.
    let sizes = vec![size(N0(), 0..3072, 1536)];
    let half = machine(sizes, vec![(N0(), 0..1024), (N0(), 2560..3072)]).unwrap();
    let error = booted(half, blocks(vec![online(0, 0, Normal), online(2, 0, Normal)])).unwrap_err();
    const BLOCK: BlockId = BlockId::new(2);
    assert!(
        matches!(error, MemoryBlocksError::MoreThanPresent { .. } | MemoryBlocksError::Range { block: BLOCK, .. }),
        "{error}"
    );

    // Without ranges: an offline block within a zone that has all frames of its span.
    let sizes = vec![full(N0(), 0..4096)];
    let refused = booted(machine(sizes, vec![]).unwrap(), blocks(vec![block(1, Some(0), MemoryBlockState::Offline)]));
    assert_eq!(refused.unwrap_err(), MemoryBlocksError::NoRoom { zone: N0(), needed: 4096, room: 3072 });
}

#[test]
fn blocks_over_present_memory_are_not_added() {
    let sizes = vec![full(N0(), 0..4096), full(N1(), 8192..10_240)];
    let list = vec![online(8, 1, Normal), online(9, 1, Normal)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(list)).unwrap();
    let running = running(&state).unwrap();
    let before = (running.state(), all_frames(&running));
    for (first, count, existing) in [(1, 1, 1), (3, 2, 3), (2, 9, 8), (9, 1, 9), (0, 1, 0)] {
        for number in [0, 1] {
            let refused = running
                .apply(&Operation::AddBlocks { node: node(number), first: BlockId::new(first), count })
                .unwrap_err();
            assert_eq!(refused.errno(), Errno::Exist, "{refused}");
            assert!(refused.to_string().starts_with(&format!("block {existing}: ")), "{refused}");
            assert_eq!((running.state(), all_frames(&running)), before);
        }
    }
    running.apply(&Operation::AddBlocks { node: node(0), first: BlockId::new(4), count: 4 }).unwrap();
    (4..8).for_each(|block| {
        drop(running.apply(&Operation::Online { block: BlockId::new(block), to: OnlineTo::Kernel }).unwrap_or_default())
    });
    all_frames(&running);
    // In a hole of the exact ranges a block can be added.
    let sizes = vec![size(N0(), 0..4096, 3072)];
    let exact = machine(sizes, vec![(N0(), 0..1024), (N0(), 2048..4096)]).unwrap();
    let running = super::running(&booted(exact, blocks(vec![])).unwrap()).unwrap();
    let refused = running.apply(&Operation::AddBlocks { node: node(0), first: BlockId::new(2), count: 1 }).unwrap_err();
    assert_eq!(refused.to_string(), "block 2: zone 0/Normal has memory there; expected frames that no zone has");
    running.apply(&Operation::AddBlocks { node: node(0), first: BlockId::new(1), count: 1 }).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(1), to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(0, Movable)), [1024..2048]);
}

#[test]
fn an_allocator_refuses_blocks_smaller_than_a_pageblock() {
    for pages in [1, 256] {
        let tiny = MemoryBlocks { pages, ..MemoryBlocks::default() };
        let state = booted(machine(vec![full(zone(0, Dma32), 0..4096)], vec![]).unwrap(), tiny).unwrap();
        let message = format!("memory blocks of {pages} pages; expected none, or blocks of whole pageblocks of 512");
        assert_eq!(running(&state).unwrap_err(), message);
    }
    let smallest = MemoryBlocks {
        pages: 512,
        list: vec![block(9, Some(0), MemoryBlockState::Offline)],
        ..MemoryBlocks::default()
    };
    let state = booted(machine(vec![full(zone(0, Dma32), 0..4096)], vec![]).unwrap(), smallest).unwrap();
    let running = running(&state).unwrap();
    running.apply(&Operation::Online { block: BlockId::new(9), to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(0, Movable)), [9 * 512..10 * 512]);
}

/// Shared blocks have room for all immovable frames of a zone, but these may lie elsewhere: block 4 is not listed.
#[test]
fn immovable_frames_need_not_be_in_shared_blocks() {
    let movable = zone(0, Movable);
    let list = vec![
        block(0, Some(0), MemoryBlockState::Shared),
        block(1, Some(0), MemoryBlockState::Shared),
        online(2, 0, Normal),
        online(3, 0, Normal),
        MemoryBlock { has_holes: true, ..online(5, 0, Normal) },
    ];
    let blocks = || MemoryBlocks { pages: 512, list: list.clone(), ..MemoryBlocks::default() };
    // Movable has all of its span, which determines the rest.
    let sizes = || vec![size(N0(), 0..2561, 2049), full(movable, 1..513)];
    for ranges in [vec![], vec![(movable, 1..513)], vec![(N0(), 0..1), (N0(), 513..2561)]] {
        let state = booted(machine(sizes(), ranges).unwrap(), blocks()).unwrap();
        let all = all_frames(&running(&state).unwrap());
        assert_eq!(ranges_of(&all, N0()), [0..1, 513..2561]);
        assert_eq!(ranges_of(&all, movable), [1..513]);
    }
    // With one frame less than its span, that frame may be any.
    let sizes = || vec![size(N0(), 0..2561, 2049), size(movable, 1..514, 512)];
    let unknown = booted(machine(sizes(), vec![]).unwrap(), blocks()).unwrap_err();
    assert_eq!(unknown, MemoryBlocksError::Owner(UnknownOwner { zones: (N0(), movable), pfn: Pfn::new(1) }));
    let state = booted(machine(sizes(), vec![(movable, 2..514)]).unwrap(), blocks()).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, movable), [2..514]);
    assert!(ranges_of(&all, N0()).iter().all(|range| range.end <= 2 || range.start >= 514));
}

/// Pages that hold a block's page structures are not managed.
#[test]
fn page_structures_are_not_managed() {
    let list = vec![MemoryBlock { memmap_pages: 16, ..online(0, 0, Normal) }, online(1, 0, Normal)];
    let sizes = |managed| vec![zonelist_core::topology::ZoneSize { managed, ..full(N0(), 0..3 * 1024) }];
    let booted_with = |managed, ranges| booted(machine(sizes(managed), ranges).unwrap(), blocks(list.clone()));
    for ranges in [vec![], vec![(N0(), 0..3 * 1024)]] {
        let usable = 3 * 1024 - 16;
        let refused = booted_with(usable + 1, ranges.clone()).unwrap_err();
        assert_eq!(refused, MemoryBlocksError::Managed { zone: N0(), managed: usable + 1, usable });
        assert!(refused.to_string().contains("; expected at most the 3056 that hold no page structures"), "{refused}");
        let all = all_frames(&running(&booted_with(usable, ranges).unwrap()).unwrap());
        assert_eq!(ranges_of(&all, N0()), [16..3 * 1024]);
    }
}

/// The same in a block with holes, of which the zone has what its exact ranges say.
#[test]
fn page_structures_in_a_block_with_holes_are_not_managed() {
    let list = vec![MemoryBlock { memmap_pages: 16, has_holes: true, ..online(0, 0, Normal) }, online(1, 0, Normal)];
    let ranges = vec![(N0(), 0..1000), (N0(), 1024..2048)];
    let booted_with = |managed| {
        let size = zonelist_core::topology::ZoneSize { managed, ..super::size(N0(), 0..2048, 2024) };
        booted(machine(vec![size], ranges.clone()).unwrap(), blocks(list.clone()))
    };
    let refused = booted_with(2009).unwrap_err();
    assert_eq!(refused, MemoryBlocksError::Managed { zone: N0(), managed: 2009, usable: 2008 });
    let all = all_frames(&running(&booted_with(2008).unwrap()).unwrap());
    assert_eq!(ranges_of(&all, N0()), [16..1000, 1024..2048]);
}
