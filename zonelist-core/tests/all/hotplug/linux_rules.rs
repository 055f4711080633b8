//! Linux' rules in corner cases that no recorded machine has.

use zonelist_core::{
    Pfn, ZoneId, ZoneKind,
    hotplug::{BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, Setting, State},
    topology::{
        FallbackOrder, FallbackOrderInput, Machine, MachineDescription, Memory, NodeSet, Rules, Tunables, Watermarks,
        ZoneSize,
    },
};

use super::{PAGES, block, node, offline, online, state, zone};

/// A zone that spans `blocks` blocks from `first` on, with `pages` pages.
fn size(zone: ZoneId, first: u64, blocks: u64, pages: u64) -> ZoneSize {
    ZoneSize { zone, start_pfn: Pfn::new(first * PAGES), spanned: blocks * PAGES, present: pages, managed: pages }
}

/// Two nodes with these zones and blocks.
fn machine(zones: Vec<ZoneSize>, list: Vec<MemoryBlock>) -> State {
    let populated = |number| zones.iter().any(|size| size.zone.node() == node(number) && size.present > 0);
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 20], vec![20, 10]],
        online: vec![0, 1],
        has_memory: [0, 1].into_iter().filter(|&number| populated(number)).map(u32::from).collect(),
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable],
            zones,
            tunables: Tunables {
                min_free_kbytes: 512,
                watermark_scale_factor: 10,
                lowmem_reserve_ratio: vec![256, 256, 32, 0],
            },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    State::booted(machine, MemoryBlocks { pages: PAGES, list, ..MemoryBlocks::default() }, Rules::LINUX_6_1).unwrap()
}

fn span(state: &State, zone: ZoneId) -> (u64, u64) {
    let size = *state.zones().find(|info| info.size.zone == zone).unwrap().size;
    (size.start_pfn.number() / PAGES, size.spanned / PAGES)
}

fn used(number: u64, node: u16, kind: ZoneKind) -> MemoryBlock {
    block(number, node, MemoryBlockState::Online(kind))
}

#[test]
fn the_first_page_of_an_empty_zone_rebuilds_the_lists() {
    let zones = vec![size(zone(0, ZoneKind::Normal), 0, 1, PAGES), size(zone(0, ZoneKind::Movable), 4, 1, 0)];
    let state = machine(zones, vec![block(4, 0, MemoryBlockState::Offline)]);
    let (after, change) = state.after(&online(4, OnlineTo::Movable)).unwrap();
    assert!(change.rebuilt.is_some());
    assert_eq!(span(&after, zone(0, ZoneKind::Movable)), (4, 1));
}

#[test]
fn a_block_goes_to_the_lowest_kernel_zone_that_it_touches() {
    let blocks = vec![
        used(0, 0, ZoneKind::Dma),
        used(3, 0, ZoneKind::Dma),
        used(1, 0, ZoneKind::Dma32),
        used(4, 0, ZoneKind::Dma32),
        block(2, 0, MemoryBlockState::Offline),
    ];
    let zones = vec![size(zone(0, ZoneKind::Dma), 0, 4, 2 * PAGES), size(zone(0, ZoneKind::Dma32), 1, 4, 2 * PAGES)];
    let state = machine(zones, blocks);
    for to in [OnlineTo::Kernel, OnlineTo::Auto] {
        let moved = state.after(&online(2, to)).unwrap().1.block_change.unwrap();
        assert_eq!(moved.zone, zone(0, ZoneKind::Dma));
    }
}

/// Block 5 is shared by two zones of node 1, and lies within the span of node 0's zone.
#[test]
fn a_shared_block_extends_spans_of_its_own_node_only() {
    let (outer, inner) = (zone(0, ZoneKind::Normal), zone(1, ZoneKind::Normal));
    let blocks = vec![
        used(0, 0, ZoneKind::Normal),
        used(9, 0, ZoneKind::Normal),
        used(4, 1, ZoneKind::Normal),
        block(5, 1, MemoryBlockState::Shared),
    ];
    let after = |state: &State, ops: &[Operation]| {
        ops.iter().fold(state.clone(), |state, operation| state.after(operation).unwrap().0)
    };
    let zones = vec![size(outer, 0, 10, 2 * PAGES), size(inner, 4, 2, 2 * PAGES)];
    let state = machine(zones, blocks);
    assert_eq!(span(&after(&state, &[offline(9)]), outer), (0, 1), "the span does not extend to block 5");
    assert_eq!(span(&after(&state, &[offline(4)]), inner), (5, 1));
}

/// The zone has the pages of four blocks, two of which are not listed.
#[test]
fn memory_outside_blocks_stays_in_the_span() {
    let normal = zone(0, ZoneKind::Normal);
    let blocks = vec![used(1, 0, ZoneKind::Normal), used(3, 0, ZoneKind::Normal)];
    let state = machine(vec![size(normal, 0, 4, 4 * PAGES)], blocks.clone());
    let after = state.after(&offline(3)).unwrap().0;
    assert_eq!(span(&after, normal), (0, 3));
    let after = after.after(&offline(1)).unwrap().0;
    assert_eq!(span(&after, normal), (0, 3));

    // The same blocks without memory in between.
    let state = machine(vec![size(normal, 1, 3, 2 * PAGES)], blocks);
    assert_eq!(span(&state.after(&offline(3)).unwrap().0, normal), (1, 1));
    assert_eq!(span(&state.after(&offline(1)).unwrap().0, normal), (3, 1));
}

#[test]
fn a_min_free_set_by_the_user_is_only_raised() {
    let kbytes = |set| {
        let state = state().after(&Operation::Set(Setting::MinFreeKbytes(set))).unwrap().0;
        state.after(&online(10, OnlineTo::Movable)).unwrap().0.tunables().min_free_kbytes
    };
    assert!((129..1000).contains(&kbytes(1)), "computed: {}", kbytes(1));
    assert_eq!(kbytes(1000), 1000);
    // The value computed for so little memory is below 120 before it is clamped to 128: the set value is compared with
    // the former.
    let normal = zone(0, ZoneKind::Normal);
    let tiny = machine(vec![size(normal, 0, 1, 200)], vec![block(4, 0, MemoryBlockState::Offline)]);
    let set = tiny.after(&Operation::Set(Setting::MinFreeKbytes(120))).unwrap().0;
    assert_eq!(set.after(&online(4, OnlineTo::Movable)).unwrap().0.tunables().min_free_kbytes, 120);
    assert_eq!(tiny.after(&online(4, OnlineTo::Movable)).unwrap().0.tunables().min_free_kbytes, 128);
}

#[test]
fn min_free_fits_an_int() {
    // All blocks that a machine can have, except the last.
    let pages = (1 << 48) - (1 << 32);
    let size = ZoneSize {
        zone: zone(0, ZoneKind::Normal),
        start_pfn: Pfn::new(0),
        spanned: pages,
        present: pages,
        managed: pages,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0],
        distance: vec![vec![10]],
        online: vec![0],
        has_memory: vec![0],
        memory: Some(Memory {
            page_bytes: 1 << 30,
            pageblock_pages: 1 << 32,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![size],
            tunables: Tunables { min_free_kbytes: 0, watermark_scale_factor: 3000, lowmem_reserve_ratio: vec![1, 0] },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let last = (1 << 16) - 1;
    let list = vec![block(last, 0, MemoryBlockState::Offline)];
    let blocks = MemoryBlocks { pages: 1 << 32, list, huge_pages: true, ..MemoryBlocks::default() };
    let state = State::booted(machine, blocks, Rules::LINUX_6_1).unwrap();
    let after = state.after(&online(last, OnlineTo::Movable)).unwrap().0;
    assert_eq!(after.tunables().min_free_kbytes, i32::MAX as u64);
}

#[test]
fn recorded_watermarks_and_reserves_replace_both_or_neither() {
    let normal = zone(1, ZoneKind::Normal);
    let recorded = Watermarks { min: 1, low: 2, high: 3 };
    let with = |columns| {
        let state = state().with_watermarks(|zone| (zone == normal).then(|| (recorded, vec![7; columns])));
        let info = state.zones().find(|info| info.size.zone == normal).unwrap();
        (info.watermarks == recorded, info.reserve.to_vec())
    };
    assert_eq!(with(4), (true, vec![7; 4]));
    assert_eq!(with(3), (false, state().zones().find(|info| info.size.zone == normal).unwrap().reserve.to_vec()));
}

/// Until 5.15 node loads counted the online nodes. Six nodes come online one by one, at random distances.
#[test]
fn node_loads_of_4_14_count_the_nodes_online() {
    const NODES: u16 = 6;
    let (mut random, mut different) = (1u64, 0);
    for _ in 0..50 {
        let mut distance = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            20 + (random >> 33) as u32 % 2
        };
        let mut row = |from| (0..NODES).map(|to| if from == to { 10 } else { distance() }).collect();
        let mut description = MachineDescription {
            possible: (0..NODES.into()).collect(),
            distance: (0..NODES).map(&mut row).collect(),
            online: vec![0],
            has_memory: vec![0],
            memory: Some(state().memory().clone()),
            ..MachineDescription::default()
        };
        description.memory.as_mut().unwrap().zones.retain(|size| size.zone.node() == node(0));
        let blocks = MemoryBlocks { pages: PAGES, ..MemoryBlocks::default() };
        let mut state = State::booted(Machine::new(description).unwrap().0, blocks, Rules::LINUX_4_14).unwrap();
        for number in 1..NODES {
            let first = 100 + u64::from(number);
            state = state
                .after(&Operation::AddBlocks { node: node(number), first: BlockId::new(first), count: 1 })
                .unwrap()
                .0;
            state = state.after(&online(first, OnlineTo::Movable)).unwrap().0;
        }
        let with = |online: &NodeSet, rules| {
            let input = FallbackOrderInput {
                online,
                has_memory: state.has_memory(),
                ..FallbackOrderInput::of(state.machine())
            };
            FallbackOrder::build(input, rules)
        };
        assert_eq!(*state.fallback_order(), with(state.online(), Rules::LINUX_4_14));
        // The same rows, with the count of boot, when one node was online.
        let all_listed = Rules { offline_nodes_have_lists: true, ..Rules::LINUX_4_14 };
        different += usize::from(*state.fallback_order() != with(state.machine().online(), all_listed));
    }
    assert!(different > 0, "no matrix distinguishes the two");
}

/// 4.14 lists the zones that have managed pages, but rebuilds only for the first or last present page.
#[test]
fn lists_of_4_14_are_those_last_built() {
    let booted = state();
    let movable = zone(1, ZoneKind::Movable);
    let mut list = booted.blocks().to_vec();
    list.iter_mut().filter(|block| block.number == BlockId::new(11)).for_each(|block| block.memmap_pages = PAGES - 1);
    let state = State::booted(
        booted.machine().clone(),
        MemoryBlocks { pages: PAGES, list, ..MemoryBlocks::default() },
        Rules::LINUX_4_14,
    );
    let state = state.unwrap();
    let has = |state: &State| {
        let node = node(1);
        state
            .lists()
            .lists()
            .of(node, zonelist_core::zonelist::Scope::Fallback)
            .iter()
            .any(|entry| entry.zone() == movable)
    };
    let state = state.after(&online(10, OnlineTo::Movable)).unwrap().0.after(&online(11, OnlineTo::Movable)).unwrap().0;
    let state = state.after(&offline(10)).unwrap().0;
    let added = state.after(&Operation::AddNode(node(2))).unwrap().0;
    assert!(has(&state) && has(&added));
}
