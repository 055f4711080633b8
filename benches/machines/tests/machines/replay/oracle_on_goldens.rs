//! The oracle against the recorded machines, and against a small machine computed by hand.

use std::fmt::{Debug, Write};

use zonelist_machines::{ByNode, MachineFile, MachineRecord};

use super::oracle::{BootBuild, Op, Oracle};

/// Compares every recorded key of every step, and what the boots logged.
#[test]
fn the_oracle_reproduces_the_recorded_machines() {
    let (mut steps, mut totals, mut later_builds) = (0, 0, 0);
    let mut differences = String::new();
    for (file, json) in crate::fixtures::goldens() {
        let record = MachineRecord::parse(&json).unwrap();
        let golden = record.file();
        let mut oracle = Oracle::boot(golden);
        let booted = oracle.outcome("ok", None);
        let mut comparison = Comparison { place: format!("{file}: boot"), differences: &mut differences };
        let [first, later @ ..] = oracle.boot_builds() else { panic!("{file}: no build") };
        comparison.compare("fallback_order", Some(ByNode(first.rows.clone())), golden.boot.fallback_order.clone());
        comparison.compare("policy_zone", Some(first.policy_zone), golden.boot.policy_zone);
        if let Some(total_pages) = first.total_pages {
            comparison.compare("total_pages", Some(total_pages), golden.boot.total_pages);
            totals += 1;
        }
        if let Some(recorded) = &golden.boot.later_builds {
            // Their totals depend on what boot had in use at that time.
            let of = |build: &BootBuild| (ByNode(build.rows.clone()), Some(build.built), Some(build.policy_zone));
            let recorded = recorded.iter().map(|build| (build.fallback_order.clone(), build.built, build.policy_zone));
            comparison.compare("later_builds", later.iter().map(of).collect::<Vec<_>>(), recorded.collect());
            later_builds += later.len();
        }
        comparison.compare("zones", &booted.zones, &golden.zones);
        comparison.compare("blocks", &booted.blocks, &golden.blocks);
        let mut blocks = booted.blocks;
        for (index, (step, recorded)) in record.steps().enumerate() {
            let Some(op) = Op::of(recorded, step.pinned) else { continue };
            steps += 1;
            let after = oracle.apply(&op);
            comparison.place = format!("{file}: steps[{index}] ({op:?})");
            comparison.compare("result", Some(after.result.to_owned()), step.result.clone());
            comparison.compare("fallback_order", Some(after.fallback_order.map(ByNode)), step.fallback_order.clone());
            comparison.compare("built", after.built, step.built);
            comparison.compare("total_pages", after.total_pages, step.total_pages);
            comparison.compare("policy_zone", after.policy_zone, step.policy_zone);
            comparison.compare("sysctl", Some(after.sysctl), step.sysctl.clone());
            comparison.compare("zones", Some(after.zones), step.zones.clone());
            comparison.compare("online", Some(after.online), step.online.clone());
            comparison.compare("has_cpu", Some(after.has_cpu), step.has_cpu.clone());
            comparison.compare("has_memory", Some(after.has_memory), step.has_memory.clone());
            let changed = after.blocks.iter().filter(|block| !blocks.contains(block)).cloned().collect();
            comparison.compare("blocks_changed", Some(changed), step.blocks_changed.clone());
            blocks = after.blocks;
        }
    }
    assert!(differences.is_empty(), "differences:\n{differences}");
    assert_eq!((steps, totals, later_builds), (441 + 1443, 64, 11));
}

/// The place of a comparison, and all differences so far.
struct Comparison<'a> {
    place: String,
    differences: &'a mut String,
}

impl Comparison<'_> {
    /// Adds a line if the two values differ.
    fn compare<T: PartialEq + Debug>(&mut self, key: &str, ours: T, recorded: T) {
        if ours != recorded {
            writeln!(self.differences, "{}: {key}: ours {ours:?}, recorded {recorded:?}", self.place).unwrap();
        }
    }
}

/// Four nodes in a ring, the last of them offline. The expected values are computed by hand from Linux's code.
#[test]
fn an_added_node_gets_only_its_own_row() {
    let zone = |node: u32| {
        format!(
            r#"{{"node":{node},"kind":"Normal","start_pfn":{},"spanned":1024,"present":1024,"managed":1024}}"#,
            node * 1024
        )
    };
    let block = |number: u32| format!(r#"{{"block":{number},"node":{number},"state":"online","zone":"Normal"}}"#);
    let json = format!(
        r#"{{
            "page_bytes": 4096, "block_pages": 1024, "pageblock_pages": 512, "zone_kinds": ["Normal", "Movable"],
            "possible": [0, 1, 2, 3],
            "distance": [[10, 20, 20, 30], [20, 10, 30, 20], [20, 30, 10, 20], [30, 20, 20, 10]],
            "cpus": {{"0": [0], "1": [1], "2": [2], "3": [3]}}, "thp": false,
            "boot": {{"online": [0, 1, 2], "has_cpu": [0, 1, 2], "has_memory": [0, 1, 2]}},
            "sysctl": {{"min_free_kbytes": 400, "watermark_scale_factor": 10, "lowmem_reserve_ratio": [32, 0]}},
            "zones": [{}, {}, {}], "blocks": [{}, {}, {}]
        }}"#,
        zone(0),
        zone(1),
        zone(2),
        block(0),
        block(1),
        block(2)
    );
    let mut oracle = Oracle::boot(&MachineFile::parse(json.as_bytes()).unwrap());
    let rows = oracle.rows().clone();
    assert_eq!(rows[&3], [3, 2, 1, 0], "the loads of earlier rows count");

    let added = oracle.apply(&Op::AddNode(3));
    let alone = added.fallback_order.unwrap();
    assert_eq!((alone[&3].as_slice(), added.built, added.online.len()), (&[3, 1, 2, 0][..], Some(3), 4));
    assert!((0..3).all(|node| alone[&node] == rows[&node]));
    // Of each zone: min is 33 of all 100 pages, the gap is 8, so the high watermark is 49.
    assert_eq!(added.total_pages, Some(3 * (1024 - 49)));

    let write = |word: &str| Op::Block { block: 9, word: word.into(), pinned: false, policy_zone_choice: None };
    assert_eq!(oracle.apply(&Op::AddBlocks { node: 3, first: 9, count: 1 }).fallback_order, None);
    let online = oracle.apply(&write("online_movable"));
    assert_eq!(online.total_pages, Some(3 * (1024 - 49) + 1024), "the new zone has no watermarks at the rebuild");
    assert_eq!(online.fallback_order.unwrap()[&0], [0, 1, 2, 3]);
    assert_eq!(oracle.apply(&Op::RemoveBlocks { first: 9, count: 1 }).result, "EBUSY");
    let offline = oracle.apply(&write("offline"));
    assert_eq!(offline.fallback_order.unwrap()[&0], [0, 1, 2, 3], "the rebuild still lists the node");
    assert_eq!((offline.has_memory.as_slice(), offline.zones.len()), (&[0, 1, 2][..], 3));
    assert_eq!(oracle.apply(&Op::RemoveNode(3)).result, "EBUSY");
    assert_eq!(oracle.apply(&Op::RemoveBlocks { first: 9, count: 1 }).result, "ok");
    let removed = oracle.apply(&Op::RemoveNode(3));
    assert_eq!((removed.result, removed.online.as_slice()), ("ok", &[0, 1, 2][..]));
    // Its first CPU brings the node online.
    let back = oracle.apply(&Op::Cpu { cpu: 3, online: true });
    assert_eq!((back.built, back.has_cpu.len()), (Some(3), 4));
}
