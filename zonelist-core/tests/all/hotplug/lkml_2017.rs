//! The zoneinfo table in the mail of 2017 that proposed the racing rebuild: the states its watermarks are of, by 4.14.

use zonelist_core::{
    Pfn, ZoneKind,
    hotplug::{MemoryBlockState, MemoryBlocks, OnlineTo, State},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, Watermarks, ZoneSize},
};

use super::{PAGES, block, online, zone};

/// Two nodes of about 1 GiB, and on node 1 the block that the mail puts online and offline.
fn booted(rules: Rules) -> State {
    let size = |zone, start_pfn, managed| ZoneSize { zone, start_pfn, spanned: managed, present: managed, managed };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 20], vec![20, 10]],
        online: vec![0, 1],
        has_memory: vec![0, 1],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![
                size(zone(0, ZoneKind::Dma), Pfn::new(1), 3977),
                size(zone(0, ZoneKind::Dma32), Pfn::new(4096), 246_387),
                size(zone(1, ZoneKind::Dma32), Pfn::new(1 << 18), 241_436),
            ],
            // Three zones of eleven pageblocks each: the value for transparent huge pages at boot.
            tunables: Tunables {
                min_free_kbytes: 67_584,
                watermark_scale_factor: 10,
                lowmem_reserve_ratio: vec![256, 256, 32, 0],
            },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let list = vec![block(34, 1, MemoryBlockState::Offline)];
    let blocks = MemoryBlocks { pages: 32 * PAGES, list, huge_pages: true, ..MemoryBlocks::default() };
    State::booted(machine, blocks, rules).unwrap()
}

fn watermarks(state: &State, node: u16, kind: ZoneKind) -> Watermarks {
    state.zones().find(|info| info.size.zone == zone(node, kind)).unwrap().watermarks
}

/// The row DMA32 is of a state before the block first came online, the row Movable of the state after it.
#[test]
fn the_table_mixes_rows_of_two_states() {
    let before = booted(Rules::LINUX_4_14);
    assert_eq!(watermarks(&before, 1, ZoneKind::Dma32), Watermarks { min: 8294, low: 10_367, high: 12_440 });
    let (after, _) = before.after(&online(34, OnlineTo::Movable)).unwrap();
    assert_eq!(watermarks(&after, 1, ZoneKind::Movable), Watermarks { min: 85, low: 117, high: 149 });
    assert_ne!(watermarks(&after, 1, ZoneKind::Dma32).min, 8294);
}

/// When a block comes online, 4.14 drops the value for huge pages, and 6.1 keeps it.
#[test]
fn hotplug_of_6_1_keeps_the_value_for_huge_pages() {
    let kbytes = |rules| {
        let state = booted(rules).after(&online(34, OnlineTo::Movable)).unwrap().0;
        state.tunables().min_free_kbytes
    };
    assert_eq!(kbytes(Rules::LINUX_6_1), 67_584);
    assert_eq!(kbytes(Rules::LINUX_4_14), 5463);
}
