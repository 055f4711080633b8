//! Coverage of the random machines and operations: every result of every operation, and every special case.

use std::collections::BTreeMap;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use zonelist_core::ZoneKind;
use zonelist_machines::{BlockRecord, Kind, MachineFile, MemoryBlockState, ZoneRecord};

use super::machines::machines_and_ops;
use crate::replay::oracle::{Op, Oracle, Outcome};

/// Every kind of operation with all of its results; `rebuilt` is an `ok` that built lists.
const RESULTS: [(&str, &str); 17] = [
    ("offline", "EBUSY EINVAL ENOENT ok rebuilt"),
    ("online", "EINVAL ENOENT ok rebuilt"),
    ("online_kernel", "EINVAL ENOENT ok rebuilt"),
    ("online_movable", "EINVAL ENOENT ok rebuilt"),
    ("another word", "EINVAL ENOENT"),
    ("cpu_online", "ENOENT ok rebuilt"),
    ("cpu_offline", "EBUSY ENOENT ok"),
    ("add_node", "EEXIST ENOENT rebuilt"),
    ("add_blocks", "EEXIST EINVAL ENOENT ok rebuilt"),
    ("remove_blocks", "EBUSY EINVAL ENOENT ok"),
    ("remove_node", "EBUSY ENOENT ok"),
    ("min_free_kbytes", "EINVAL ok"),
    ("watermark_scale_factor", "EINVAL ok"),
    ("lowmem_reserve_ratio", "EINVAL ok"),
    ("numa_zonelist_order", "EINVAL ok"),
    ("swappiness", "ENOENT"),
    ("boot", "ok"),
];

#[test]
fn random_machines_are_valid_and_cover_every_case() {
    let mut runner = TestRunner::deterministic();
    let mut results = BTreeMap::<String, u64>::new();
    let mut cases = BTreeMap::<&str, u64>::new();
    for _ in 0..600 {
        let (golden, ops) = machines_and_ops().new_tree(&mut runner).unwrap().current();
        let mut oracle = Oracle::boot(&golden);
        let mut before = oracle.outcome("ok", None);
        assert_valid(&golden, &before);
        *results.entry("boot ok".into()).or_default() += 1;
        for (case, is_covered) in machine_cases(&golden) {
            *cases.entry(case).or_default() += u64::from(is_covered);
        }
        for op in ops {
            let after = oracle.apply(&op);
            assert_valid(&golden, &after);
            let result = if after.built.is_some() { "rebuilt" } else { after.result };
            *results.entry(format!("{} {result}", name(&op))).or_default() += 1;
            for (case, is_covered) in step_cases(&golden, &op, &before, &after) {
                *cases.entry(case).or_default() += u64::from(is_covered);
            }
            before = after;
        }
    }
    println!("{results:#?}\n{cases:#?}");
    let pairs = RESULTS.iter().flat_map(|(name, all)| all.split(' ').map(move |result| format!("{name} {result}")));
    let mut expected: Vec<String> = pairs.collect();
    expected.sort();
    assert!(results.keys().eq(&expected), "expected {expected:#?}");
    assert!(cases.values().all(|&times| times > 0), "each at least once");
}

/// The state passes the validation of machine files, and blocks belong to nodes online.
fn assert_valid(golden: &MachineFile, after: &Outcome) {
    let mut now = golden.clone();
    now.zones = after.zones.clone();
    now.blocks = after.blocks.clone();
    now.sysctl = after.sysctl.clone();
    now.dimms = None;
    now.boot.online = after.online.clone();
    now.boot.has_cpu = after.has_cpu.clone();
    now.boot.has_memory = after.has_memory.clone();
    // A machine file needs memory; a machine can lose the last of it.
    if !after.has_memory.is_empty() {
        now.validate().unwrap();
    }
    for block in &after.blocks {
        assert!(block.node.is_none_or(|node| after.online.contains(&node)), "{block:?} of an offline node");
    }
}

/// The kind of an operation.
fn name(op: &Op) -> &str {
    match op {
        Op::Block { word, .. } => match word.as_str() {
            "offline" | "online" | "online_kernel" | "online_movable" => word,
            _ => "another word",
        },
        Op::Cpu { online: true, .. } => "cpu_online",
        Op::Cpu { online: false, .. } => "cpu_offline",
        Op::Sysctl { name, .. } => name,
        Op::AddNode(_) => "add_node",
        Op::AddBlocks { .. } => "add_blocks",
        Op::RemoveBlocks { .. } => "remove_blocks",
        Op::RemoveNode(_) => "remove_node",
    }
}

/// The special cases of a machine at boot, and which of them this machine has.
fn machine_cases(golden: &MachineFile) -> [(&'static str, bool); 20] {
    let oracle = Oracle::boot(golden);
    let builds = oracle.boot_builds();
    let MachineFile { boot, blocks, zones, .. } = golden;
    let tens = golden.distance.iter().flatten().filter(|&&distance| distance == 10).count();
    let is_offline = |block: &BlockRecord| block.state == MemoryBlockState::Offline;
    let of_two_zones = |block: &BlockRecord| !is_offline(block) && block.zone.is_none() && block.node.is_some();
    let has_cpus_while_offline =
        |(node, cpus): (&u32, &Vec<u32>)| !cpus.is_empty() && !golden.boot.online.contains(node);
    [
        ("two nodes at 10", tens > golden.possible.len()),
        ("a single node", golden.possible.len() == 1),
        ("an offline node", boot.online.len() < golden.possible.len()),
        ("an offline node with CPUs", golden.cpus.0.iter().any(has_cpus_while_offline)),
        ("a node without memory", boot.has_memory.len() < boot.online.len()),
        ("a node without CPUs", boot.has_cpu.len() < boot.online.len()),
        ("no block listed", blocks.is_empty()),
        ("a block of two nodes", blocks.iter().any(|block| block.node.is_none())),
        ("a block of two zones", blocks.iter().any(of_two_zones)),
        ("an offline block", blocks.iter().any(is_offline)),
        ("a block with a hole", !golden.blocks_with_holes.is_empty()),
        ("a zone without managed pages", zones.iter().any(|zone| zone.managed == 0)),
        ("a zone with missing pages", zones.iter().any(|zone| zone.present < zone.spanned)),
        ("no Movable kind", !golden.zone_kinds.contains(&Kind(ZoneKind::Movable))),
        ("watermarks as recorded", golden.settled == Some(false)),
        ("transparent huge pages", golden.thp),
        ("a named kernel", golden.kernel.is_some()),
        ("known DIMMs", golden.dimms.as_ref().is_some_and(|dimms| !dimms.is_empty())),
        ("a node of DIMMs only", builds.iter().skip(1).any(|build| build.rows.len() == 1)),
        ("a row without its own node", builds[0].rows.iter().any(|(node, row)| row.first() != Some(node))),
    ]
}

/// True if the kernel allocates its own memory from the zone.
fn is_kernel(zone: &ZoneRecord) -> bool {
    zone.kind < Kind(ZoneKind::HighMem)
}

/// The special cases of a step, and which of them this step has.
fn step_cases(golden: &MachineFile, op: &Op, before: &Outcome, after: &Outcome) -> [(&'static str, bool); 15] {
    let block_write = matches!(op, Op::Block { .. }) && after.result == "ok";
    let offline = block_write && name(op) == "offline";
    let pinned = matches!(op, Op::Block { pinned: true, .. });
    // The zone whose present pages changed, before and after, if it is populated at both times.
    let pairs = before.zones.iter().flat_map(|old| after.zones.iter().map(move |new| (old, new)));
    let mut same = pairs.filter(|(old, new)| (old.node, old.kind) == (new.node, new.kind));
    let changed = same.find(|(old, new)| old.present != new.present);
    let span = |by: fn(&u64, &u64) -> bool| changed.is_some_and(|(old, new)| by(&new.spanned, &old.spanned));
    let gained = changed.map_or(0, |(old, new)| new.managed.saturating_sub(old.managed));
    let rows = after.fallback_order.iter().flat_map(|rows| rows.iter());
    let names_gone = |(local, row): (&u32, &Vec<u32>)| row.iter().any(|n| n != local && !after.has_memory.contains(n));
    let number = if let Op::Block { block, .. } = op { *block } else { 0 };
    let block = after.blocks.iter().find(|block| block.block == number && block_write && !offline);
    let (start, end) = (number * golden.block_pages, (number + 1) * golden.block_pages);
    let touched = |zone: &&ZoneRecord| zone.start_pfn < end && zone.start_pfn + zone.spanned > start && is_kernel(zone);
    let of_its_node = before.zones.iter().filter(|zone| block.is_some_and(|block| block.node == Some(zone.node)));
    let kernel_zones_touched = of_its_node.filter(touched).count();
    // Blocks of known DIMMs, on a kernel that has the policy.
    let follows_policy = golden.dimms.is_some() && golden.boot_options.contains("auto-movable") && name(op) == "online";
    let by_policy = block.filter(|_| follows_policy).and_then(|block| block.zone);
    let min_free = (before.sysctl.min_free_kbytes, after.sysctl.min_free_kbytes);
    [
        ("a span grows", span(u64::gt)),
        ("a span shrinks", offline && span(u64::lt)),
        ("a block leaves from the middle", offline && span(u64::eq)),
        ("a block fills a gap", block_write && !offline && span(u64::eq)),
        ("a block keeps its memory map", block_write && !offline && (1..golden.block_pages).contains(&gained)),
        ("a block touches two kernel zones", kernel_zones_touched > 1),
        ("a zone disappears", offline && after.zones.len() < before.zones.len()),
        ("a row names a node without memory", rows.into_iter().any(names_gone)),
        ("reserved pages are in the block", name(op) == "offline" && after.result == "EBUSY" && !pinned),
        ("min_free_kbytes at its limit", block_write && min_free.1 == 262_144),
        ("min_free_kbytes rises", block_write && min_free.1 > min_free.0),
        ("min_free_kbytes falls", block_write && min_free.1 < min_free.0),
        ("min_free_kbytes stays", block_write && min_free.1 == min_free.0),
        ("auto-movable chooses Movable", by_policy.is_some_and(|kind| kind == Kind(ZoneKind::Movable))),
        ("auto-movable chooses another zone", by_policy.is_some_and(|kind| kind != Kind(ZoneKind::Movable))),
    ]
}
