//! Bad machines: one line on stderr that names the file, the position and the expected value, and no panic.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    folder::{FOLDER, write_folder},
    run::zonelist,
};

/// Runs `order` and `zoneinfo`, which must fail with the same message; returns the message.
fn refused(machine: &Path, name: &str) -> String {
    let path = machine.display().to_string();
    let [order, zoneinfo] = ["order", "zoneinfo"].map(|command| {
        let run = zonelist([command, "--machine", &path]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{name}: {run:?}");
        run.stderr
    });
    assert_eq!(order, zoneinfo, "{name}");
    assert_eq!(order.lines().count(), 1, "{name}: {order}");
    assert!(order.starts_with("error: ") && order.contains(&path) && order.contains("expected"), "{name}: {order}");
    order
}

/// Writes a file, which must be refused with a message that contains these parts.
fn refused_text(text: impl AsRef<[u8]>, parts: &[&str], name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    fs::write(&file, text).unwrap();
    let message = refused(&file, name);
    for part in parts {
        assert!(message.contains(part), "{name}: no {part:?} in {message}");
    }
}

/// A small valid machine with every table.
fn valid() -> Value {
    json!({
        "page_bytes": 4096, "block_pages": 32768, "pageblock_pages": 512,
        "zone_kinds": ["DMA", "Normal", "Movable"],
        "possible": [0, 1], "distance": [[10, 20], [20, 10]], "cpus": {"0": [0], "1": [1]}, "thp": true,
        "boot": {"online": [0, 1], "has_cpu": [0, 1], "has_memory": [0, 1]},
        "sysctl": {"min_free_kbytes": 1024, "watermark_scale_factor": 10, "lowmem_reserve_ratio": [256, 32, 0]},
        "zones": [
            {"node": 0, "kind": "Normal", "start_pfn": 0, "spanned": 65536, "present": 65536, "managed": 60000},
            {"node": 1, "kind": "Normal", "start_pfn": 65536, "spanned": 65536, "present": 65536, "managed": 60000},
        ],
        "blocks": [{"block": 0, "node": 0, "state": "online", "zone": "Normal"}],
        "blocks_with_holes": [0],
        "boot_options": "", "dimms": [],
        "buddy": [{"node": 0, "kind": "Normal", "free_by_order": [1, 0, 2]}],
        "steps": [{"op": "offline", "block": 0}, {"op": "cpu_offline", "cpu": 1}],
    })
}

#[test]
fn the_machine_that_the_cases_change_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valid.json");
    fs::write(&file, valid().to_string()).unwrap();
    for command in ["order", "zoneinfo"] {
        let run = zonelist([command, "--machine", file.to_str().unwrap()]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_value_that_no_machine_has() {
    let matrix = |cell: Value| json!([[10, cell], [20, 10]]);
    let zone = |key: &str, value: Value| {
        let mut zones = valid()["zones"].clone();
        zones[1][key] = value;
        zones
    };
    let offline = |block: u64| json!({"block": block, "node": 0, "state": "offline"});
    let cases = [
        ("/possible", json!([]), "possible: no node"),
        ("/possible", json!([0, 0]), "possible[1]: node 0 a second time"),
        ("/possible", json!([0, 1024]), "possible[1]: node 1024"),
        ("/possible", json!([0, 4294967296u64]), "possible[1]"),
        ("/possible", (0..2000).collect(), "possible: 2000 nodes"),
        ("/distance", json!([[10, 20]]), "distance: 1 rows"),
        ("/distance", json!([[10, 20], [20]]), "distance[1]: 1 columns"),
        ("/distance", json!([[10, 20, 30], [20, 10, 30]]), "distance[0]: 3 columns"),
        ("/distance", json!([[10, 20], [20, 10], [20, 20]]), "distance: 3 rows"),
        ("/distance", matrix(json!(9)), "distance[0][1]: 9"),
        ("/distance", matrix(json!(300)), "distance[0][1]: 300"),
        ("/distance", matrix(json!(-20)), "distance[0][1]: invalid value: integer `-20`"),
        ("/distance", matrix(json!(20.5)), "distance[0][1]: invalid type: floating point `20.5`"),
        ("/distance", matrix(json!(null)), "distance[0][1]: invalid type: null"),
        ("/cpus", json!({"0": [0], "2": [1]}), "cpus[1]: node 2"),
        ("/cpus", json!({"0": [0], "1": [1, 1]}), "cpus: CPU 1 a second time on node 1"),
        ("/cpus", json!({"0": [0], "x": [1]}), "cpus"),
        ("/cpus", json!({"0": [0], "-1": [1]}), "cpus"),
        ("/cpus", json!({"0": [0, 1]}), "boot.has_cpu: node 1 has no CPU"),
        ("/boot/online", json!([0, 1, 2]), "boot.online[2]: node 2"),
        ("/boot/online", json!([0, 1, 1]), "boot.online[2]: node 1 a second time"),
        ("/boot/online", json!([0]), "boot.has_cpu[1]: node 1"),
        ("/boot/has_cpu", json!([7]), "boot.has_cpu[0]: node 7"),
        ("/boot/has_cpu", json!([0, 0]), "boot.has_cpu[1]: node 0 a second time"),
        ("/boot/has_memory", json!([]), "boot.has_memory: no node"),
        ("/boot/has_memory", json!([0]), "boot.has_memory: node 1 is missing"),
        ("/boot/has_memory", json!([0, 1, 3]), "boot.has_memory[2]: node 3"),
        ("/boot/has_memory", json!([1, 1]), "boot.has_memory[1]: node 1 a second time"),
        ("/zone_kinds", json!(["Normal", "DMA", "Movable"]), "zone_kinds[1]: DMA"),
        ("/zone_kinds", json!(["DMA", "Normal", "Normal"]), "zone_kinds[2]: Normal"),
        ("/zone_kinds", json!(["DMA", "Normal", "Mobile"]), "zone_kinds[2]: unknown variant `Mobile`"),
        ("/zones", zone("node", json!(2)), "zones[1]: node 2"),
        ("/zones", zone("node", json!(5000)), "zones[1]: node 5000"),
        ("/zones", zone("node", json!(0)), "zones[1]: zone 0/Normal a second time"),
        ("/zones", zone("kind", json!("DMA32")), "zones[1]: kind DMA32"),
        ("/zones", zone("kind", json!("normal")), "zones[1].kind: unknown variant `normal`"),
        ("/zones", zone("managed", json!(65537)), "zones[1]: zone 1/Normal has "),
        ("/zones", zone("present", json!(65537)), "zones[1]: zone 1/Normal has "),
        ("/zones", zone("spanned", json!(u64::MAX)), "zones[1]: zone 1/Normal has "),
        ("/zones", zone("start_pfn", json!(u64::MAX)), "zones[1]: start_pfn"),
        ("/zones", zone("managed", json!(-1)), "zones[1].managed: invalid value: integer `-1`"),
        ("/zones", zone("managed", json!(1.0)), "zones[1].managed: invalid type: floating point"),
        ("/zones", json!([]), "boot.has_memory: node 0 has no populated zone"),
        ("/page_bytes", json!(0), "page_bytes: 0"),
        ("/page_bytes", json!(4097), "page_bytes: 4097"),
        ("/block_pages", json!(0), "block_pages: 0"),
        ("/pageblock_pages", json!(3), "pageblock_pages: 3"),
        ("/sysctl/lowmem_reserve_ratio", json!([256, 32]), "sysctl.lowmem_reserve_ratio: 2 entries"),
        ("/sysctl/lowmem_reserve_ratio", json!([256, 32, 0, 0]), "sysctl.lowmem_reserve_ratio: 4 entries"),
        ("/sysctl/lowmem_reserve_ratio", json!([256, -32, 0]), "sysctl.lowmem_reserve_ratio[1]"),
        ("/sysctl/watermark_scale_factor", json!(0), "sysctl.watermark_scale_factor: 0"),
        ("/sysctl/watermark_scale_factor", json!(3001), "sysctl.watermark_scale_factor: 3001"),
        ("/sysctl/min_free_kbytes", json!(1u64 << 31), "sysctl.min_free_kbytes: 2147483648"),
        ("/sysctl", json!([]), "sysctl"),
        ("/thp", json!("yes"), "thp: invalid type: string"),
        ("/boot", json!(null), "boot: invalid type: null"),
        ("/blocks", json!([{"block": 0, "node": 9, "state": "online"}]), "blocks[0].node: 9"),
        ("/blocks", json!([{"block": 0, "node": 0, "state": "asleep"}]), "blocks[0].state: unknown variant `asleep`"),
        ("/blocks", json!([{"block": u64::MAX, "node": 0, "state": "online"}]), "blocks[0].block"),
        ("/blocks/0/zone", json!("HighMem"), "blocks[0].zone: 0/HighMem"),
        ("/blocks/0/zone", json!("Movable"), "blocks[0].zone: 0/Movable"),
        ("/blocks/0/block", json!(2), "blocks[0].zone: 0/Normal"),
        ("/blocks/0/node", json!(null), "blocks[0].node: none"),
        ("/blocks/0/node", json!(1024), "blocks[0]: node 1024"),
        ("/blocks", json!([offline(3), offline(3)]), "blocks[1].block: 3 a second time"),
        ("/blocks_with_holes", json!([1]), "blocks_with_holes[0]: 1"),
        ("/blocks_with_holes", json!([0, 0]), "blocks_with_holes[1]: 0"),
        ("/dimms", json!([[0, 0]]), "dimms[0]: 0 blocks from 0 on"),
        ("/dimms", json!([[0, 1], [0, 1]]), "dimms[1]: 1 blocks from 0 on"),
        ("/dimms", json!([[0, u64::MAX]]), "dimms[0]: 18446744073709551615 blocks"),
        ("/dimms", json!([[7, 1]]), "dimms[0]: 1 blocks from 7 on"),
        ("/dimms", json!([[0]]), "dimms[0]"),
        (
            "/boot_options",
            json!("memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=many"),
            "boot_options: many",
        ),
        ("/buddy/0/node", json!(1024), "buddy[0]: zone 1024/Normal"),
        ("/buddy/0/kind", json!("DMA"), "buddy[0]: zone 0/DMA"),
        ("/buddy/0/free_by_order", json!([60001]), "buddy[0].free_by_order: 60001 free pages"),
        ("/buddy/0/free_by_order", json!([0, u64::MAX]), "buddy[0].free_by_order"),
        ("/steps/0", json!({"op": "offline"}), "steps[0].block: nothing"),
        ("/steps/1", json!({"op": "cpu_online"}), "steps[1].cpu: nothing"),
        ("/steps/1", json!({"op": "sysctl", "name": "min_free_kbytes"}), "steps[1].value: nothing"),
        ("/steps/1", json!({"op": 7}), "steps[1].op: invalid type"),
        ("/steps/0", json!({"op": "online", "block": 0, "zone": "Device"}), "steps[0].zone: Device"),
    ];
    for (pointer, value, place) in cases {
        let mut machine = valid();
        *machine.pointer_mut(pointer).unwrap() = value.clone();
        refused_text(machine.to_string(), &[place], &format!("{pointer} = {value}"));
    }
}

#[test]
fn a_missing_key_is_named() {
    let needed = [
        "page_bytes",
        "block_pages",
        "pageblock_pages",
        "zone_kinds",
        "possible",
        "distance",
        "cpus",
        "thp",
        "boot",
        "sysctl",
        "zones",
    ];
    for key in needed {
        let mut machine = valid();
        machine.as_object_mut().unwrap().remove(key);
        refused_text(machine.to_string(), &[&format!("missing field `{key}`"), "line 1 column"], key);
    }
    for (object, key) in [("boot", "online"), ("sysctl", "min_free_kbytes")] {
        let mut machine = valid();
        machine[object].as_object_mut().unwrap().remove(key);
        refused_text(machine.to_string(), &[object, &format!("missing field `{key}`")], key);
    }
}

#[test]
fn a_file_that_is_not_json() {
    let text = serde_json::to_string_pretty(&valid()).unwrap();
    let twice = text.replacen("\"0\": [", "\"0\": [], \"0\": [", 1);
    assert_ne!(twice, text);
    refused_text(&text[..text.len() / 2], &["line", "column", "EOF"], "cut in the middle");
    refused_text("", &["line 1 column 0"], "empty");
    refused_text("[]", &["line 1"], "another type");
    refused_text("7", &["line 1"], "a number");
    refused_text(format!("{text} x"), &["trailing characters", "line"], "more text after it");
    refused_text(text.replacen("10", "1e999", 1), &["number out of range", "line"], "a huge number");
    refused_text(text.replacen("\"thp\"", "\"possible\"", 1), &["possible"], "a key twice");
    refused_text(twice, &["cpus", "node 0 a second time"], "a node's key twice");
    refused_text(text.replacen("true", "tru", 1), &["thp", "line"], "a broken word");
    refused_text(text.replacen("\"Movable\"", "\"a\\nb\"", 1), &["zone_kinds[2]", "a\\nb"], "a line break in a name");
    refused_text(vec![0xff; 9], &["line 1"], "no text");
    refused_text("[".repeat(100_000), &["line 1"], "deeply nested");
    refused_text(format!("{{\"other\": {}", "[".repeat(100_000)), &["other", "line 1"], "an ignored key, nested");
}

#[test]
fn a_name_that_is_no_machine() {
    for name in ["nope", "", "Seed", "./seed"] {
        let run = zonelist(["order", "--machine", name]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1), "{name}");
        assert!(run.stderr.contains("seed, one-node, ring") && run.stderr.contains("mail-online"), "{}", run.stderr);
    }
    refused(Path::new("/dev/zero"), "endless");
}

#[test]
fn a_folder_with_a_bad_file() {
    let cases = [
        ("possible", "0-4294967295\n", "possible: entry 1: \"0-4294967295\""),
        ("possible", "0-1024\n", "possible: entry 1"),
        ("online", "0,x\n", "online: entry 2: \"x\""),
        ("online", "2-0\n", "online: entry 1: \"2-0\""),
        ("online", "0,,2\n", "online: entry 2: \"\""),
        ("online", "0 2\n", "online: entry 1: \"0 2\""),
        ("online", "0,0\n", "online: entry 2: \"0\""),
        ("has_cpu", "-1\n", "has_cpu: entry 1: \"-1\""),
        ("has_memory", "0\0,2\n", "has_memory: entry 1: \"0\\0\""),
        ("node2/cpumap", "0000000g\n", "node2/cpumap: word 1: \"0000000g\""),
        ("node1024/cpulist", "0\n", "node1024: node 1024"),
        ("node0/cpulist", "0-99999999999\n", "node0/cpulist: entry 1"),
        ("node2/distance", "21\n", "node2/distance: 1 distances"),
        ("node2/distance", "21 10 30 20\n", "node2/distance: 4 distances"),
        ("node2/distance", "9 10\n", "node2/distance: entry 1: \"9\""),
        ("node2/distance", "300 10\n", "node2/distance: entry 1: \"300\""),
        ("node2/distance", "21 ten\n", "node2/distance: entry 2: \"ten\""),
    ];
    for (path, content, place) in cases {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), FOLDER);
        write_folder(folder.path(), [(path, content)]);
        let message = refused(folder.path(), path);
        assert!(message.contains(place), "{path} {content:?}: no {place:?} in {message}");
    }
}

#[test]
fn a_folder_of_an_old_kernel_with_a_bad_file() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), FOLDER);
    write_folder(folder.path(), [("has_memory", ""), ("node0/meminfo", "Node 0 MemFree: 1 kB\n")]);
    let message = refused(folder.path(), "meminfo");
    assert!(message.contains("node0/meminfo: \"Node 0 MemFree"), "{message}");
}

#[test]
fn distances_that_linux_accepts_from_no_firmware_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ten.json");
    let mut machine = valid();
    for (matrix, cell) in
        [(json!([[10, 10], [40, 10]]), "distance[0][1] is 10"), (json!([[10, 30], [40, 0]]), "distance[1][1] is 0")]
    {
        machine["distance"] = matrix;
        fs::write(&file, machine.to_string()).unwrap();
        let run = zonelist(["order", "--machine", file.to_str().unwrap(), "--rules", "6.1"]);
        assert_eq!((run.code, run.stderr.lines().count()), (Some(0), 1), "{}", run.stderr);
        assert!(run.stderr.starts_with(&format!("warning: {}: {cell}", file.display())), "{}", run.stderr);
    }
    // A kernel with this option has made the nodes itself; so has one whose nodes share a CPU.
    let mut shared = machine.clone();
    shared["cpus"] = json!({"0": [0], "1": [0, 1]});
    machine["boot_options"] = json!("ro numa=fake=2");
    for machine in [machine, shared] {
        fs::write(&file, machine.to_string()).unwrap();
        let run = zonelist(["order", "--machine", file.to_str().unwrap(), "--rules", "6.1"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
}
