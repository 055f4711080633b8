//! The files of a running kernel: those that a kernel prints for the recorded machines, and peculiar ones.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use zonelist_core::{ZoneKind, topology::Rules};
use zonelist_machines::{MachineFile, MachineRecord, computed::zoneinfo::Report, live, parse_zoneinfo};

use super::folders::printed;
use crate::folder::write_folder;

/// The zones of a machine as `/proc/zoneinfo` has them: of each node with memory, those that are populated, or all.
fn zoneinfo(file: &MachineFile, populated_only: bool) -> String {
    let mut text = String::new();
    for (node, kind) in
        file.boot.has_memory.iter().flat_map(|node| file.zone_kinds.iter().map(move |kind| (node, kind)))
    {
        let zone = file.zones.iter().find(|zone| (zone.node, zone.kind) == (*node, *kind));
        if zone.is_none() && populated_only {
            continue;
        }
        let [spanned, present, managed] = zone.map_or([0; 3], |zone| [zone.spanned, zone.present, zone.managed]);
        let columns = vec!["0"; file.zone_kinds.len()].join(", ");
        writeln!(text, "Node {node}, zone {:>8}\n  pages free     1", kind.0).unwrap();
        writeln!(text, "        min      1\n        spanned  {spanned}\n        present  {present}").unwrap();
        writeln!(text, "        managed  {managed}\n        protection: ({columns})").unwrap();
        if let Some(zone) = zone {
            writeln!(text, "  pagesets\n    cpu: 0\n  start_pfn:           {}", zone.start_pfn).unwrap();
        }
    }
    text
}

/// Writes what a kernel prints of a machine.
fn write_kernel(root: &Path, file: &MachineFile, zoneinfo: &str, ratios: usize) {
    write_folder(&root.join("sys/devices/system/node"), printed(file));
    let ratio = file.sysctl.lowmem_reserve_ratio.iter().take(ratios).map(u32::to_string).collect::<Vec<_>>();
    let files: BTreeMap<&str, String> = [
        ("proc/zoneinfo", zoneinfo.into()),
        ("proc/sys/vm/min_free_kbytes", file.sysctl.min_free_kbytes.to_string()),
        ("proc/sys/vm/watermark_scale_factor", file.sysctl.watermark_scale_factor.to_string()),
        ("proc/sys/vm/lowmem_reserve_ratio", ratio.join("\t")),
    ]
    .into();
    write_folder(root, files);
}

#[test]
fn a_kernel_and_the_machine_file_of_its_machine_have_the_same_zones() {
    for (name, json) in crate::fixtures::goldens() {
        let record = MachineRecord::parse(&json).unwrap();
        let file = record.file();
        // Before 4.12 only populated zones were printed, and before 4.16 the highest kind had no ratio.
        for (populated_only, ratios) in [(false, file.zone_kinds.len()), (true, file.zone_kinds.len() - 1)] {
            let root = tempfile::tempdir().unwrap();
            write_kernel(root.path(), file, &zoneinfo(file, populated_only), ratios);
            let loaded = live(root.path()).unwrap();
            assert_eq!(loaded.no_sizes, None, "{name}");
            for rules in [Rules::LINUX_6_1, Rules::LINUX_4_14] {
                let mut of_file = Report::new(record.machine(), rules).unwrap();
                of_file.zones.sort_by_key(|zone| (zone.node, zone.kind));
                assert_eq!(Report::new(&loaded.machine, rules).unwrap(), of_file, "{name}, {populated_only}");
            }
        }
    }
}

#[test]
fn the_other_kinds_of_a_kernel_follow_from_its_columns() {
    let kinds = |printed: &[&str], columns: usize| {
        let zone = |kind| {
            format!(
                "Node 0, zone {kind}\n  spanned 8\n  present 8\n  protection: ({})\n",
                vec!["0"; columns].join(", ")
            )
        };
        let sizes = parse_zoneinfo(&printed.iter().map(zone).collect::<String>());
        sizes.map(|sizes| sizes.kinds).map_err(|problem| problem.to_string())
    };
    use ZoneKind::{Device, Dma, Dma32, Movable, Normal};
    assert_eq!(kinds(&["DMA", "DMA32", "Normal"], 4), Ok(vec![Dma, Dma32, Normal, Movable]));
    assert_eq!(kinds(&["DMA", "DMA32", "Normal"], 5), Ok(vec![Dma, Dma32, Normal, Movable, Device]));
    assert_eq!(kinds(&["DMA", "Movable"], 4), Ok(vec![Dma, Normal, Movable, Device]), "ppc64");
    assert!(kinds(&["DMA", "Normal", "Movable"], 2).unwrap_err().contains("2 columns of protection for 3 kinds"));
    assert!(kinds(&["Normal"], 9).is_err());
}

#[test]
fn a_kernel_without_a_count_of_managed_pages_manages_those_present() {
    let sizes = parse_zoneinfo("Node 0, zone Normal\n  spanned 9\n  present 8\n").unwrap();
    assert_eq!(sizes.zones[0].managed, 8);
}

/// Orders do not need sizes; the reason why there are none names the file, and the place in it.
#[test]
fn a_fault_of_the_sizes_leaves_the_orders() {
    let (_, json) = crate::fixtures::goldens().swap_remove(1);
    let record = MachineRecord::parse(&json).unwrap();
    let text = zoneinfo(record.file(), false);
    let unknown = |kind| format!("{text}Node 1, zone {kind:>8}\n  spanned 8\n  present 8\n  managed 8\n");
    let cases = [
        (unknown("ExtMem"), "line 80: \"Node 1, zone   ExtMem\""),
        (unknown("NoSplit"), "line 80: \"Node 1, zone  NoSplit\""),
        (text.replacen("managed  3840", "managed  3999", 1), "zones[0]: zone 0/DMA has 3999 managed"),
        (text.replacen("present  ", "present  x", 1), "line 5: "),
        (String::new(), "no populated zone"),
        (text.replace("Node 1", "Node 0"), "each zone once"),
        (text.replace("Node 1", "Node 7"), "zones[2]: node 7"),
        (text.split("Node 1").next().unwrap().into(), "has_memory: node 1 has no populated zone"),
    ];
    for (text, place) in cases {
        let root = tempfile::tempdir().unwrap();
        write_kernel(root.path(), record.file(), &text, 5);
        let loaded = live(root.path()).unwrap();
        assert_eq!(loaded.machine.nodes(), record.machine().nodes());
        assert_eq!((loaded.machine.memory(), loaded.warnings.len()), (None, 0));
        let reason = loaded.no_sizes.unwrap();
        let file = root.path().join("proc/zoneinfo");
        assert!(reason.starts_with(&file.display().to_string()) && reason.contains(place), "{place}: {reason}");
        assert!(reason.contains("expected"), "{reason}");
    }
    for name in ["min_free_kbytes", "watermark_scale_factor", "lowmem_reserve_ratio"] {
        for content in [None, Some("x"), Some("1 2 3 4 5 6"), Some("")] {
            let root = tempfile::tempdir().unwrap();
            write_kernel(root.path(), record.file(), &text, 5);
            let path = root.path().join("proc/sys/vm").join(name);
            match content {
                Some(content) => fs::write(path, content).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            let loaded = live(root.path()).unwrap();
            assert!(loaded.no_sizes.as_ref().is_some_and(|reason| reason.contains(name)), "{name}: {loaded:?}");
        }
    }
}
