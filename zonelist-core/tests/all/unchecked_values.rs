//! Unchecked values: functions of the topology, of lists and of arenas return for any input, and are correct for its
//! valid part.

use proptest::{collection::vec, prelude::*};
use zonelist_core::{
    NodeId, Pfn, ZoneId, ZoneKind, Zonelists, Zoneref,
    hotplug::{MemoryBlocks, State, huge_page_min_free_kbytes, scaled_min_free_kbytes},
    topology::{
        DistanceSource, Distances, FallbackOrder, FallbackOrderInput, LOCAL_DISTANCE, MAX_NODES, Machine,
        MachineDescription, Memory, NodeSet, Rules, Tunables, Watermarks, ZoneSize, groups_by_mobility, lowmem_reserve,
        policy_zone, size_of, total_pages, watermarks,
    },
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

/// Numbers at both ends of the range, and some between.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 63), any::<u64>(), 0_u64..5000]
}

fn kind() -> impl Strategy<Value = ZoneKind> {
    prop::sample::select(&ZoneKind::ALL)
}

fn node() -> impl Strategy<Value = NodeId> {
    (0_u16..4).prop_map(|number| NodeId::new(number).unwrap())
}

/// Sizes as a caller may give them: kinds repeated or unsorted, any number of ratios.
fn memory() -> impl Strategy<Value = Memory> {
    let zone = (node(), kind(), [number(), number(), number(), number()]);
    let zone = zone.prop_map(|(node, kind, [start_pfn, spanned, present, managed])| ZoneSize {
        zone: ZoneId::new(node, kind),
        start_pfn: Pfn::new(start_pfn),
        spanned,
        present,
        managed,
    });
    let tunables = (number(), any::<u32>(), vec(any::<u32>(), 0..8));
    let tunables = tunables.prop_map(|(min_free_kbytes, watermark_scale_factor, lowmem_reserve_ratio)| Tunables {
        min_free_kbytes,
        watermark_scale_factor,
        lowmem_reserve_ratio,
    });
    (number(), number(), vec(kind(), 0..8), vec(zone, 0..6), tunables).prop_map(
        |(page_bytes, pageblock_pages, kinds, zones, tunables)| Memory {
            page_bytes,
            pageblock_pages,
            kinds,
            zones,
            tunables,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::cases(5000, 10)))]

    #[test]
    fn any_sizes_have_watermarks_reserves_and_totals(memory in memory(), zone in (node(), kind()), high in number()) {
        let zone = ZoneId::new(zone.0, zone.1);
        for (_, rules) in Rules::TABLE {
            let computed = watermarks(&memory, rules);
            prop_assert_eq!(computed.len(), memory.zones.len());
            let ascending = |zone: &Watermarks| zone.min <= zone.low && zone.low <= zone.high && zone.high <= zone.promo();
            prop_assert!(computed.iter().all(ascending));
            let reserve = lowmem_reserve(&memory, zone, rules);
            prop_assert_eq!(reserve.len(), memory.kinds.len());
        }
        let total = total_pages(&memory.zones, |_| high);
        prop_assert!(memory.zones.iter().all(|size| size.managed.saturating_sub(high) <= total));
        prop_assert_eq!(size_of(&memory, zone).map(|size| size.zone), memory.zones.iter().find(|size| size.zone == zone).map(|size| size.zone));
        prop_assert!(policy_zone(zone.kind(), &memory.zones) >= zone.kind());
        prop_assert!(huge_page_min_free_kbytes(&memory, |_| high) <= i32::MAX as u64);
        let _ = (scaled_min_free_kbytes(&memory, |_| high), groups_by_mobility(total, memory.pageblock_pages, high));
        prop_assert!(memory.zones.iter().all(|size| size.span().start == size.start_pfn));
        // A description is either refused or has a state; neither panics.
        let description = MachineDescription {
            possible: vec![0, 1, 2, 3],
            distance: vec![vec![LOCAL_DISTANCE.into(); 4]; 4],
            online: vec![0, 1, 2, 3],
            has_memory: vec![0],
            memory: Some(memory),
            ..MachineDescription::default()
        };
        if let Ok((machine, _)) = Machine::new(description) {
            let _ = State::booted(machine, MemoryBlocks::default(), Rules::LINUX_6_1);
        }
    }

    /// The nodes are repeated, unsorted, and more or fewer than the distance matrix has.
    #[test]
    fn any_input_has_a_fallback_order(
        nodes in vec(0_u16..1024, 0..12),
        cells in 0_usize..8,
        picks in any::<[u64; 3]>(),
        with in 0_u16..1024,
    ) {
        let nodes: Vec<NodeId> = nodes.into_iter().filter_map(NodeId::new).collect();
        let set = |bits: u64| nodes.iter().copied().enumerate().filter(|(at, _)| bits >> at & 1 != 0).map(|(_, node)| node).collect::<NodeSet>();
        let (distances, [has_cpu, has_memory, online]) = (Distances::uniform(cells), picks.map(set));
        let input = FallbackOrderInput {
            nodes: &nodes,
            distances: &distances,
            online: &online,
            has_cpu: &has_cpu,
            has_memory: &has_memory,
        };
        for (_, rules) in Rules::TABLE {
            let order = FallbackOrder::build(input, rules);
            let listed = nodes.iter().copied().filter(|&node| rules.offline_nodes_have_lists || online.contains(node));
            prop_assert_eq!(order.rows().map(|(node, _)| node).collect::<Vec<_>>(), listed.collect::<Vec<_>>());
            for (node, row) in order.rows() {
                let own = rules.memoryless_nodes_listed || has_memory.contains(node);
                prop_assert!(!own || row.first() == Some(&node));
                prop_assert!(row[usize::from(own)..].iter().all(|&other| has_memory.contains(other)));
            }
            let with = NodeId::new(with).unwrap();
            let rebuilt = order.with_row_rebuilt(input, rules, with);
            let added = nodes.contains(&with) && order.rows().all(|(node, _)| node != with);
            prop_assert_eq!(rebuilt.rows().len(), order.rows().len() + usize::from(added));
            let zones = ZoneKind::ALL.into_iter().flat_map(|kind| nodes.iter().map(move |&node| ZoneId::new(node, kind)));
            let lists = Zonelists::assemble(&order, zones);
            for node in nodes.iter().copied().chain([with]) {
                let list = lists.lists().of(node, Scope::Fallback);
                prop_assert!(list.starts_with(lists.lists().of(node, Scope::ThisNode)));
                let _ = (lists.nearest_memory(node), order.of(node));
            }
        }
    }
}

#[test]
fn watermarks_and_reserves_saturate() {
    let mut memory = Memory {
        page_bytes: 0,
        pageblock_pages: 512,
        kinds: vec![ZoneKind::Normal, ZoneKind::Movable],
        zones: vec![ZoneSize {
            zone: ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal),
            start_pfn: Pfn::new(u64::MAX),
            spanned: u64::MAX,
            present: u64::MAX,
            managed: u64::MAX,
        }],
        tunables: Tunables {
            min_free_kbytes: u64::MAX,
            watermark_scale_factor: u32::MAX,
            lowmem_reserve_ratio: vec![],
        },
    };
    let highest = Watermarks { min: u64::MAX, low: u64::MAX, high: u64::MAX };
    assert_eq!(watermarks(&memory, Rules::LINUX_6_1), [highest]);
    assert_eq!(lowmem_reserve(&memory, memory.zones[0].zone, Rules::LINUX_6_1), [0, 0], "a kind without a ratio has 0");
    assert_eq!(lowmem_reserve(&memory, memory.zones[0].zone, Rules::LINUX_4_14), [0, 0], "there is no higher zone");
    memory.kinds.clear();
    assert_eq!(lowmem_reserve(&memory, memory.zones[0].zone, Rules::LINUX_6_1), []);
    assert_eq!(memory.zones[0].span(), Pfn::range(u64::MAX..u64::MAX));
}

#[test]
fn a_distance_matrix_has_at_most_the_maximum_of_nodes() {
    assert_eq!(Distances::uniform(usize::MAX).nodes(), MAX_NODES);
    let none = Distances::uniform(0);
    assert_eq!((none.from(0), none.from(usize::MAX)), (&[][..], &[][..]));
    assert_eq!(Distances::uniform(3).from(3), []);
    assert!(Distances::new(1 << 17, &vec![vec![]; 1 << 17], DistanceSource::Kernel).is_err());
    assert!(Distances::new(usize::MAX, &[], DistanceSource::Firmware).is_err());
}

#[test]
fn node_spans_beyond_the_zonerefs_are_refused() {
    let zoneref = Zoneref::new(ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal));
    for (start, len, own) in [(u32::MAX, 0, 0), (0, u32::MAX, 0), (1, 1, 0), (0, 1, 2), (u32::MAX, u32::MAX, 0)] {
        assert!(ZonelistsRef::new(&[zoneref], &[NodeSpan { start, len, own }]).is_err(), "{start} {len} {own}");
    }
    assert!(ZonelistsRef::new(&[zoneref], &[NodeSpan::default(); 1025]).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn an_arena_may_end_at_the_last_page_frame() {
    use std::ptr::NonNull;

    use zonelist_core::hotplug::{Arena, ArenaError};
    let arena = Arena::reserve(Pfn::range(u64::MAX - 4..u64::MAX), 4096).unwrap();
    let first = arena.address(Pfn::new(u64::MAX - 4)).unwrap();
    assert_eq!(arena.frame_of(first), Some(Pfn::new(u64::MAX - 4)));
    for bytes in [0, 1, 4 * 4096, 1 << 20, usize::MAX / 2, usize::MAX - first.addr().get()] {
        let address = NonNull::new(first.as_ptr().wrapping_add(bytes)).unwrap();
        let expected = (bytes < 4 * 4096).then(|| Pfn::new(u64::MAX - 4 + bytes as u64 / 4096));
        assert_eq!(arena.frame_of(address), expected, "{bytes} on");
    }
    assert_eq!(arena.frame_of(NonNull::dangling()), None);
    assert_eq!((arena.address(Pfn::new(0)), arena.address(Pfn::new(u64::MAX))), (None, None));
    for frames in [0..u64::MAX, 511..u64::MAX, u64::MAX..u64::MAX] {
        assert!(matches!(Arena::reserve(Pfn::range(frames), 4096), Err(ArenaError::Length { .. })));
    }
    assert!(Arena::reserve(Pfn::range(0..1), 1 << 63).is_err());
}
