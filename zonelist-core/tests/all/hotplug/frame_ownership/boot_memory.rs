//! The frames that boot took: at the top of a zone, or at the bottom under `movable_node`, and in no block that is said to
//! have none.

use std::ops::Range;

use zonelist_core::{
    Pfn,
    ZoneKind::{Movable, Normal},
    hotplug::{BlockId, BootMemory, Errno, MemoryBlockState, MemoryBlocks, Operation, State},
    zone::RangeError,
};

use super::{all_frames, block, booted, full, machine, ranges_of, running, size, zone};

const PAGES: u64 = 8192;

/// Four Movable blocks of a node, from block 4 on, of which boot took `taken` pages; and a block of another node.
fn state(taken: u64, blocks: MemoryBlocks) -> State {
    let mut movable = full(zone(0, Movable), 4 * PAGES..8 * PAGES);
    movable.managed -= taken;
    let online = |number| block(number, Some(0), MemoryBlockState::Online(Movable));
    let blocks = MemoryBlocks { pages: PAGES, list: (4..8).map(online).collect(), ..blocks };
    booted(machine(vec![movable, full(zone(1, Normal), 0..PAGES)], vec![]).unwrap(), blocks).unwrap()
}

/// For each block, true if it can go offline alone.
fn can_offline(state: &State) -> [bool; 4] {
    [4, 5, 6, 7].map(|block| {
        let running = running(state).unwrap();
        let outcome = running.apply(&Operation::Offline { block: BlockId::new(block) });
        let busy = outcome.as_ref().is_err_and(|error| error.errno() == Errno::Busy);
        assert!(outcome.is_ok() || busy, "{outcome:?}");
        all_frames(&running);
        outcome.is_ok()
    })
}

fn managed(state: &State) -> Vec<Range<u64>> {
    let running = running(state).unwrap();
    let frames = ranges_of(&all_frames(&running), zone(0, Movable));
    assert_eq!(
        state.managed_frames(zone(0, Movable)).unwrap().iter().map(|range| range.end - range.start).sum::<u64>(),
        frames.iter().map(|range| range.end - range.start).sum()
    );
    frames
}

#[test]
fn boot_takes_the_top_of_a_zone() {
    let taken = state(7000, MemoryBlocks::default());
    assert_eq!(managed(&taken), [4 * PAGES..8 * PAGES - 7000]);
    assert_eq!(can_offline(&taken), [true, true, true, false]);
    let more = state(PAGES + 1, MemoryBlocks::default());
    assert_eq!(managed(&more), [4 * PAGES..7 * PAGES - 1]);
    assert_eq!(can_offline(&more), [true, true, false, false]);
    assert_eq!(can_offline(&state(0, MemoryBlocks::default())), [true; 4]);
}

#[test]
fn boot_takes_the_bottom_of_a_zone_under_movable_node() {
    let taken = state(7000, MemoryBlocks { movable_node: true, ..MemoryBlocks::default() });
    assert_eq!(managed(&taken), [4 * PAGES + 7000..8 * PAGES]);
    assert_eq!(can_offline(&taken), [false, true, true, true]);
}

#[test]
fn an_explicit_direction_overrides_the_boot_options() {
    for movable_node in [false, true] {
        let blocks = |direction| MemoryBlocks { movable_node, boot_memory: Some(direction), ..MemoryBlocks::default() };
        assert_eq!(can_offline(&state(7000, blocks(BootMemory::TopDown))), [true, true, true, false]);
        assert_eq!(can_offline(&state(7000, blocks(BootMemory::BottomUp))), [false, true, true, true]);
    }
}

#[test]
fn a_block_said_to_have_no_boot_memory_has_none() {
    let without = |numbers: &[u64], direction| MemoryBlocks {
        without_boot_memory: numbers.iter().copied().map(BlockId::new).collect(),
        boot_memory: Some(direction),
        ..MemoryBlocks::default()
    };
    let below = state(7000, without(&[7, 6, 7, 99], BootMemory::TopDown));
    assert_eq!(managed(&below), [4 * PAGES..6 * PAGES - 7000, 6 * PAGES..8 * PAGES]);
    assert_eq!(can_offline(&below), [true, false, true, true]);
    assert_eq!(can_offline(&state(7000, without(&[4], BootMemory::BottomUp))), [true, false, true, true]);
    // Unless there is no other block.
    assert_eq!(can_offline(&state(7000, without(&[4, 5, 6, 7], BootMemory::TopDown))), [true, true, true, false]);
    assert_eq!(can_offline(&state(PAGES + 7000, without(&[5, 6, 7], BootMemory::TopDown))), [false, true, true, false]);
}

/// Immovable ranges are taken by address together with blocks: a shared block at the top comes first.
#[test]
fn immovable_ranges_are_not_preferred_to_blocks() {
    let (normal, movable) = (zone(0, Normal), zone(0, Movable));
    let mut upper = full(movable, 1500..3072);
    upper.managed -= 1100;
    let list = vec![
        block(0, Some(0), MemoryBlockState::Online(Normal)),
        block(1, Some(0), MemoryBlockState::Shared),
        block(2, Some(0), MemoryBlockState::Online(Movable)),
    ];
    let blocks = |direction| MemoryBlocks {
        pages: 1024,
        list: list.clone(),
        boot_memory: Some(direction),
        ..MemoryBlocks::default()
    };
    let zones = vec![full(normal, 0..1500), upper];
    for (direction, rest) in [(BootMemory::TopDown, 1500..1972), (BootMemory::BottomUp, 2600..3072)] {
        let state = booted(machine(zones.clone(), vec![]).unwrap(), blocks(direction)).unwrap();
        let all = all_frames(&running(&state).unwrap());
        assert_eq!(ranges_of(&all, movable), [rest]);
        assert_eq!(ranges_of(&all, normal), [0..1500]);
    }
}

#[test]
fn a_block_that_came_after_boot_has_no_boot_memory() {
    let before = state(7000, MemoryBlocks { movable_node: true, ..MemoryBlocks::default() });
    let (without, _) = before.after(&Operation::Offline { block: BlockId::new(7) }).unwrap();
    let back = Operation::Online { block: BlockId::new(7), to: zonelist_core::hotplug::OnlineTo::Movable };
    let (after, _) = without.after(&back).unwrap();
    assert_eq!(after.managed_frames(zone(0, Movable)), before.managed_frames(zone(0, Movable)));
    // From the top, the block that has just come would be the first.
    let before = state(7000, MemoryBlocks::default());
    let (without, _) = before.after(&Operation::Offline { block: BlockId::new(7) }).unwrap();
    let (after, _) = without.after(&back).unwrap();
    let frames = after.managed_frames(zone(0, Movable)).unwrap();
    let expected = [4 * PAGES..5 * PAGES, 5 * PAGES..6 * PAGES, 6 * PAGES..7 * PAGES - 7000, 7 * PAGES..8 * PAGES];
    assert_eq!(frames, expected.map(Pfn::range));
}

/// The second time, a zone has the frames already.
#[test]
fn a_machine_is_not_booted_twice() {
    let state =
        booted(machine(vec![size(zone(0, Normal), 0..4096, 4000)], vec![]).unwrap(), MemoryBlocks::default()).unwrap();
    let running = running(&state).unwrap();
    let frames = running.provider().allocator().add(zone(0, Normal), Pfn::range(0..10));
    assert_eq!(frames, Err(RangeError::Managed { pfn: Pfn::new(0) }));
    let published = zonelist_core::publish::Published::new(zonelist_core::stop_world::StopWorld::new(
        zonelist_core::table::Slots::boxed(state.capacity()),
    ));
    let twice: super::Frames = zonelist_core::hotplug::AllocatorProvider::new(published, &state).unwrap();
    let twice = twice.boot(&state).unwrap().boot(&state).unwrap_err();
    assert_eq!(twice.to_string(), "frame 0 is managed already; expected frames that are new");
}
