//! Arbitrary content of kernel files gives a machine or an error, never a panic.

use std::{fs, path::Path};

use proptest::{prelude::*, sample::Index};
use zonelist_core::topology::Rules;
use zonelist_machines::{computed::zoneinfo, live, parse_list, sysfs};
use zonelist_verify::cases;

use crate::{
    fixtures::assert_computes,
    folder::{FOLDER, write_folder},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3000, 5)))]

    #[test]
    fn lists_parse_ascending_and_below_the_limit(
        text in "[0-9,x\\- \n]{0,24}|([0-9]{1,3}(-[0-9]{1,5})?,?){0,6}|\\PC{0,12}",
    ) {
        if let Ok(numbers) = parse_list(&text, 1024) {
            prop_assert!(numbers.iter().all(|&number| number < 1024));
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

/// A text for a file of a folder; most of them are plausible.
fn file_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["0", "0,2", "0-2", "2", "", "0-3", "10 20", "20 10", "10 20 20", "10"])
            .prop_map(str::to_owned),
        1 => "[0-9,\\- ]{0,12}",
        1 => "\\PC{0,8}",
    ]
}

const ZONEINFO: &str = "\
Node 0, zone   Normal
  per-node stats
      nr_free 7
  pages free     3840
        min      58
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 0)
  start_pfn:           1
Node 0, zone  Movable
        spanned  0
        present  0
        managed  0
";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn changed_folders_load_or_fail(
        changes in prop::collection::vec((any::<Index>(), prop::option::weighted(0.9, file_text())), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &FOLDER);
        for (file, text) in changes {
            let (path, _) = file.get(&FOLDER);
            match text {
                Some(text) => write_folder(folder.path(), &[(path, &text)]),
                None => drop(fs::remove_file(folder.path().join(path))),
            }
        }
        if let Ok(loaded) = sysfs(folder.path()) {
            assert_computes(&loaded.machine);
        }
    }

    #[test]
    fn changed_kernels_load_or_fail(
        line in any::<Index>(),
        text in "\\PC{0,12}|Node [0-2], zone (DMA|Movable|None)|  (present|managed) [0-9]{1,22}",
        ratios in "([0-9]{1,3} ?){0,4}|x",
        nodes in any::<bool>(),
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut lines: Vec<&str> = ZONEINFO.lines().collect();
        let at = line.index(lines.len());
        lines[at] = &text;
        write_kernel(root.path(), &lines.join("\n"), &ratios, nodes);
        if let Ok(loaded) = live(root.path()) {
            assert_computes(&loaded.machine);
        }
    }
}

/// Writes the files of a kernel below a root, with or without the folder of nodes.
fn write_kernel(root: &Path, zoneinfo: &str, ratios: &str, nodes: bool) {
    write_folder(
        root,
        &[
            ("proc/zoneinfo", zoneinfo),
            ("proc/sys/vm/min_free_kbytes", "67584\n"),
            ("proc/sys/vm/watermark_scale_factor", "10\n"),
            ("proc/sys/vm/lowmem_reserve_ratio", ratios),
            ("sys/devices/system/cpu/online", "0-1\n"),
        ],
    );
    if nodes {
        let one = [
            ("possible", "0"),
            ("online", "0"),
            ("has_cpu", "0"),
            ("has_memory", "0"),
            ("node0/distance", "10"),
            ("node0/cpulist", "0-1"),
        ];
        write_folder(&root.join("sys/devices/system/node"), &one);
    }
}

#[test]
fn a_kernel_with_and_without_numa_is_a_machine() {
    for nodes in [true, false] {
        let root = tempfile::tempdir().unwrap();
        write_kernel(root.path(), ZONEINFO, "32\t0\n", nodes);
        let machine = live(root.path()).unwrap().machine;
        assert_eq!(machine.cpus().len(), 2);
        let zones = zoneinfo::Report::new(&machine, Rules::LINUX_6_1).unwrap();
        assert_eq!((zones.zones[0].managed, zones.zones.len(), zones.empty.len()), (3840, 1, 1));
        fs::remove_file(root.path().join("proc/sys/vm/min_free_kbytes")).unwrap();
        assert_eq!(live(root.path()).unwrap().machine.memory(), None, "without a tunable there are no watermarks");
    }
    assert!(live(Path::new("/nowhere")).is_ok(), "a kernel without any of the files has one node");
}
