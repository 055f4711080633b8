//! A heap without room: each allocation of an operation in turn fails. The operation then fails with `ENOMEM` and
//! changes nothing, or it succeeds all the same.
#![cfg(not(loom))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

use zonelist_core::{
    NodeId, PageAllocator, Pfn, Zone, ZoneId, ZoneKind, Zonelists,
    hotplug::{
        AllocatorProvider, BlockId, Errno, HotplugError, MemoryBlock, MemoryBlockState, MemoryBlocks, OnlineTo,
        Operation, RunningMachine, Setting, Shared, State,
    },
    page_alloc::SetupError,
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::Spin,
    table::{Slot, Slots},
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
    zone::{Order, ZoneError},
};

/// The system's heap, with failures for the thread that has set them.
struct Failing;

thread_local! {
    /// Allocations until one fails; `None` if none is to fail.
    static UNTIL: Cell<Option<usize>> = const { Cell::new(None) };
    /// True if all later allocations fail too.
    static FOR_GOOD: Cell<bool> = const { Cell::new(false) };
    /// The number of allocations that failed.
    static FAILED: Cell<usize> = const { Cell::new(0) };
}

fn fails() -> bool {
    let Some(until) = UNTIL.get() else { return false };
    let fails = until == 0;
    UNTIL.set(if fails && !FOR_GOOD.get() { None } else { Some(until.saturating_sub(1)) });
    FAILED.set(FAILED.get() + usize::from(fails));
    fails
}

// SAFETY: each call goes to the system's allocator unchanged, or returns null, which means failure.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is that of the system's allocator.
        if fails() { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is that of the system's allocator.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract is that of the system's allocator.
        if fails() { std::ptr::null_mut() } else { unsafe { System.realloc(memory, layout, size) } }
    }
}

#[global_allocator]
static HEAP: Failing = Failing;

/// Calls a closure while allocation `number` fails, and all later ones if `for_good`. Returns the number of failures
/// too.
fn failing<R>(number: usize, for_good: bool, what: impl FnOnce() -> R) -> (R, usize) {
    FAILED.set(0);
    FOR_GOOD.set(for_good);
    UNTIL.set(Some(number));
    let result = what();
    UNTIL.set(None);
    (result, FAILED.get())
}

const PAGES: u64 = 1024;

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

/// Two nodes of two blocks and an offline block each, and a third node that is offline.
fn state() -> State {
    let size = |number: u16| ZoneSize {
        zone: ZoneId::new(node(number), ZoneKind::Normal),
        start_pfn: Pfn::new(u64::from(number) * 8 * PAGES),
        spanned: 2 * PAGES,
        present: 2 * PAGES,
        managed: 2 * PAGES,
    };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1, 2],
        distance: vec![vec![10, 20, 30], vec![20, 10, 25], vec![30, 25, 10]],
        cpus: [(0, vec![0, 3]), (2, vec![1])].into(),
        online: vec![0, 1],
        has_cpu: vec![0],
        has_memory: vec![0, 1],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![size(0), size(1)],
            tunables: Tunables { min_free_kbytes: 256, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let block = |number: u64| {
        let state = if number % 8 < 2 { MemoryBlockState::Online(ZoneKind::Normal) } else { MemoryBlockState::Offline };
        MemoryBlock {
            number: BlockId::new(number),
            node: NodeId::new(number as u16 / 8),
            state,
            has_holes: false,
            memmap_pages: 0,
        }
    };
    let list = [0, 1, 2, 8, 9, 10].map(block).into();
    let blocks = MemoryBlocks { pages: PAGES, list, huge_pages: true, ..MemoryBlocks::default() };
    State::booted(machine, blocks, Rules::LINUX_6_1).unwrap()
}

type Running = RunningMachine<AllocatorProvider<'static, StopWorld<Box<[Slot]>>>>;

fn running() -> Running {
    let state = state();
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let room = [(node(2), Pfn::range(16 * PAGES..20 * PAGES))];
    let frames = AllocatorProvider::with_room(published, &state, &room).unwrap().reclaiming();
    RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap()
}

/// The state that a failed operation must not change.
fn snapshot(running: &Running) -> (Arc<State>, Vec<(usize, usize, bool)>) {
    let zones = running.provider().allocator().zones().iter();
    (running.state(), zones.map(|zone| (zone.managed(), zone.free_pages(), !zone.has_metadata())).collect())
}

#[test]
fn an_operation_without_memory_changes_nothing() {
    let running = running();
    let steps = [
        Operation::Online { block: BlockId::new(2), to: OnlineTo::Movable },
        Operation::Online { block: BlockId::new(10), to: OnlineTo::Kernel },
        Operation::AddBlocks { node: node(2), first: BlockId::new(16), count: 3 },
        Operation::Online { block: BlockId::new(17), to: OnlineTo::Movable },
        Operation::CpuOnline { cpu: 1 },
        Operation::CpuOnline { cpu: 1 },
        Operation::Set(Setting::MinFreeKbytes(1000)),
        Operation::Set(Setting::LowmemReserveRatio(vec![16, 1])),
        Operation::CpuOffline { cpu: 0 },
        Operation::Offline { block: BlockId::new(2) },
        Operation::Offline { block: BlockId::new(17) },
        Operation::RemoveBlocks { first: BlockId::new(16), count: 3 },
        Operation::CpuOffline { cpu: 1 },
        Operation::RemoveNode(node(2)),
        Operation::AddNode(node(2)),
    ];
    let mut refused = 0;
    for operation in &steps {
        for for_good in [true, false] {
            for number in 0.. {
                let before = snapshot(&running);
                let (outcome, failed) = failing(number, for_good, || running.apply(operation).map(drop));
                if failed == 0 {
                    assert_eq!(outcome, Ok(()), "{operation:?}");
                    break;
                }
                let error = outcome.expect_err("an allocation failed");
                assert_eq!(error.errno(), Errno::Nomem, "{operation:?}: {error}");
                // A zone may have got its metadata but no frames. It keeps the metadata for the next time.
                let after = snapshot(&running);
                let pages =
                    |zones: &[(usize, usize, bool)]| zones.iter().map(|zone| (zone.0, zone.1)).collect::<Vec<_>>();
                assert_eq!((after.0, pages(&after.1)), (before.0, pages(&before.1)), "{operation:?}: {error}");
                refused += 1;
            }
            if for_good {
                // The operation succeeded once no allocation failed. It is repeated with single failures.
                undo(&running, operation);
            }
        }
    }
    println!("{refused} failed allocations, each of which failed its operation");
    assert!(refused > 15 * steps.len());
    let zones = running.provider().allocator().zones().iter();
    zones.for_each(|zone| assert_eq!(zone.free_pages(), zone.managed()));
}

/// Performs the inverse of an operation, if there is one.
fn undo(running: &Running, operation: &Operation) {
    let back = match *operation {
        Operation::Online { block, .. } => Operation::Offline { block },
        Operation::Offline { block } => Operation::Online { block, to: OnlineTo::Movable },
        Operation::AddBlocks { first, count, .. } => Operation::RemoveBlocks { first, count },
        Operation::RemoveBlocks { first, count } => Operation::AddBlocks { node: node(2), first, count },
        Operation::AddNode(node) => Operation::RemoveNode(node),
        Operation::RemoveNode(node) => Operation::AddNode(node),
        _ => return,
    };
    running.apply(&back).unwrap();
}

#[test]
fn invalid_operations_are_refused_without_memory_too() {
    let running = running();
    for operation in [
        Operation::Set(Setting::WatermarkScaleFactor(0)),
        Operation::Set(Setting::LowmemReserveRatio(vec![1; 9])),
        Operation::Online { block: BlockId::new(99), to: OnlineTo::Auto },
    ] {
        for number in 0..40 {
            let (outcome, failed) = failing(number, true, || running.apply(&operation).map(drop));
            let errno = outcome.unwrap_err().errno();
            assert!(errno != Errno::Nomem || failed > 0, "{operation:?}");
        }
    }
    for (name, value) in [("min_free_kbytes", "many"), ("lowmem_reserve_ratio", "1 2 3"), ("swappiness", "1")] {
        for number in 0..8 {
            let (outcome, failed) = failing(number, true, || Setting::parse(name, value, 4, Rules::LINUX_6_1));
            assert!(outcome.is_ok() || failed == 0 || outcome == Err(HotplugError::NoMemory), "{name} {value}");
        }
    }
    let (outcome, _) = failing(0, true, || "sideways".parse::<OnlineTo>());
    assert_eq!(outcome, Err(HotplugError::NoMemory));
}

#[test]
fn zones_and_allocators_report_a_heap_without_room() {
    let id = ZoneId::new(node(0), ZoneKind::Normal);
    let zone = || Zone::boxed(id, Pfn::range(0..4096), Order::MAX, Spin::new());
    for number in 0..3 {
        let (made, _) = failing(number, true, zone);
        assert!(matches!(made.map(drop), Err(ZoneError::Heap { .. })), "allocation {number}");
    }
    let bare = Zone::without_metadata(id, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap();
    for number in 0..3 {
        let (attached, _) = failing(number, true, || bare.attach_metadata());
        assert!(attached.is_err() && !bare.has_metadata());
    }
    bare.attach_metadata().unwrap();
    bare.add(Pfn::range(0..4096)).unwrap();
    // A pageblock whose managed frames are not one range needs a bitmap.
    bare.remove(Pfn::range(10..11)).unwrap();
    let (refused, _) = failing(0, true, || bare.remove(Pfn::range(20..21)));
    assert!(refused.unwrap_err().to_string().ends_with("expected a heap that has them"));
    assert_eq!((bare.managed(), bare.free_pages()), (4095, 4095));
    bare.remove(Pfn::range(20..21)).unwrap();

    let published = || Published::with_slots(StopWorld::new(Slots::boxed(state().capacity())), ReaderSlots::boxed(2));
    for number in 0..2 {
        let (published, zones) = (published(), vec![zone().unwrap()]);
        let (made, _) = failing(number, true, || PageAllocator::boxed(published, zones).map(drop));
        assert!(matches!(made, Err(SetupError::Zone(ZoneError::Heap { .. }))), "allocation {number}: {made:?}");
    }
}

/// The allocator of a machine: its creation, and the frames that it boots with.
#[test]
fn a_boot_reports_a_heap_without_room() {
    let state = state();
    let published = || Published::with_slots(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(2));
    let frames = |published| AllocatorProvider::<_, _>::new(published, &state);
    for for_good in [true, false] {
        for number in 0.. {
            let published = published();
            let (made, failed) = failing(number, for_good, || frames(published).map(drop));
            if failed == 0 {
                assert_eq!(made, Ok(()));
                assert!(number > 2);
                break;
            }
            assert!(matches!(made, Err(SetupError::Zone(ZoneError::Heap { .. }))), "allocation {number}: {made:?}");
        }
        for number in 0.. {
            let empty = frames(published()).unwrap();
            let (booted, failed) = failing(number, for_good, || empty.boot(&state).map(drop));
            if failed == 0 {
                assert_eq!(booted, Ok(()));
                assert!(number > 5);
                break;
            }
            let error =
                HotplugError::Provider { block: BlockId::new(0), error: booted.expect_err("an allocation failed") };
            assert_eq!(error.errno(), Errno::Nomem, "allocation {number}: {error}");
        }
    }
}

/// The first reader of a state creates its pointer, and all later ones get the same.
#[test]
fn all_readers_get_the_same_state() {
    let running = running();
    let one = running.state();
    assert!(Arc::ptr_eq(&one, &running.state()));
    let change = running.apply(&Operation::Online { block: BlockId::new(2), to: OnlineTo::Movable }).unwrap();
    let other = running.state();
    assert!(!Arc::ptr_eq(&one, &other) && Arc::ptr_eq(&other, &running.state()));
    let lists: Shared<Zonelists> = change.rebuilt.unwrap().lists;
    assert_eq!(*lists, *other.lists());
}
