//! Memory hotplug: a naive model of it, the recorded machines it has to follow, and random machines.

mod naive;
mod random;
mod real;

use std::fmt::{Debug, Write};

use naive::{Naive, Op};
use zonelist_machines::{ByNode, Golden};

/// Every recorded key of every step, and what the boots logged.
#[test]
fn the_naive_model_reproduces_the_goldens() {
    let mut steps = 0;
    let mut differences = String::new();
    for (file, json) in crate::recorded::goldens() {
        let golden = Golden::parse(&json).unwrap();
        let mut naive = Naive::boot(&golden);
        let booted = naive.outcome("ok", None);
        let mut judge = Judge { place: format!("{file}: boot"), differences: &mut differences };
        judge.compare("fallback_order", Some(ByNode(naive.rows().clone())), golden.boot.fallback_order.clone());
        judge.compare("policy_zone", Some(naive.policy_zone()), golden.boot.policy_zone);
        judge.compare("zones", &booted.zones, &golden.zones);
        judge.compare("blocks", &booted.blocks, &golden.blocks);
        let mut blocks = booted.blocks;
        for (index, step) in golden.steps.iter().enumerate() {
            let Some(op) = Op::of(step) else { continue };
            steps += 1;
            let after = naive.apply(&op);
            judge.place = format!("{file}: steps[{index}] ({op:?})");
            judge.compare("result", Some(after.result.to_owned()), step.result.clone());
            judge.compare("fallback_order", Some(after.fallback_order.map(ByNode)), step.fallback_order.clone());
            judge.compare("built", after.built, step.built);
            judge.compare("total_pages", after.total_pages, step.total_pages);
            judge.compare("policy_zone", after.policy_zone, step.policy_zone);
            judge.compare("sysctl", Some(after.sysctl), step.sysctl.clone());
            judge.compare("zones", Some(after.zones), step.zones.clone());
            judge.compare("online", Some(after.online), step.online.clone());
            judge.compare("has_cpu", Some(after.has_cpu), step.has_cpu.clone());
            judge.compare("has_memory", Some(after.has_memory), step.has_memory.clone());
            let changed = after.blocks.iter().filter(|block| !blocks.contains(block)).cloned().collect();
            judge.compare("blocks_changed", Some(changed), step.blocks_changed.clone());
            blocks = after.blocks;
        }
    }
    assert!(differences.is_empty(), "differences:\n{differences}");
    assert_eq!(steps, 441);
}

/// Where something is compared, and what was found different so far.
struct Judge<'a> {
    place: String,
    differences: &'a mut String,
}

impl Judge<'_> {
    /// Notes the two if they differ.
    fn compare<T: PartialEq + Debug>(&mut self, key: &str, ours: T, recorded: T) {
        if ours != recorded {
            writeln!(self.differences, "{}: {key}: ours {ours:?}, recorded {recorded:?}", self.place).unwrap();
        }
    }
}

/// Four nodes in a ring, the last of them off line. Worked out by hand from Linux's code.
#[test]
fn a_node_that_comes_gets_only_its_own_row() {
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
    let mut naive = Naive::boot(&Golden::parse(json.as_bytes()).unwrap());
    let rows = naive.rows().clone();
    assert_eq!(rows[&3], [3, 2, 1, 0], "loads of the rows before it count");

    let added = naive.apply(&Op::AddNode(3));
    let alone = added.fallback_order.unwrap();
    assert_eq!((alone[&3].as_slice(), added.built, added.online.len()), (&[3, 1, 2, 0][..], Some(3), 4));
    assert!((0..3).all(|node| alone[&node] == rows[&node]));
    // 33 of 100 pages of min, 8 of gap: 49 up to the high mark of each zone.
    assert_eq!(added.total_pages, Some(3 * (1024 - 49)));

    let write = |word: &str| Op::Block { block: 9, word: word.into(), pinned: false, policy_zone_choice: None };
    assert_eq!(naive.apply(&Op::AddBlocks { node: 3, first: 9, count: 1 }).fallback_order, None);
    let online = naive.apply(&write("online_movable"));
    assert_eq!(online.total_pages, Some(3 * (1024 - 49) + 1024), "the zone has no marks yet");
    assert_eq!(online.fallback_order.unwrap()[&0], [0, 1, 2, 3]);
    assert_eq!(naive.apply(&Op::RemoveBlocks { first: 9, count: 1 }).result, "EBUSY");
    let offline = naive.apply(&write("offline"));
    assert_eq!(offline.fallback_order.unwrap()[&0], [0, 1, 2, 3], "it goes after the rebuild");
    assert_eq!((offline.has_memory.as_slice(), offline.zones.len()), (&[0, 1, 2][..], 3));
    assert_eq!(naive.apply(&Op::RemoveNode(3)).result, "EBUSY");
    assert_eq!(naive.apply(&Op::RemoveBlocks { first: 9, count: 1 }).result, "ok");
    let removed = naive.apply(&Op::RemoveNode(3));
    assert_eq!((removed.result, removed.online.as_slice()), ("ok", &[0, 1, 2][..]));
    // Its CPU brings it back.
    let back = naive.apply(&Op::Cpu { cpu: 3, online: true });
    assert_eq!((back.built, back.has_cpu.len()), (Some(3), 4));
}
