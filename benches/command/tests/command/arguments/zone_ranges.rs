//! Machines whose zone spans overlap, with and without exact ranges, and the blocks that hold boot's pages.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use zonelist_machines::{LinuxRules, MachineRecord, replay::Replay};
use zonelist_schemes::SchemeId;

use crate::run::{Run, zonelist};

/// Two nodes: the Normal zone of node 0 has a hole, and the Normal zone of node 1 is in it.
fn interleaved() -> Value {
    let zone = |node, start, spanned, present| {
        json!({"node": node, "kind": "Normal", "start_pfn": start, "spanned": spanned, "present": present,
               "managed": present})
    };
    let block = |number, node| json!({"block": number, "node": node, "state": "online", "zone": "Normal"});
    json!({
        "page_bytes": 4096, "block_pages": 32768, "pageblock_pages": 512,
        "zone_kinds": ["DMA", "Normal", "Movable"],
        "possible": [0, 1], "distance": [[10, 20], [20, 10]], "cpus": {"0": [0], "1": [1]}, "thp": false,
        "boot": {"online": [0, 1], "has_cpu": [0, 1], "has_memory": [0, 1]},
        "sysctl": {"min_free_kbytes": 1024, "watermark_scale_factor": 10, "lowmem_reserve_ratio": [256, 32, 0]},
        "zones": [zone(0, 0, 4 * 32768, 65536 + 1000), zone(1, 32768, 3 * 32768, 32768 + 20000)],
        // Block 2 is shared: 1000 of its pages are of node 0, 20000 of node 1, and the others do not exist.
        "blocks": [block(0, 0), block(1, 1), {"block": 2, "node": null, "state": "online", "zone": null}, block(3, 0)],
        "blocks_with_holes": [2],
        "steps": [{"op": "offline", "block": 3}, {"op": "offline", "block": 2}, {"op": "online_kernel", "block": 3}],
    })
}

fn ranges() -> Value {
    let range = |node, start, end| json!({"node": node, "kind": "Normal", "start_pfn": start, "end_pfn": end});
    json!([
        range(1, 32768, 65536),
        range(1, 66000, 86000),
        range(0, 0, 32768),
        range(0, 90000, 91000),
        range(0, 98304, 131_072)
    ])
}

fn file(machine: &Value) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("machine.json");
    std::fs::write(&file, machine.to_string()).unwrap();
    (folder, file)
}

fn run(command: &str, machine: &Value) -> Run {
    let (_folder, file) = file(machine);
    zonelist([command, "--machine", file.to_str().unwrap()])
}

#[test]
fn order_and_zoneinfo_do_not_need_exact_ranges() {
    let mut without_blocks = interleaved();
    ["blocks", "blocks_with_holes", "steps"]
        .iter()
        .for_each(|key| drop(without_blocks.as_object_mut().unwrap().remove(*key)));
    for machine in [interleaved(), without_blocks] {
        for command in ["order", "zoneinfo"] {
            let run = run(command, &machine);
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command}");
            assert!(!run.stdout.is_empty());
        }
    }
}

#[test]
fn a_replay_without_exact_ranges_names_the_overlapping_zones() {
    let refused = run("replay", &interleaved());
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    let message = "zones 0/Normal and 1/Normal overlap at frame 65536, and the description does not say whose the frames are; \
                expected exact ranges of one of them";
    assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains(message), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().count(), 1);
}

#[test]
fn exact_ranges_assign_each_frame_to_a_zone() {
    let mut machine = interleaved();
    for known in [ranges(), ranges().as_array().unwrap()[..2].into(), ranges().as_array().unwrap()[2..].into()] {
        machine["zone_ranges"] = known;
        let run = run("replay", &machine);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        assert!(run.stdout.contains("EINVAL"), "the shared block stays online: {}", run.stdout);
    }
}

#[test]
fn a_range_that_contradicts_the_sizes_is_named() {
    let cases = [
        ("/0/node", json!(7), "zone_ranges[0]"),
        ("/0/node", json!(5000), "zone_ranges[0]: node 5000"),
        ("/1/kind", json!("Movable"), "zone_ranges[1]: zone 1/Movable"),
        ("/1/kind", json!("normal"), "zone_ranges[1].kind: unknown variant `normal`"),
        ("/0/start_pfn", json!(32767), "zone_ranges[0]: zone 1/Normal"),
        ("/0/start_pfn", json!(65536), "zone_ranges[0]: zone 1/Normal"),
        ("/0/end_pfn", json!(u64::MAX), "zone_ranges[0]: zone 1/Normal"),
        ("/0/end_pfn", json!(-1), "zone_ranges[0].end_pfn"),
        ("/0/end_pfn", json!(65535), "zone_ranges: 52767 frames of zone 1/Normal; expected the 52768"),
        ("/3/start_pfn", json!(85999), "zone_ranges[3]: frame 85999 of zone 0/Normal is zone 1/Normal's already"),
    ];
    for (pointer, value, place) in cases {
        let mut machine = interleaved();
        machine["zone_ranges"] = ranges();
        *machine["zone_ranges"].pointer_mut(pointer).unwrap() = value.clone();
        for command in ["order", "zoneinfo", "replay"] {
            let run = run(command, &machine);
            assert_eq!(
                (run.code, run.stdout.as_str(), run.stderr.lines().count()),
                (Some(2), "", 1),
                "{pointer}: {run:?}"
            );
            assert!(
                run.stderr.contains(place) && run.stderr.contains("expected"),
                "{command}: {pointer} = {value}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn more_pages_than_frames_are_no_machine() {
    let mut machine = interleaved();
    machine["zones"][1]["present"] = json!(3 * 32768);
    for command in ["order", "zoneinfo", "replay"] {
        let run = run(command, &machine);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1), "{run:?}");
        assert!(run.stderr.contains("zones: no place for all present frames of zone"), "{}", run.stderr);
    }
}

/// A node of four Movable blocks with 7000 unmanaged pages. The machine's page allocator lets the same blocks go
/// offline as Linux does, regardless of what the record shows for other blocks.
#[test]
fn boot_pages_keep_the_last_block_online_or_with_movable_node_the_first() {
    let zone = |node, kind, start, managed| json!({"node": node, "kind": kind, "start_pfn": start, "spanned": 131_072, "present": 131_072, "managed": managed});
    let block = |number: u64| {
        let (node, kind) = if number < 4 { (0, "Normal") } else { (1, "Movable") };
        json!({"block": number, "node": node, "state": "online", "zone": kind})
    };
    let four = |options: &str, steps: Value| {
        let mut machine = interleaved();
        machine["boot_options"] = json!(options);
        machine["zones"] = json!([zone(0, "Normal", 0, 130_000), zone(1, "Movable", 131_072, 131_072 - 7000)]);
        machine["blocks"] = (0..8).map(block).collect();
        machine["blocks_with_holes"] = json!([]);
        machine["steps"] = steps;
        let golden = MachineRecord::parse(machine.to_string().as_bytes()).unwrap();
        Replay::of(&golden, &SchemeId::all(), LinuxRules::default()).unwrap()
    };
    let results = |replay: &Replay| replay.steps.iter().map(|step| step.result.clone()).collect::<Vec<_>>();
    for (options, kept) in [("", 7), ("movable_node", 4)] {
        for only in 4..8 {
            let stays = only == kept;
            let result = |stays| if stays { "EBUSY" } else { "ok" };
            let recorded = json!([{"op": "offline", "block": only, "result": result(stays), "pinned": stays}]);
            let replay = four(options, recorded);
            assert_eq!(replay.differences, [], "{options:?} {only}");
            assert_eq!(
                (replay.pinned, replay.kept_by_boot),
                (0, usize::from(stays)),
                "boot's pages alone keep it online"
            );
            // A block that goes offline in the record has no boot pages: these are in another block then.
            let replay = four(options, json!([{"op": "offline", "block": only, "result": result(!stays)}]));
            assert_eq!(replay.differences.is_empty(), stays, "{options:?} {only}");
        }
        // Without recorded results, any of the blocks may have boot pages.
        let all: Vec<Value> = (4..8).map(|block| json!({"op": "offline", "block": block})).collect();
        let expected: Vec<_> =
            (4..8).map(|block| Some(if block == kept { "EBUSY" } else { "ok" }.to_owned())).collect();
        assert_eq!(results(&four(options, all.into())), expected, "{options:?}");
    }
}
