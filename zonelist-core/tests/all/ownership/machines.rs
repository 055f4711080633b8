//! Machines whose zones' spans overlap: rightly, so that it is known whose each frame is, or wrongly.

use zonelist_core::{
    MachineError, SetupError, Slots, StopWorld, UnknownOwner, ZoneId,
    ZoneKind::{self, Dma32, Movable, Normal},
    hotplug::{AllocatorFrames, Block, BlockState, Blocks, BlocksError, Errno, FramesError, OnlineTo, Operation},
    publish::{FullFence, Published},
};

use super::{Frames, SEATS, all_frames, block, blocks, booted, full, machine, node, ranges_of, running, size, zone};

const N0: fn() -> ZoneId = || zone(0, Normal);
const N1: fn() -> ZoneId = || zone(1, Normal);

fn online(number: u64, node: u16, kind: ZoneKind) -> Block {
    block(number, Some(node), BlockState::Online(kind))
}

#[test]
fn more_pages_than_there_are_frames_are_no_machine() {
    let no_room = |zones| match machine(zones, vec![]) {
        Err(error @ MachineError::NoRoom { .. }) => assert!(error.to_string().contains("; expected "), "{error}"),
        other => panic!("{other:?}"),
    };
    no_room(vec![full(N0(), 0..4096), full(N1(), 0..4096)]);
    no_room(vec![size(N0(), 0..4096, 2049), size(N1(), 0..4096, 2048)]);
    // Room enough in all, but not where two of the three are.
    no_room(vec![size(N0(), 0..4096, 2049), size(N1(), 0..4096, 2048), size(zone(1, Movable), 0..1 << 20, 1)]);
    no_room(vec![full(N0(), 1000..1001), size(N1(), 0..2000, 1999), full(zone(1, Movable), 1999..2000)]);
    // As many as there are: each has its place, whichever that is.
    for present in [2047, 2048] {
        machine(vec![size(N0(), 0..4096, present), size(N1(), 0..4096, 2048)], vec![]).unwrap();
    }
    machine(vec![full(N0(), 1000..1001), size(N1(), 0..2000, 1999)], vec![]).unwrap();
    // What one of them is known to have is not there for the other.
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
            MachineError::RangeOverlap { index: 0, zones: (N0(), N1()), pfn: 1000 },
            "zone_ranges[0]: frame 1000 of zone 1/Normal is zone 0/Normal's already; expected each frame in one range",
        ),
    ] {
        let refused = machine(sizes(), ranges).unwrap_err();
        assert_eq!(refused, error);
        assert!(refused.to_string().starts_with(message), "{refused}");
    }
    let nothing = zonelist_core::MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        zone_ranges: vec![(N0(), 0..1)],
        ..Default::default()
    };
    let refused = zonelist_core::Machine::new(nothing).unwrap_err();
    assert_eq!(refused, MachineError::ZoneRange { index: 0, zone: N0() }, "there are no sizes");
}

/// Two zones that may have the same frames: what only looks at sizes goes on, what needs to know whose a frame is does not.
#[test]
fn zones_that_overlap_are_named_by_what_needs_to_know_whose_the_frames_are() {
    let sizes = || vec![size(N0(), 0..4096, 3000), size(N1(), 2048..8192, 3000)];
    let unknown = UnknownOwner { zones: (N0(), N1()), pfn: 2048 };
    let described = || machine(sizes(), vec![]).unwrap();
    assert_eq!(booted(described(), blocks(vec![])).unwrap_err(), BlocksError::Owner(unknown));
    assert_eq!(
        unknown.to_string(),
        "zones 0/Normal and 1/Normal overlap at frame 2048, and the description does not say whose the frames are; \
         expected exact ranges of one of them"
    );

    // Without blocks there is a state, whose sizes are as good as any; but no allocator.
    let state = booted(described(), Blocks::default()).unwrap();
    assert_eq!(state.zones().len(), 2);
    assert_eq!(state.frames_of(N0()), Err(unknown));
    assert_eq!(running(&state).unwrap_err(), unknown.to_string());
    let published: Published<_, FullFence, SEATS> = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let allocator: Result<Frames, _> = AllocatorFrames::of(published, &state);
    assert_eq!(allocator.unwrap_err(), SetupError::Owner(unknown), "before there is any zone");

    // With exact ranges of one of them, all is known.
    let told = machine(sizes(), vec![(N0(), 0..2500), (N0(), 3000..3500)]).unwrap();
    let known = booted(told, Blocks::default()).unwrap();
    let running = running(&known).unwrap();
    let all = all_frames(&running);
    assert_eq!(ranges_of(&all, N0()), [0..2500, 3000..3500]);
    let others = ranges_of(&all, N1());
    assert_eq!(others.iter().map(|range| range.end - range.start).sum::<u64>(), 3000);
    assert!(others.iter().all(|range| range.start >= 2500 && range.end <= 8192));

    // But an allocator for that machine does not boot the other one.
    let published: Published<_, FullFence, SEATS> = Published::new(StopWorld::new(Slots::boxed(known.capacity())));
    let frames: Frames = AllocatorFrames::of(published, &known).unwrap();
    assert_eq!(frames.boot(&state).err(), Some(FramesError::Owner(unknown)));
}

#[test]
fn a_zone_that_has_all_of_its_span_is_out_of_the_others() {
    // Node 1 lies within node 0; a third zone within what is left.
    let sizes = vec![size(N0(), 0..8192, 4096), full(N1(), 2048..4096), full(zone(1, Movable), 6144..8192)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(vec![])).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, N0()), [0..2048, 4096..6144]);
    assert_eq!(ranges_of(&all, N1()), [2048..4096]);
    // Known one after the other: the second has all that the first leaves it, and the third what both do.
    let sizes = vec![full(N0(), 0..1000), size(N1(), 0..2000, 1000), size(zone(1, Movable), 0..3000, 1000)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(vec![])).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, N1()), [1000..2000]);
    assert_eq!(ranges_of(&all, zone(1, Movable)), [2000..3000]);
}

/// Nodes interleaved by the block, with one of each that is not there: spans overlap, blocks tell.
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
    // A block in the hole is node 1's, though it lies within the span of node 0.
    running.apply(&Operation::AddBlocks { node: node(1), first: 4, count: 1 }).unwrap();
    running.apply(&Operation::Online { block: 4, to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(1, Movable)), [of(4)]);
}

/// A block that two nodes share: cut by their spans, or by exact ranges, or not at all.
#[test]
fn a_block_of_two_nodes_is_cut_where_it_is_known_to_be() {
    let list = || vec![online(0, 0, Normal), block(1, None, BlockState::Shared), online(2, 1, Normal)];
    let apart = vec![full(N0(), 0..1500), full(N1(), 1500..3072)];
    let state = booted(machine(apart, vec![]).unwrap(), blocks(list())).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!((ranges_of(&all, N0()), ranges_of(&all, N1())), (vec![0..1500], vec![1500..3072]));

    let mixed = || vec![size(N0(), 0..1800, 1500), size(N1(), 1200..3072, 1500)];
    let unknown = UnknownOwner { zones: (N0(), N1()), pfn: 1200 };
    let refused = booted(machine(mixed(), vec![]).unwrap(), blocks(list())).unwrap_err();
    assert_eq!(refused, BlocksError::Owner(unknown));
    let told = machine(mixed(), vec![(N0(), 0..1300), (N0(), 1600..1800)]).unwrap();
    let all = all_frames(&running(&booted(told, blocks(list())).unwrap()).unwrap());
    assert_eq!(ranges_of(&all, N0()), [0..1300, 1600..1800]);
    assert!(ranges_of(&all, N1()).iter().all(|range| range.start >= 1300 && !(1600..1800).contains(&range.start)));

    // A zone whose pages are all in blocks of its own has none of the block, though its span covers it.
    let outer = vec![size(N0(), 0..4096, 2048), size(N1(), 1024..3072, 2048)];
    let mut around = list();
    around.push(online(3, 0, Normal));
    let state = booted(machine(outer, vec![]).unwrap(), blocks(around)).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!((ranges_of(&all, N0()), ranges_of(&all, N1())), (vec![0..1024, 3072..4096], vec![1024..3072]));
}

/// `kernelcore=mirror`: Movable is what of a node's memory is not mirrored, in between.
#[test]
fn movable_memory_in_the_midst_of_normal_memory_is_told_by_ranges() {
    let (normal, movable) = (zone(0, Normal), zone(0, Movable));
    let sizes = || vec![size(normal, 0..8192, 4096), size(movable, 1000..7000, 4000)];
    let list = || (0..8).map(|number| block(number, Some(0), BlockState::Shared)).collect::<Vec<_>>();
    let refused = booted(machine(sizes(), vec![]).unwrap(), blocks(list())).unwrap_err();
    assert!(matches!(refused, BlocksError::Owner(UnknownOwner { zones, .. }) if zones == (normal, movable)));
    let ranges = vec![(movable, 1000..2500), (movable, 4500..7000)];
    let state = booted(machine(sizes(), ranges).unwrap(), blocks(list())).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, movable), [1000..2500, 4500..7000]);
    assert_eq!(all.len(), 8096);
}

#[test]
fn blocks_that_contradict_what_is_known_of_the_frames_are_refused() {
    let exact = |range: std::ops::Range<u64>| {
        machine(vec![full(N0(), range.clone()), full(N1(), 8192..9216)], vec![(N0(), range)]).unwrap()
    };
    let refused = |list| booted(exact(0..2048), blocks(list)).unwrap_err();
    let range = |block| BlocksError::Range { block, zone: N0() };
    assert_eq!(refused(vec![block(1, Some(0), BlockState::Offline)]), range(1), "its frames are off line");
    assert_eq!(refused(vec![block(1, Some(1), BlockState::Shared)]), range(1), "of another node");
    assert!(refused(vec![block(1, None, BlockState::Offline)]).to_string().contains("; expected "));
    booted(exact(0..2048), blocks(vec![online(1, 0, Normal)])).unwrap();
    // A whole block, of which the zone has half.
    let sizes = vec![size(N0(), 0..3072, 1536)];
    let half = machine(sizes, vec![(N0(), 0..1024), (N0(), 2560..3072)]).unwrap();
    let error = booted(half, blocks(vec![online(0, 0, Normal), online(2, 0, Normal)])).unwrap_err();
    assert!(matches!(error, BlocksError::MoreThanPresent { .. } | BlocksError::Range { block: 2, .. }), "{error}");

    // Without ranges: an offline block where a zone has all of its frames.
    let sizes = vec![full(N0(), 0..4096)];
    let refused = booted(machine(sizes, vec![]).unwrap(), blocks(vec![block(1, Some(0), BlockState::Offline)]));
    assert_eq!(refused.unwrap_err(), BlocksError::NoRoom { zone: N0(), needed: 4096, room: 3072 });
}

#[test]
fn blocks_where_memory_is_are_not_added() {
    let sizes = vec![full(N0(), 0..4096), full(N1(), 8192..10_240)];
    let list = vec![online(8, 1, Normal), online(9, 1, Normal)];
    let state = booted(machine(sizes, vec![]).unwrap(), blocks(list)).unwrap();
    let running = running(&state).unwrap();
    let before = (running.state(), all_frames(&running));
    for (first, count, there) in [(1, 1, 1), (3, 2, 3), (2, 9, 8), (9, 1, 9), (0, 1, 0)] {
        for number in [0, 1] {
            let refused = running.apply(&Operation::AddBlocks { node: node(number), first, count }).unwrap_err();
            assert_eq!(refused.errno(), Errno::Exist, "{refused}");
            assert!(refused.to_string().starts_with(&format!("block {there}: ")), "{refused}");
            assert_eq!((running.state(), all_frames(&running)), before);
        }
    }
    running.apply(&Operation::AddBlocks { node: node(0), first: 4, count: 4 }).unwrap();
    (4..8)
        .for_each(|block| drop(running.apply(&Operation::Online { block, to: OnlineTo::Kernel }).unwrap_or_default()));
    all_frames(&running);
    // Where the exact ranges have a hole, a block is new.
    let sizes = vec![size(N0(), 0..4096, 3072)];
    let told = machine(sizes, vec![(N0(), 0..1024), (N0(), 2048..4096)]).unwrap();
    let running = super::running(&booted(told, blocks(vec![])).unwrap()).unwrap();
    let refused = running.apply(&Operation::AddBlocks { node: node(0), first: 2, count: 1 }).unwrap_err();
    assert_eq!(refused.to_string(), "block 2: zone 0/Normal has memory there; expected frames that no zone has");
    running.apply(&Operation::AddBlocks { node: node(0), first: 1, count: 1 }).unwrap();
    running.apply(&Operation::Online { block: 1, to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(0, Movable)), [1024..2048]);
}

#[test]
fn blocks_smaller_than_a_pageblock_have_no_allocator() {
    for pages in [1, 256] {
        let tiny = Blocks { pages, ..Blocks::default() };
        let state = booted(machine(vec![full(zone(0, Dma32), 0..4096)], vec![]).unwrap(), tiny).unwrap();
        let message = format!("memory blocks of {pages} pages; expected none, or blocks of whole pageblocks of 512");
        assert_eq!(running(&state).unwrap_err(), message);
    }
    let least = Blocks { pages: 512, list: vec![block(9, Some(0), BlockState::Offline)], ..Blocks::default() };
    let state = booted(machine(vec![full(zone(0, Dma32), 0..4096)], vec![]).unwrap(), least).unwrap();
    let running = running(&state).unwrap();
    running.apply(&Operation::Online { block: 9, to: OnlineTo::Movable }).unwrap();
    assert_eq!(ranges_of(&all_frames(&running), zone(0, Movable)), [9 * 512..10 * 512]);
}

/// Shared blocks have room for all that a zone has beside its own, but they need not be where that is: block 4 is listed
/// nowhere.
#[test]
fn what_a_zone_has_need_not_be_in_the_blocks_that_it_may_share() {
    let movable = zone(0, Movable);
    let list = vec![
        block(0, Some(0), BlockState::Shared),
        block(1, Some(0), BlockState::Shared),
        online(2, 0, Normal),
        online(3, 0, Normal),
        Block { has_holes: true, ..online(5, 0, Normal) },
    ];
    let blocks = || Blocks { pages: 512, list: list.clone(), ..Blocks::default() };
    // Movable has all of its span: that says it all.
    let sizes = || vec![size(N0(), 0..2561, 2049), full(movable, 1..513)];
    for ranges in [vec![], vec![(movable, 1..513)], vec![(N0(), 0..1), (N0(), 513..2561)]] {
        let state = booted(machine(sizes(), ranges).unwrap(), blocks()).unwrap();
        let all = all_frames(&running(&state).unwrap());
        assert_eq!(ranges_of(&all, N0()), [0..1, 513..2561]);
        assert_eq!(ranges_of(&all, movable), [1..513]);
    }
    // With one frame less, it may be any.
    let sizes = || vec![size(N0(), 0..2561, 2049), size(movable, 1..514, 512)];
    let unknown = booted(machine(sizes(), vec![]).unwrap(), blocks()).unwrap_err();
    assert_eq!(unknown, BlocksError::Owner(UnknownOwner { zones: (N0(), movable), pfn: 1 }));
    let state = booted(machine(sizes(), vec![(movable, 2..514)]).unwrap(), blocks()).unwrap();
    let all = all_frames(&running(&state).unwrap());
    assert_eq!(ranges_of(&all, movable), [2..514]);
    assert!(ranges_of(&all, N0()).iter().all(|range| range.end <= 2 || range.start >= 514));
}

/// What holds the page structures of a block is handed out by no allocator.
#[test]
fn no_more_pages_are_managed_than_hold_no_page_structures() {
    let list = vec![Block { memmap_pages: 16, ..online(0, 0, Normal) }, online(1, 0, Normal)];
    let sizes = |managed| vec![zonelist_core::ZoneSize { managed, ..full(N0(), 0..3 * 1024) }];
    let booted_with = |managed, ranges| booted(machine(sizes(managed), ranges).unwrap(), blocks(list.clone()));
    for ranges in [vec![], vec![(N0(), 0..3 * 1024)]] {
        let most = 3 * 1024 - 16;
        let refused = booted_with(most + 1, ranges.clone()).unwrap_err();
        assert_eq!(refused, BlocksError::Managed { zone: N0(), managed: most + 1, usable: most });
        assert!(refused.to_string().contains("; expected at most the 3056 that hold no page structures"), "{refused}");
        let all = all_frames(&running(&booted_with(most, ranges).unwrap()).unwrap());
        assert_eq!(ranges_of(&all, N0()), [16..3 * 1024]);
    }
}

/// Nor where they are in a block with holes, which is the zone's as far as its exact ranges say.
#[test]
fn page_structures_in_a_block_with_holes_are_not_managed_either() {
    let list = vec![Block { memmap_pages: 16, has_holes: true, ..online(0, 0, Normal) }, online(1, 0, Normal)];
    let ranges = vec![(N0(), 0..1000), (N0(), 1024..2048)];
    let booted_with = |managed| {
        let size = zonelist_core::ZoneSize { managed, ..super::size(N0(), 0..2048, 2024) };
        booted(machine(vec![size], ranges.clone()).unwrap(), blocks(list.clone()))
    };
    let refused = booted_with(2009).unwrap_err();
    assert_eq!(refused, BlocksError::Managed { zone: N0(), managed: 2009, usable: 2008 });
    let all = all_frames(&running(&booted_with(2008).unwrap()).unwrap());
    assert_eq!(ranges_of(&all, N0()), [16..1000, 1024..2048]);
}
