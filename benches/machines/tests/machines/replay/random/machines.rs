//! Strategies for machines: what is drawn, and how likely each value is.

use proptest::prelude::*;
use zonelist_machines::MachineFile;

use super::{
    layout::{MachinePlan, NodePlan, ZonePlan},
    ops,
};
use crate::replay::oracle::Op;

/// A machine as it boots, and operations to do to it in order.
pub(crate) fn machines_and_ops() -> impl Strategy<Value = (MachineFile, Vec<Op>)> {
    machines().prop_flat_map(|golden| {
        let ops = ops::ops(&golden);
        (Just(golden), ops)
    })
}

/// A machine as it boots.
pub(crate) fn machines() -> impl Strategy<Value = MachineFile> {
    let plan = (sizes(), options(), distances(), sysctl(), prop::collection::vec(node(), 1..=6));
    let plan = (plan, kernel(), any::<bool>());
    plan.prop_map(|((sizes, options, distances, sysctl, nodes), kernel, dimms)| {
        let (block_order, page_bytes, pageblock_order, kinds) = sizes;
        let plan = MachinePlan {
            block_order,
            page_bytes,
            pageblock_order,
            kinds,
            options,
            kernel,
            dimms,
            distances,
            sysctl,
            nodes,
        };
        plan.lay_out()
    })
}

/// Kernels of each set of rules, and none.
fn kernel() -> impl Strategy<Value = Option<String>> {
    let releases = [(6, 1), (6, 6), (6, 7), (6, 10), (6, 12), (7, 3), (5, 18), (4, 14), (5, 4)];
    let release = prop::sample::select(releases.to_vec());
    prop::option::weighted(0.9, release.prop_map(|(major, minor)| format!("Linux {major}.{minor}.3 x86-64")))
}

/// The order of a memory block, the bytes of a page, the order of a pageblock, and the kinds other than Normal.
fn sizes() -> impl Strategy<Value = (u32, u64, u32, [bool; 4])> {
    let page_bytes = prop_oneof![6 => Just(4096), 1 => Just(1024), 1 => Just(16384), 1 => Just(65536)];
    let pageblock_order = prop_oneof![3 => Just(9u32), 1 => 0u32..=10];
    let kinds = (weighted(0.7), weighted(0.7), weighted(0.85), weighted(0.5)).prop_map(<[bool; 4]>::from);
    // Rare blocks of half a terabyte bring `min_free_kbytes` to its limit.
    let block_order = prop_oneof![14 => 10u32..=15, 1 => Just(27)];
    (block_order, page_bytes, pageblock_order, kinds)
}

/// Boot options, `thp`, and `settled`.
fn options() -> impl Strategy<Value = (String, bool, Option<bool>)> {
    let movable_node = prop_oneof![3 => Just(""), 1 => Just("movable_node")];
    let policy = prop_oneof![3 => Just(""), 1 => prop::sample::select(vec![
        "memory_hotplug.online_policy=auto-movable",
        "memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=100",
        "memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=0",
        "memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_numa_aware=0",
    ])];
    let memmap = prop_oneof![4 => Just(""), 3 => prop::sample::select(vec!["1", "y", "Y", "on", "true", "0", "N"])];
    let settled = prop::sample::select(vec![None, Some(true), Some(false)]);
    (movable_node, policy, memmap, any::<bool>(), settled).prop_map(|(movable_node, policy, memmap, thp, settled)| {
        let memmap =
            if memmap.is_empty() { memmap.into() } else { format!("memory_hotplug.memmap_on_memory={memmap}") };
        let options = ["quiet", movable_node, policy, &memmap];
        let options: Vec<&str> = options.into_iter().filter(|option| !option.is_empty()).collect();
        (options.join(" "), thp, settled)
    })
}

/// Distances for six nodes, and whether the matrix is symmetric. Few different values make ties; nodes at 10 to
/// each other are those of `numa=fake`.
fn distances() -> impl Strategy<Value = (Vec<u32>, bool)> {
    let palette = prop_oneof![
        3 => Just(vec![20]),
        3 => Just(vec![16, 22]),
        3 => Just(vec![20, 21, 22]),
        3 => Just((11..=255).collect::<Vec<u32>>()),
        1 => Just(vec![10, 20]),
    ];
    (palette.prop_flat_map(|palette| prop::collection::vec(prop::sample::select(palette), 36)), any::<bool>())
}

/// The tunables, with a ratio for each possible kind.
fn sysctl() -> impl Strategy<Value = (u64, u32, Vec<u32>)> {
    let min_free = prop_oneof![1 => Just(0), 4 => 1u64..5_000, 4 => 5_000u64..300_000, 1 => Just(i32::MAX as u64)];
    let scale = prop_oneof![2 => Just(10), 2 => 1u32..=3000];
    let ratio = prop_oneof![2 => Just(0), 1 => Just(1), 2 => Just(32), 2 => Just(256), 2 => 0u32..1000];
    (min_free, scale, prop::collection::vec(ratio, 5))
}

/// A node; its CPUs, zones and blocks count only if it is online.
fn node() -> impl Strategy<Value = NodePlan> {
    let zones = [0.3, 0.4, 0.5, 0.4].map(|share| prop::option::weighted(share, zone()));
    let cpus = (0u32..=3, weighted(0.75));
    let blocks = (prop_oneof![2 => Just(0), 1 => 0u64..3], weighted(0.3), 0u64..=3, weighted(0.9));
    (0u32..3, weighted(0.75), cpus, zones, blocks).prop_map(
        |(numbers_free, online, (cpus, cpus_online), zones, (blocks_free, shares_block, spare, listed))| NodePlan {
            numbers_free,
            online,
            cpus,
            cpus_online,
            zones,
            blocks_free,
            shares_block,
            spare,
            listed,
        },
    )
}

/// A zone, often with whole blocks and no reserved pages.
fn zone() -> impl Strategy<Value = ZonePlan> {
    let eighths = prop_oneof![3 => Just(0), 1 => 1u64..8];
    let reserved = prop_oneof![6 => Just(0), 6 => 1u64..16, 1 => Just(64)];
    let watermarks = [0u64..2000, 0u64..2000, 0u64..2000];
    (0u64..=4, eighths, reserved, weighted(0.1), weighted(0.2), watermarks).prop_map(
        |(blocks, eighths, reserved, hole, offline_inside, watermarks)| ZonePlan {
            blocks,
            eighths,
            reserved,
            hole,
            offline_inside,
            watermarks,
        },
    )
}

/// True with the given probability.
fn weighted(probability: f64) -> impl Strategy<Value = bool> {
    prop::bool::weighted(probability)
}
