//! A block comes or goes while somebody looks at the lists and at the marks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use zonelist_core::{
    Machine, MachineDescription, Memory, NodeId, Request, Rules, Slot, Slots, StopWorld, Tunables, ZoneId,
    ZoneKind::{Movable, Normal},
    ZoneSize,
    conformance::models::{Bound, NODE, ROOM, explore},
    hotplug::{Block, BlockState, Blocks, OnlineTo, Operation, RunningMachine, State},
    publish::{FullFence, Published},
};

/// A machine whose one spare block makes or empties its Movable zone.
fn machine(online: bool) -> RunningMachine<Published<StopWorld<Box<[Slot]>>, FullFence, 1>> {
    const PAGES: u64 = 1 << 12;
    let node = NodeId::new(NODE).unwrap();
    let size = |kind, start_pfn| ZoneSize {
        zone: ZoneId::new(node, kind),
        start_pfn,
        spanned: PAGES,
        present: PAGES,
        managed: PAGES,
    };
    let mut zones = vec![size(Normal, 0)];
    zones.extend(online.then(|| size(Movable, PAGES)));
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
    let state = if online { BlockState::Online(Movable) } else { BlockState::Offline };
    let block = Block { number: 1, node: Some(node), state, has_holes: false, memmap_pages: 0 };
    let blocks = Blocks { pages: PAGES, list: vec![block], ..Blocks::default() };
    let state = State::booted(Machine::new(description).unwrap().0, blocks, Rules::LINUX_6_1).unwrap();
    RunningMachine::new(state, Published::new(StopWorld::new(Slots::boxed(ROOM)))).unwrap()
}

/// Explores a block that comes or goes while somebody looks at lists and marks, in that order or the other.
fn explore_marks(online: bool, operation: &'static Operation) {
    let seen = Arc::new(AtomicU64::new(0));
    let sights = Arc::clone(&seen);
    explore(&format!("hotplug: {operation:?}"), Bound::Exhaustive, move || {
        let running = Arc::new(machine(online));
        let other = loom::thread::spawn({
            let running = Arc::clone(&running);
            move || running.apply(operation).map(drop).unwrap()
        });
        let listed = || {
            let any = running.frames().filter(&Request::up_to(Movable));
            let mut reader = running.frames().reader().unwrap();
            reader.enter().walk(NodeId::new(NODE).unwrap(), &any).any(|entry| entry.kind() == Movable)
        };
        let marked = || running.state().zones().any(|info| info.size.zone.kind() == Movable && info.marks.min > 0);
        // What comes is looked for in the lists first, what goes in the marks: neither can have changed its mind since.
        let (listed, marked) = if online {
            let marked = marked();
            (listed(), marked)
        } else {
            (listed(), marked())
        };
        sights.fetch_or(1 << u64::from(listed) << (2 * u64::from(marked)), Relaxed);
        assert!(marked || !listed, "a listed zone has no marks");
        other.join().unwrap();
    });
    assert!(seen.load(Relaxed).count_ones() > 1, "all looks showed the same");
}

#[test]
fn a_zone_that_comes_has_marks_before_it_is_listed() {
    explore_marks(false, &Operation::Online { block: 1, to: OnlineTo::Movable });
}

#[test]
fn a_zone_that_goes_has_marks_for_as_long_as_it_is_listed() {
    explore_marks(true, &Operation::Offline { block: 1 });
}
