//! Callbacks within operations: what they may do, and the effects of a panic.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use zonelist_core::{
    Mobility, Page, PageAllocator, PageRequest, Pfn, Request, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    conformance::Unreliable,
    hotplug::{
        AllocatorProvider, Backing, BackingError, BlockId, Deadline, Errno, HotplugError, MemoryBlockState,
        MetadataStatistics, OnlineTo, Operation, ProviderError, RunningMachine, StopReason,
    },
    page_alloc::{Handle, MovablePages, MoveError, PreparedRequest},
    publish::{BarrierError, Parts, Platform, Published, ReaderSlots, Standard},
    stop_world::StopWorld,
    sync::Spin,
    table::Slots,
    zone::Order,
};

use super::{BLOCKS, READERS, Scheme, movable, node, state};

type Migrate = fn(Handle, &Page, &Page) -> Result<(), MoveError>;
type Frames<P> = AllocatorProvider<'static, Scheme, P, (MovablePages<'static, Migrate>, Memory)>;
type Machine<P> = RunningMachine<Frames<P>>;

/// Node 1's spare block.
const SPARE: BlockId = BlockId::new(2 * (BLOCKS + 1) - 1);
const ONLINE: Operation = Operation::Online { block: SPARE, to: OnlineTo::Movable };
const OFFLINE: Operation = Operation::Offline { block: SPARE };

/// Memory behind frames that calls a hook when it is committed, and one when it is released.
#[derive(Debug, Default)]
struct Memory {
    commit: Mutex<Option<fn()>>,
    release: Mutex<Option<fn()>>,
}

impl Memory {
    fn hook(hook: &Mutex<Option<fn()>>, what: fn()) {
        *hook.lock().unwrap() = Some(what);
    }

    /// Runs a hook once.
    fn run(hook: &Mutex<Option<fn()>>) {
        let what = hook.lock().unwrap().take();
        what.into_iter().for_each(|what| what());
    }
}

impl Backing for Memory {
    fn commit(&self, _: ZoneId, _: Range<Pfn>) -> Result<(), BackingError> {
        Self::run(&self.commit);
        Ok(())
    }

    fn release(&self, _: ZoneId, _: Range<Pfn>) {
        Self::run(&self.release);
    }
}

/// The machine of these tests, with its spare block offline.
fn machine<P: Platform<Lock = Spin>>(migrate: Migrate, on_low: fn(ZoneId, usize)) -> Machine<P> {
    let state = state();
    let published: Published<_, P> =
        Published::with_platform(StopWorld::new(Slots::boxed(state.capacity())), ReaderSlots::boxed(READERS));
    let zone = |(id, span)| Zone::without_metadata(id, span, Order::MAX, Spin::new()).unwrap();
    let zones = state.possible_zones(&[]).map(zone).collect();
    let allocator = PageAllocator::boxed(published, zones).unwrap().on_low(on_low);
    let frames = AllocatorProvider::from_allocator(allocator)
        .reclaiming()
        .with_migration_source(MovablePages::boxed(migrate, 4096));
    RunningMachine::new(state.clone(), frames.with_backing(Memory::default()).boot(&state).unwrap()).unwrap()
}

fn quiet(_: ZoneId, _: usize) {}

fn moves(_: Handle, _: &Page, _: &Page) -> Result<(), MoveError> {
    Ok(())
}

fn prepared_requests<P: Platform<Lock = Spin>>(machine: &Machine<P>) -> [PreparedRequest<Scheme>; 2] {
    let prepare = |request| machine.provider().allocator().prepare(&request);
    [prepare(PageRequest::up_to(Movable).mobility(Mobility::Movable)), prepare(PageRequest::up_to(Normal))]
}

/// The list of node 1 as its readers see it, and as the state has it.
fn listed<P: Platform<Lock = Spin>>(machine: &Machine<P>) -> [Vec<ZoneId>; 2] {
    let published = machine.provider().allocator().published();
    let filter = published.filter(&Request::up_to(Movable));
    let seen = published.reader().unwrap().enter().walk(node(1), &filter).map(|entry| entry.zone()).collect();
    let state = machine.state();
    let in_state =
        state.lists().lists().of(node(1), zonelist_core::zonelist::Scope::Fallback).iter().map(|entry| entry.zone());
    [seen, in_state.collect()]
}

/// Allocations of an operation bring a zone below its low watermark: the callback comes after the operation, and may
/// start another.
#[test]
fn a_low_zone_is_reported_after_the_operation_that_caused_it() {
    static RUNNING: OnceLock<Machine<Standard>> = OnceLock::new();
    static OUTCOMES: Mutex<Vec<(ZoneId, bool)>> = Mutex::new(Vec::new());
    let running = RUNNING.get_or_init(|| {
        machine(moves, |zone, _| {
            if let Some(running) = RUNNING.get() {
                OUTCOMES.lock().unwrap().push((zone, running.apply(&ONLINE).is_ok()));
            }
        })
    });
    running.apply(&ONLINE).unwrap();
    let allocator = running.provider().allocator();
    let [movable_pages, kernel] = prepared_requests(running);
    let mut local = allocator.local().unwrap();
    let handles: Vec<Handle> = (0..60)
        .map(|_| local.alloc(node(1), &movable_pages).unwrap())
        .filter(|page| allocator.zone_of(page).unwrap().id() == movable(1))
        .map(|page| running.provider().migration_source().insert(page).unwrap())
        .collect();
    let zone = allocator.zone(ZoneId::new(node(0), Normal)).unwrap();
    let low = zone.watermarks().low as usize;
    let mut kept: Vec<Page> = Vec::new();
    while zone.free_pages() > low + 50 {
        kept.push(local.alloc(node(0), &kernel).unwrap());
    }
    assert!(handles.len() > 50 && OUTCOMES.lock().unwrap().is_empty());
    running.apply(&OFFLINE).unwrap();
    assert_eq!(*OUTCOMES.lock().unwrap(), [(zone.id(), true)], "one call, whose operation succeeded");
    assert_eq!(running.state().block(SPARE).unwrap().state, MemoryBlockState::Online(Movable));
    local.free_bulk(kept).unwrap();
}

/// A request of another thread brings a zone below its low watermark, while an operation waits for a page of that
/// thread.
#[test]
fn a_callback_beside_an_operation_does_not_wait_for_it() {
    static RUNNING: OnceLock<Machine<Standard>> = OnceLock::new();
    static OUTCOME: Mutex<Option<HotplugError>> = Mutex::new(None);
    let running = RUNNING.get_or_init(|| {
        machine(moves, |_, _| {
            if let Some(running) = RUNNING.get() {
                *OUTCOME.lock().unwrap() = running.try_apply(&ONLINE).err();
            }
        })
    });
    running.apply(&ONLINE).unwrap();
    let allocator = running.provider().allocator();
    let [movable_pages, kernel] = prepared_requests(running);
    let mut local = allocator.local().unwrap();
    let page = local.alloc(node(1), &movable_pages).unwrap();
    thread::scope(|scope| {
        let offline = scope.spawn(|| running.apply_within(&OFFLINE, &mut || Ok(())));
        while allocator.zone(movable(1)).unwrap().free_pages() > 0 {
            thread::yield_now();
        }
        // `try_apply` does not wait for the operation in progress.
        assert_eq!(running.try_apply(&ONLINE).unwrap_err(), HotplugError::InProgress);
        assert_eq!(HotplugError::InProgress.errno(), Errno::Busy);
        let mut kept = Vec::new();
        while OUTCOME.lock().unwrap().is_none() {
            kept.push(local.alloc(node(0), &kernel).unwrap());
        }
        assert_eq!(*OUTCOME.lock().unwrap(), Some(HotplugError::InProgress));
        local.free_bulk(kept).unwrap();
        assert!(!offline.is_finished(), "the page is in use");
        local.free(page).unwrap();
        offline.join().unwrap().unwrap();
    });
    assert!(running.try_apply(&ONLINE).is_ok());
}

/// Tries every call within an operation: all but another operation succeed.
fn try_everything(running: &Machine<Standard>) {
    for outcome in [running.apply(&ONLINE), running.try_apply(&OFFLINE), running.apply_within(&OFFLINE, &mut ())] {
        assert_eq!(outcome.map(drop), Err(HotplugError::Nested));
    }
    let allocator = running.provider().allocator();
    let [movable_pages, kernel] = prepared_requests(running);
    let mut local = allocator.local().unwrap();
    let pages = [local.alloc(node(0), &kernel).unwrap(), local.alloc(node(0), &movable_pages).unwrap()];
    local.free_bulk(pages).unwrap();
    allocator.drain().unwrap();
    allocator.without_caches(movable(1), || ()).unwrap();
    allocator.published().publish(running.state().lists()).unwrap();
    allocator.published().synchronize().unwrap();
    TRIED.fetch_add(1, SeqCst);
}

static TRIED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn callbacks_may_do_anything_but_another_operation() {
    static RUNNING: OnceLock<Machine<Standard>> = OnceLock::new();
    fn here() {
        RUNNING.get().into_iter().for_each(try_everything);
    }
    let migrate: Migrate = |_, _, _| {
        here();
        Ok(())
    };
    let running = RUNNING.get_or_init(|| machine(migrate, quiet));
    let frames = running.provider();
    Memory::hook(&frames.backing().commit, here);
    running.apply(&ONLINE).unwrap();
    assert_eq!(TRIED.load(SeqCst), 1, "the commit of memory");
    let mut local = frames.allocator().local().unwrap();
    let [movable_pages, _] = prepared_requests(running);
    let moved = frames.migration_source().insert(local.alloc(node(1), &movable_pages).unwrap()).unwrap();
    let mut freed = Some(local.alloc(node(1), &movable_pages).unwrap());
    let mut deadline = || {
        here();
        freed.take().into_iter().for_each(|page| local.free(page).unwrap());
        Ok::<_, StopReason>(())
    };
    Memory::hook(&frames.backing().release, here);
    running.apply_within(&OFFLINE, &mut deadline).unwrap();
    assert!(TRIED.load(SeqCst) >= 4, "a migrate, a deadline, and the release of memory: {TRIED:?}");
    assert_eq!(HotplugError::Nested.errno(), Errno::Busy);
    local.free(frames.migration_source().remove(moved).unwrap()).unwrap();
    running.apply(&ONLINE).unwrap();
}

/// The lists without the zone are published by then, so the operation is done in spite of the panic.
#[test]
fn a_panic_while_memory_is_released_keeps_state_and_lists_consistent() {
    let running: Machine<Standard> = machine(moves, quiet);
    let panics = || panic!("a fault of the callback");
    for _ in 0..3 {
        running.apply(&ONLINE).unwrap();
        Memory::hook(&running.provider().backing().release, panics);
        assert!(catch_unwind(AssertUnwindSafe(|| running.apply(&OFFLINE).map(drop))).is_err());
        let [seen, in_state] = listed(&running);
        assert_eq!(seen, in_state);
        assert!(!in_state.contains(&movable(1)));
        assert_eq!(running.state().block(SPARE).unwrap().state, MemoryBlockState::Offline);
        assert!(matches!(running.apply(&OFFLINE), Err(HotplugError::AlreadyOffline { block: SPARE })));
    }
    running.apply(&ONLINE).unwrap();
    assert_eq!(running.provider().allocator().zone(movable(1)).unwrap().free_pages() as u64, super::PAGES);
}

#[test]
fn a_panic_in_a_commit_or_a_wait_changes_nothing() {
    struct Panics;
    impl Deadline for Panics {
        fn check(&mut self) -> Result<(), StopReason> {
            panic!("a fault of the callback")
        }
    }
    let running: Machine<Standard> = machine(moves, quiet);
    let zone = || running.provider().allocator().zone(movable(1)).unwrap();
    let before = running.state();
    Memory::hook(&running.provider().backing().commit, || panic!("a fault of the callback"));
    assert!(catch_unwind(AssertUnwindSafe(|| running.apply(&ONLINE).map(drop))).is_err());
    assert_eq!((running.state(), zone().managed(), zone().free_pages()), (before, 0, 0));
    running.apply(&ONLINE).unwrap();

    let mut local = running.provider().allocator().local().unwrap();
    let page = local.alloc(node(1), &prepared_requests(&running)[0]).unwrap();
    let (before, free) = (running.state(), zone().free_pages());
    assert!(catch_unwind(AssertUnwindSafe(|| running.apply_within(&OFFLINE, &mut Panics).map(drop))).is_err());
    assert_eq!(running.state(), before);
    running.provider().allocator().drain().unwrap();
    assert!(zone().free_pages() >= free, "the pages are no longer isolated");
    // Per-CPU pages are enabled again, and the block can go offline.
    local.free(page).unwrap();
    assert!(running.provider().allocator().stats(movable(1)).unwrap().cached > 0);
    running.apply(&OFFLINE).unwrap();
}

#[test]
fn a_block_stays_online_if_per_cpu_pages_cant_be_drained() {
    let running: Machine<Parts<Unreliable>> = machine(moves, quiet);
    running.apply(&ONLINE).unwrap();
    let mut local = running.provider().allocator().local().unwrap();
    let page = local.alloc(node(1), &prepared_requests(&running)[0]).unwrap();
    local.free(page).unwrap();
    let (before, stats) = (running.state(), || running.provider().allocator().stats(movable(1)).unwrap());
    let stats_before = stats();
    let (outcome, failures) = Unreliable::failing(1, || running.apply(&OFFLINE));
    let error = outcome.unwrap_err();
    let barrier = ProviderError::Barrier(BarrierError { errno: 1 });
    assert_eq!((&error, failures), (&HotplugError::Provider { block: SPARE, error: barrier }, 1));
    assert_eq!((error.errno(), running.state(), stats()), (Errno::Io, before, stats_before));
    running.apply(&OFFLINE).unwrap();
}

/// The node is removed, and the metadata of its zones is freed after the next grace period that succeeds.
#[test]
fn metadata_of_a_removed_node_is_freed_later_if_its_grace_period_fails() {
    let running: Machine<Parts<Unreliable>> = machine(moves, quiet);
    let (first, count) = (BLOCKS + 1, BLOCKS + 1);
    let remove_blocks = || {
        (first..first + BLOCKS)
            .for_each(|block| drop(running.apply(&Operation::Offline { block: BlockId::new(block) }).unwrap()));
        running.apply(&Operation::RemoveBlocks { first: BlockId::new(first), count }).unwrap();
    };
    let add_blocks = || {
        running.apply(&Operation::AddBlocks { node: node(1), first: BlockId::new(first), count }).unwrap();
        let online = |block| drop(running.apply(&Operation::Online { block, to: OnlineTo::Kernel }).unwrap());
        (first..first + BLOCKS).map(BlockId::new).for_each(online);
    };
    remove_blocks();
    running.apply(&Operation::CpuOffline { cpu: 1 }).unwrap();
    let remove = || running.apply(&Operation::RemoveNode(node(1))).map(drop);
    let (removed, failures) = Unreliable::failing(12, remove);
    assert_eq!((removed, failures), (Ok(()), 1), "the node is removed");
    assert_eq!(running.provider().metadata_statistics(), MetadataStatistics { freed: 0, kept: 0, deferred: 1 });
    // The operation was done, so the next call reports the failure.
    let error = BarrierError { errno: 12 };
    assert_eq!(running.provider().allocator().published().synchronize(), Err(error.into()));
    add_blocks();
    remove_blocks();
    remove().unwrap();
    assert_eq!(running.provider().metadata_statistics(), MetadataStatistics { freed: 2, kept: 0, deferred: 0 });
}
