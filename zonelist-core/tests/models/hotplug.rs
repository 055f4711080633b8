//! Models of hotplug: a block is put online or offline while a reader compares the lists with the watermarks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    NodeId, Pfn, Request, ZoneId,
    ZoneKind::{Movable, Normal},
    conformance::models::{Bound, NODE, ROOM, explore},
    hotplug::{BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo, Operation, RunningMachine, State},
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    table::{Slot, Slots},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};

/// A machine whose Movable zone is one memory block.
fn machine(online: bool) -> RunningMachine<Published<StopWorld<Box<[Slot]>>>> {
    const PAGES: u64 = 1 << 12;
    let node = NodeId::new(NODE).unwrap();
    let size = |kind, start_pfn| ZoneSize {
        zone: ZoneId::new(node, kind),
        start_pfn,
        spanned: PAGES,
        present: PAGES,
        managed: PAGES,
    };
    let mut zones = vec![size(Normal, Pfn::new(0))];
    zones.extend(online.then(|| size(Movable, Pfn::new(PAGES))));
    let description = MachineDescription {
        possible: vec![NODE.into()],
        distance: vec![vec![10]],
        online: vec![NODE.into()],
        has_memory: vec![NODE.into()],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![Normal, Movable],
            zones,
            tunables: Tunables { min_free_kbytes: 512, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    };
    let state = if online { MemoryBlockState::Online(Movable) } else { MemoryBlockState::Offline };
    let block = MemoryBlock { number: BlockId::new(1), node: Some(node), state, has_holes: false, memmap_pages: 0 };
    let blocks = MemoryBlocks { pages: PAGES, list: vec![block], ..MemoryBlocks::default() };
    let state = State::booted(Machine::new(description).unwrap().0, blocks, Rules::LINUX_6_1).unwrap();
    RunningMachine::new(state, Published::with_slots(StopWorld::new(Slots::boxed(ROOM)), ReaderSlots::boxed(1)))
        .unwrap()
}

/// Explores an operation on the block beside a reader of the lists and the watermarks.
fn explore_watermarks(online: bool, operation: &'static Operation) {
    let seen = Arc::new(AtomicU64::new(0));
    let outcomes = Arc::clone(&seen);
    explore(&format!("hotplug: {operation:?}"), Bound::Exhaustive, move || {
        let running = Arc::new(machine(online));
        let other = loom::thread::spawn({
            let running = Arc::clone(&running);
            move || running.apply(operation).map(drop).unwrap()
        });
        let listed = || {
            let any = running.provider().filter(&Request::up_to(Movable));
            let mut reader = running.provider().reader().unwrap();
            reader.enter().walk(NodeId::new(NODE).unwrap(), &any).any(|entry| entry.kind() == Movable)
        };
        let has_watermarks =
            || running.state().zones().any(|info| info.size.zone.kind() == Movable && info.watermarks.min > 0);
        // The read that the assertion relies on comes last: watermarks after the lists for a zone that is added, and
        // the lists after the watermarks for one that is removed. A change in between is then no violation.
        let (listed, has_watermarks) = if online {
            let has_watermarks = has_watermarks();
            (listed(), has_watermarks)
        } else {
            (listed(), has_watermarks())
        };
        outcomes.fetch_or(1 << u64::from(listed) << (2 * u64::from(has_watermarks)), Relaxed);
        assert!(has_watermarks || !listed, "a listed zone has no watermarks");
        other.join().unwrap();
    });
    assert!(seen.load(Relaxed).count_ones() > 1, "every execution saw the same");
}

#[test]
fn a_new_zone_has_watermarks_before_it_is_listed() {
    static ONLINE: Operation = Operation::Online { block: BlockId::new(1), to: OnlineTo::Movable };
    explore_watermarks(false, &ONLINE);
}

#[test]
fn an_emptied_zone_has_watermarks_while_it_is_listed() {
    static OFFLINE: Operation = Operation::Offline { block: BlockId::new(1) };
    explore_watermarks(true, &OFFLINE);
}
