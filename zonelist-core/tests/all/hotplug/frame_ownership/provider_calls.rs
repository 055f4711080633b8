//! Calls of a page provider in any sequence and for any range: impossible ones are refused, and no frame gets two
//! zones.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use proptest::{collection::vec, prelude::*};
use zonelist_core::{
    Mobility, PageAllocator, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    hotplug::{
        AllocatorProvider, Backing, BackingError, BlockId, Errno, HotplugError, MemoryBlockState, MemoryBlocks,
        OnlineTo, Operation, PageProvider as _, ProviderError, RunningMachine, State,
    },
    publish::Published,
    stop_world::StopWorld,
    sync::Spin,
    table::Slots,
    zone::Order,
};

use super::{Frames, Scheme, all_frames, block, booted, cases, full, machine, node, ranges_of, zone};

const LIMIT: u64 = 8192;

#[derive(Clone, Debug)]
enum Call {
    PrepareOnline(usize, Range<u64>),
    FinishOnline(usize, Range<u64>),
    Isolate(usize, Range<u64>),
    Offline(usize, Range<u64>),
    RemoveNode(u16),
    Alloc(usize, Order),
    Free(usize),
}

fn ids() -> [ZoneId; 4] {
    [zone(0, Normal), zone(0, Movable), zone(1, Normal), zone(1, Movable)]
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let pfn = || prop_oneof![6 => (0..17_u64).prop_map(|at| at * 512), 2 => 0..LIMIT + 600, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let range = || {
        prop_oneof![
            4 => (pfn(), 1..2048_u64).prop_map(|(start, len)| start..start.saturating_add(len)),
            4 => (0..16_u64, 1..4_u64).prop_map(|(at, len)| at * 512..(at + len) * 512),
            1 => (pfn(), pfn()).prop_map(|(start, end)| start..end),
        ]
    };
    // There is no zone 4.
    let at = || 0..5_usize;
    vec(
        prop_oneof![
            4 => (at(), range()).prop_map(|(at, range)| Call::PrepareOnline(at, range)),
            2 => (at(), range()).prop_map(|(at, range)| Call::FinishOnline(at, range)),
            3 => (at(), range()).prop_map(|(at, range)| Call::Isolate(at, range)),
            2 => (at(), range()).prop_map(|(at, range)| Call::Offline(at, range)),
            1 => (0..3_u16).prop_map(Call::RemoveNode),
            3 => (0..4_usize, 0..Order::MAX.number()).prop_map(|(at, order)| Call::Alloc(at, Order::new(order).unwrap())),
            2 => (0..20_usize).prop_map(Call::Free),
        ],
        0..40,
    )
}

fn state() -> State {
    let zones = vec![full(zone(0, Normal), 0..2048), full(zone(1, Normal), 4096..6144)];
    let on = |number: u64, node| block(number, Some(node), MemoryBlockState::Online(Normal));
    let list = vec![on(0, 0), on(1, 0), on(4, 1), on(5, 1)];
    booted(machine(zones, vec![]).unwrap(), MemoryBlocks { pages: 1024, list, ..MemoryBlocks::default() }).unwrap()
}

/// An allocator with room for all frames on both nodes.
fn with_room(state: &State) -> Frames {
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let room = [0, 1].map(|number| (node(number), Pfn::range(0..LIMIT)));
    AllocatorProvider::with_room(published, state, &room).unwrap().boot(state).unwrap()
}

fn owners(frames: &Frames) -> BTreeMap<u64, ZoneId> {
    let mut owners = BTreeMap::new();
    for zone in frames.allocator().zones().iter().filter(|zone| zone.managed() > 0) {
        for pfn in Pfn::iter(zone.span()).filter(|&pfn| zone.manages(pfn)) {
            assert_eq!(owners.insert(pfn.number(), zone.id()), None, "frame {pfn}");
        }
    }
    owners
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400, 16)))]

    #[test]
    fn any_range_goes_online_or_offline_as_a_whole_or_not_at_all(calls in calls()) {
        let state = state();
        let frames = with_room(&state);
        let mut used: Vec<(ZoneId, u64, Order)> = Vec::new();
        let mut before = owners(&frames);
        for call in calls {
            let id = |at: usize| ids().get(at).copied().unwrap_or(zone(7, Normal));
            let is = |pfn: &u64, id: ZoneId| before.get(pfn) == Some(&id);
            match call {
                Call::PrepareOnline(at, range) => {
                    let outcome = frames.prepare_online(id(at), Pfn::range(range.clone()));
                    let mut expected = before.clone();
                    if outcome.is_ok() {
                        expected.extend(range.map(|pfn| (pfn, id(at))));
                        prop_assert!(expected.len() > before.len());
                    }
                    before = owners(&frames);
                    prop_assert_eq!(&before, &expected, "{:?}", outcome);
                }
                Call::FinishOnline(at, range) => frames.finish_online(id(at), Pfn::range(range)),
                Call::Isolate(at, range) => {
                    let outcome = frames.isolate(&state, id(at), Pfn::range(range.clone()), &mut ());
                    prop_assert!(outcome.is_err() || range.clone().all(|pfn| is(&pfn, id(at))), "{:?}", outcome);
                    let in_use = used.iter().any(|&(of, pfn, order)| {
                        of == id(at) && pfn < range.end && range.start < pfn + order.pages()
                    });
                    prop_assert!(outcome.is_err() || !in_use);
                }
                Call::Offline(at, range) => {
                    frames.offline(id(at), Pfn::range(range.clone()));
                    let after = owners(&frames);
                    let gone = before.iter().filter(|(pfn, _)| !after.contains_key(pfn));
                    prop_assert!(gone.clone().all(|(pfn, of)| range.contains(pfn) && *of == id(at)));
                    let in_use = |pfn: &u64| used.iter().any(|&(_, first, order)| (first..first + order.pages()).contains(pfn));
                    prop_assert!(!gone.clone().any(|(pfn, _)| in_use(pfn)), "a page in use is gone");
                    before = after;
                }
                Call::RemoveNode(number) => frames.remove_node(node(number)),
                Call::Alloc(at, order) => {
                    let taken = frames.allocator().zone(id(at)).unwrap().alloc(order, Mobility::Movable);
                    used.extend(taken.map(|pfn| (id(at), pfn.number(), order)));
                }
                Call::Free(at) if at < used.len() => {
                    let (of, pfn, order) = used.swap_remove(at);
                    frames.allocator().zone(of).unwrap().free(Pfn::new(pfn), order).unwrap();
                }
                Call::Free(_) => {}
            }
        }
        // After the end of all isolation, each frame can be allocated once.
        for (of, pfn, order) in used {
            frames.allocator().zone(of).unwrap().free(Pfn::new(pfn), order).unwrap();
        }
        let mut left = owners(&frames);
        for zone in frames.allocator().zones() {
            frames.finish_online(zone.id(), zone.span());
            while let Some(pfn) = zone.alloc(Order::ZERO, Mobility::Movable) {
                prop_assert_eq!(left.remove(&pfn.number()), Some(zone.id()), "frame {}", pfn);
            }
        }
        prop_assert!(left.is_empty());
    }
}

/// A zone that the caller has created may manage any frames. A range that shares a pageblock with other frames of its
/// zone would isolate those too, and is refused. Frames of another zone there don't matter.
#[test]
fn other_frames_of_a_pageblock_are_never_isolated() {
    let ids = ids();
    let zones = [ids[0], ids[1]].map(|id| Zone::boxed(id, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap());
    zones[0].add(Pfn::range(0..700)).unwrap();
    zones[1].add(Pfn::range(700..900)).unwrap();
    let state = state();
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let frames: Frames = AllocatorProvider::from_allocator(PageAllocator::boxed(published, zones.into()).unwrap());
    let zone = |at: usize| frames.allocator().zone(ids[at]).unwrap();
    let unaligned = |outcome: Result<(), ProviderError>, errno| {
        let error = HotplugError::Provider { block: BlockId::new(0), error: outcome.unwrap_err() };
        assert_eq!(error.errno(), errno, "{error}");
        assert!(error.to_string().contains("; expected "), "{error}");
    };
    for (at, range) in [(0, 900..1024), (1, 900..1024), (1, 512..700), (1, 1000..1100)] {
        unaligned(frames.prepare_online(ids[at], Pfn::range(range)), Errno::Inval);
    }
    unaligned(frames.isolate(&state, ids[0], Pfn::range(100..200), &mut ()), Errno::Inval);
    unaligned(frames.isolate(&state, ids[0], Pfn::range(512..600), &mut ()), Errno::Inval);
    unaligned(frames.isolate(&state, ids[1], Pfn::range(690..800), &mut ()), Errno::Busy);
    assert_eq!((zone(0).free_pages(), zone(1).free_pages()), (700, 200));
    // These frames are the only ones of their zone in their pageblocks.
    frames.isolate(&state, ids[1], Pfn::range(700..900), &mut ()).unwrap();
    assert_eq!((zone(0).free_pages(), zone(1).free_pages()), (700, 0));
    frames.offline(ids[1], Pfn::range(700..900));
    frames.prepare_online(ids[1], Pfn::range(701..1100)).unwrap();
    frames.finish_online(ids[1], Pfn::range(701..1100));
    assert_eq!((zone(0).free_pages(), zone(1).free_pages()), (700, 399));
}

/// Blocks of half a pageblock, in zones that the caller has created. A block goes online and offline if its zone has no
/// other frames in the pageblock.
#[test]
fn half_a_pageblock_goes_online_and_offline_if_it_is_alone() {
    let normal = zone(0, Normal);
    let (on, off) = (MemoryBlockState::Online(Normal), MemoryBlockState::Offline);
    let list = [(0, on), (1, on), (2, on), (3, off), (5, off)].map(|(number, state)| block(number, Some(0), state));
    let blocks = MemoryBlocks { pages: 256, list: list.into(), ..MemoryBlocks::default() };
    let state = booted(machine(vec![full(normal, 0..768), full(zone(1, Normal), 8192..8704)], vec![]).unwrap(), blocks);
    let state = state.unwrap();
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let mut zones = vec![Zone::boxed(normal, Pfn::range(0..2048), Order::MAX, Spin::new()).unwrap()];
    zones.push(Zone::boxed(zone(1, Normal), Pfn::range(8192..8704), Order::MAX, Spin::new()).unwrap());
    zones[0].add(Pfn::range(0..768)).unwrap();
    zones[1].add(Pfn::range(8192..8704)).unwrap();
    let frames: Frames = AllocatorProvider::from_allocator(PageAllocator::boxed(published, zones).unwrap());
    let running = RunningMachine::new(state, frames).unwrap();
    let free = || running.provider().allocator().zone(normal).unwrap().free_pages();
    let online = |block| Operation::Online { block, to: OnlineTo::Kernel };
    for refused in [
        online(BlockId::new(3)),
        Operation::Offline { block: BlockId::new(0) },
        Operation::Offline { block: BlockId::new(1) },
    ] {
        let error = running.apply(&refused).unwrap_err();
        assert_eq!((error.errno(), free()), (Errno::Inval, 768), "{error}");
        assert!(error.to_string().contains("expected whole pageblocks of 512"), "{error}");
    }
    running.apply(&Operation::Offline { block: BlockId::new(2) }).unwrap();
    assert_eq!(free(), 512);
    for (block, expected) in [(3, 768), (5, 1024)] {
        running.apply(&online(BlockId::new(block))).unwrap();
        assert_eq!(free(), expected);
    }
    assert_eq!(ranges_of(&all_frames(&running), normal), [0..512, 768..1024, 1280..1536]);
}

/// Memory that logs its calls: true for a commit, false for a release.
#[derive(Default)]
struct Memory(RefCell<Vec<(bool, Range<Pfn>)>>);

impl Backing for Memory {
    fn commit(&self, _: ZoneId, frames: Range<Pfn>) -> Result<(), BackingError> {
        if frames.start == Pfn::new(6144) {
            return Err(BackingError { frames: (frames.start, frames.end), errno: 12 });
        }
        self.0.borrow_mut().push((true, frames));
        Ok(())
    }

    fn release(&self, _: ZoneId, frames: Range<Pfn>) {
        self.0.borrow_mut().push((false, frames));
    }
}

/// A refusal does not touch the memory of frames that a zone has already. A failed commit is a refusal.
#[test]
fn a_refusal_touches_no_memory() {
    let (state, memory, ids) = (state(), Memory::default(), ids());
    let published = Published::new(StopWorld::new(Slots::boxed(state.capacity())));
    let room = [0, 1].map(|number| (node(number), Pfn::range(0..LIMIT)));
    let frames: Frames = AllocatorProvider::with_room(published, &state, &room).unwrap();
    let frames = frames.with_backing(&memory).boot(&state).unwrap();
    let booted = [(true, 0..1024), (true, 1024..2048), (true, 4096..5120), (true, 5120..6144)];
    let booted = booted.map(|(commit, range)| (commit, Pfn::range(range)));
    assert_eq!(*memory.0.borrow(), booted);
    for (at, range) in [(0, 0..1024), (0, 1024..3072), (2, 0..1024), (1, 1536..2560), (3, 4096..5120)] {
        assert!(frames.prepare_online(ids[at], Pfn::range(range.clone())).is_err(), "{range:?}");
    }
    assert_eq!(*memory.0.borrow(), booted);
    let none = frames.prepare_online(ids[3], Pfn::range(6144..7168)).unwrap_err();
    assert!(none.to_string().contains("no memory behind frames 6144 to 7168"), "{none}");
    assert_eq!((frames.allocator().zone(ids[3]).unwrap().managed(), memory.0.borrow().len()), (0, 4));
    assert!(frames.boot(&state).is_err(), "it is booted already");
    assert_eq!(*memory.0.borrow(), booted);
}

/// A borrow of a machine for as long as its zones are borrowed.
struct User<'a>(&'a RunningMachine<AllocatorProvider<'a, Scheme>>);

/// This compiles: although the allocator has a destructor, a machine can be borrowed for the lifetime of its zones.
#[test]
fn a_machine_can_be_borrowed_for_as_long_as_its_zones() {
    let state = state();
    let frames = with_room(&state).reclaiming();
    let running = RunningMachine::new(state, frames).unwrap();
    let user = User(&running);
    user.0.apply(&Operation::Offline { block: BlockId::new(1) }).unwrap();
    assert_eq!(user.0.state().zones().map(|info| info.size.managed).sum::<u64>(), 3 * 1024);
}
