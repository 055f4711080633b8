//! The fact that a scheme retires agrees with its type: only some schemes implement [`Reclaim`].

use std::marker::PhantomData;

use zonelist_core::{
    NodeId, Pfn, ZoneId, ZoneKind,
    hotplug::{
        AllocatorProvider, BlockId, MemoryBlock, MemoryBlockState, MemoryBlocks, MetadataStatistics, OnlineTo,
        Operation, RunningMachine, State,
    },
    publish::{Published, ReaderSlots, Reclaim, Scheme},
    stop_world::{StopWorld, StopWorldPreempted},
    table::Slot,
    topology::{Machine, MachineDescription, Memory, Rules, Tunables, ZoneSize},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_schemes::{Buildable, SchemeId};
use zonelist_seq::{SeqCopy, SeqRetry};

/// Tells whether a scheme implements [`Reclaim`]: an inherent item takes precedence over the item of a trait.
struct Ask<S>(PhantomData<S>);

impl<S: Reclaim> Ask<S> {
    const RECLAIMS: bool = true;

    fn reclaiming(provider: Provider<S>) -> Provider<S> {
        provider.reclaiming()
    }
}

/// The items for schemes that do not implement [`Reclaim`].
trait Otherwise<S> {
    const RECLAIMS: bool = false;

    fn reclaiming(provider: Provider<S>) -> Provider<S> {
        provider
    }
}

impl<S> Otherwise<S> for Ask<S> {}

/// The page provider of an allocator.
type Provider<S> = AllocatorProvider<'static, S>;

/// Applies the macro `$of` to each scheme.
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
    macro_rules! claims {
        ($scheme:ty) => {
            (<$scheme as Scheme>::FACTS, Ask::<$scheme>::RECLAIMS)
        };
    }
    let claims = each!(claims);
    let names = claims.map(|(facts, _)| facts.scheme);
    assert_eq!(names.as_slice(), SchemeId::all().iter().map(|scheme| scheme.name()).collect::<Vec<_>>());
    for (facts, reclaims) in claims {
        assert_eq!(facts.retires, reclaims, "{}", facts.scheme);
    }
}

/// The state of a machine of two nodes. The second node has only memory block 1, which is offline.
fn state() -> State {
    const PAGES: u64 = 4096;
    let (one, other) = (NodeId::new(0).unwrap(), NodeId::new(1).unwrap());
    let zone = ZoneId::new(one, ZoneKind::Normal);
    let normal = ZoneSize { zone, start_pfn: Pfn::new(0), spanned: PAGES, present: PAGES, managed: PAGES };
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
        number: BlockId::new(1),
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

/// Puts the second node's memory block online and offline, removes the node, and returns the statistics of the
/// metadata.
fn removed<S: Buildable>(reclaiming: impl FnOnce(Provider<S>) -> Provider<S>) -> MetadataStatistics {
    let (state, node) = (state(), NodeId::new(1).unwrap());
    let provider = reclaiming(
        AllocatorProvider::new(Published::with_platform(S::build(state.capacity()), ReaderSlots::boxed(4)), &state)
            .unwrap(),
    );
    let running = RunningMachine::new(state.clone(), provider.boot(&state).unwrap()).unwrap();
    for operation in [
        Operation::Online { block: BlockId::new(1), to: OnlineTo::Movable },
        Operation::Offline { block: BlockId::new(1) },
        Operation::RemoveBlocks { first: BlockId::new(1), count: 1 },
        Operation::RemoveNode(node),
    ] {
        running.apply(&operation).unwrap();
    }
    running.provider().metadata_statistics()
}

#[test]
fn the_metadata_of_a_removed_node_is_freed_by_schemes_that_retire_and_kept_by_others() {
    macro_rules! outcome {
        ($scheme:ty) => {
            (<$scheme as Scheme>::FACTS, removed::<$scheme>(Ask::<$scheme>::reclaiming))
        };
    }
    for (facts, statistics) in each!(outcome) {
        let [freed, kept] = if facts.retires { [1, 0] } else { [0, 1] };
        assert_eq!(statistics, MetadataStatistics { freed, kept, deferred: 0 }, "{}", facts.scheme);
    }
}
