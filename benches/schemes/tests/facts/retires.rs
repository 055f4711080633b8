//! Which schemes can retire is in their types; this holds what they say of themselves to it.

use std::marker::PhantomData;

use zonelist_core::{
    Machine, MachineDescription, Memory, NodeId, Rules, Slot, Spin, StopWorld, StopWorldPreempted, Tunables, ZoneId,
    ZoneKind, ZoneSize,
    hotplug::{
        AllocatorProvider, MemoryBlock, MemoryBlockState, MemoryBlocks, MetadataStatistics, OnlineTo, Operation,
        RunningMachine, State,
    },
    publish::{FullFence, Published, Reclaim, Scheme},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_schemes::{Buildable, SchemeId};
use zonelist_seq::{SeqCopy, SeqRetry};

/// Asks whether a scheme implements [`Reclaim`]: what a type has itself comes before what a trait gives it.
struct Ask<S>(PhantomData<S>);

impl<S: Reclaim> Ask<S> {
    const RECLAIMS: bool = true;

    fn reclaiming(frames: Pages<S>) -> Pages<S> {
        frames.reclaiming()
    }
}

trait Otherwise<S> {
    const RECLAIMS: bool = false;

    fn reclaiming(frames: Pages<S>) -> Pages<S> {
        frames
    }
}

impl<S> Otherwise<S> for Ask<S> {}

/// An allocator whose memory comes and goes.
type Pages<S> = AllocatorProvider<'static, S, FullFence, Spin, 4>;

/// All schemes, each with what `$of` makes of it.
macro_rules! each {
    ($of:ident) => {
        [
            $of!(StopWorld<Box<[Slot]>>),
            $of!(StopWorldPreempted<Box<[Slot]>>),
            $of!(EpochSwap),
            $of!(ArcSwap),
            $of!(AsymmetricEpoch),
            $of!(Qsbr),
            $of!(SeqRetry<Box<[Slot]>>),
            $of!(SeqCopy<8>),
            $of!(InPlace<Box<[Slot]>>),
            $of!(Presence<Box<[Slot]>>),
        ]
    };
}

#[test]
fn a_scheme_retires_if_it_has_grace_periods() {
    macro_rules! asked {
        ($scheme:ty) => {
            (<$scheme as Scheme>::FACTS, Ask::<$scheme>::RECLAIMS)
        };
    }
    let asked = each!(asked);
    let names = asked.map(|(facts, _)| facts.scheme);
    assert_eq!(names.as_slice(), SchemeId::all().iter().map(|scheme| scheme.name()).collect::<Vec<_>>());
    for (facts, reclaims) in asked {
        assert_eq!(facts.retires, reclaims, "{}", facts.scheme);
    }
}

/// Two nodes; all that the second has is block 1, which is offline.
fn state() -> State {
    const PAGES: u64 = 4096;
    let (one, other) = (NodeId::new(0).unwrap(), NodeId::new(1).unwrap());
    let zone = ZoneId::new(one, ZoneKind::Normal);
    let normal = ZoneSize { zone, start_pfn: 0, spanned: PAGES, present: PAGES, managed: PAGES };
    let (machine, _) = Machine::new(MachineDescription {
        possible: vec![0, 1],
        distance: vec![vec![10, 20], vec![20, 10]],
        online: vec![0, 1],
        has_memory: vec![0],
        memory: Some(Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
            zones: vec![normal],
            tunables: Tunables { min_free_kbytes: 512, watermark_scale_factor: 10, lowmem_reserve_ratio: vec![32, 0] },
        }),
        ..MachineDescription::default()
    })
    .unwrap();
    let block = MemoryBlock {
        number: 1,
        node: Some(other),
        state: MemoryBlockState::Offline,
        has_holes: false,
        memmap_pages: 0,
    };
    State::booted(
        machine,
        MemoryBlocks { pages: PAGES, list: vec![block], ..MemoryBlocks::default() },
        Rules::LINUX_6_1,
    )
    .unwrap()
}

/// Brings the second node's block online and takes it off again, and removes the node: what became of its zones.
fn removed<S: Buildable>(reclaiming: impl FnOnce(Pages<S>) -> Pages<S>) -> MetadataStatistics {
    let (state, node) = (state(), NodeId::new(1).unwrap());
    let frames = reclaiming(AllocatorProvider::new(Published::new(S::build(state.capacity())), &state).unwrap());
    let running = RunningMachine::new(state.clone(), frames.boot(&state).unwrap()).unwrap();
    for operation in [
        Operation::Online { block: 1, to: OnlineTo::Movable },
        Operation::Offline { block: 1 },
        Operation::RemoveBlocks { first: 1, count: 1 },
        Operation::RemoveNode(node),
    ] {
        running.apply(&operation).unwrap();
    }
    running.provider().metadata_statistics()
}

#[test]
fn the_zones_of_a_node_that_is_gone_are_freed_by_those_that_retire_and_kept_by_the_others() {
    macro_rules! outcome {
        ($scheme:ty) => {
            (<$scheme as Scheme>::FACTS, removed::<$scheme>(Ask::<$scheme>::reclaiming))
        };
    }
    for (facts, structures) in each!(outcome) {
        let [freed, kept] = if facts.retires { [1, 0] } else { [0, 1] };
        assert_eq!(structures, MetadataStatistics { freed, kept, deferred: 0 }, "{}", facts.scheme);
    }
}
