//! Arbitrary content of kernel files gives a machine or an error, never a panic.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use proptest::{prelude::*, sample::Index};
use zonelist_core::topology::Rules;
use zonelist_machines::{computed::zoneinfo, live, parse_list, sysfs};
use zonelist_verify::cases;

use super::folders::real_folders;
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
        4 => prop::sample::select(vec![
            "0", "0,2", "0-2", "2", "", "0-3", "10 20", "20 10", "10 20 20", "10", "f", "0,f", "1\n\0\0", "\0", "0 0",
            "Node 0 MemTotal: 0 kB", "Node 0 MemTotal: 8 kB", "Node 0 MemTotal:",
        ])
            .prop_map(str::to_owned),
        1 => "[0-9,\\- ]{0,12}",
        1 => "\\PC{0,8}",
    ]
}

/// Folders that are damaged, the smallest of real machines among them: those of many files are read slowly.
static FOLDERS: LazyLock<Vec<BTreeMap<String, String>>> = LazyLock::new(|| {
    let small = FOLDER.map(|(path, content)| (path.into(), content.into())).into();
    let real = real_folders().into_iter().map(|folder| folder.files);
    real.filter(|files| (1..20).contains(&files.len())).chain([small]).collect()
});

/// A change of one file of a folder.
#[derive(Clone, Debug)]
enum Damage {
    Write(String),
    Bytes(Vec<u8>),
    Cut(Index),
    Remove,
    RemoveFolder,
    MakeFolder,
    Rename(u32),
}

impl Damage {
    fn apply(&self, path: &Path) {
        let content = fs::read(path).unwrap_or_default();
        let parent = path.parent().unwrap();
        let in_node = parent.file_name().is_some_and(|name| name.to_string_lossy().starts_with("node"));
        // What an earlier change has removed can't be changed any more: then nothing happens.
        let _ = match self {
            Self::Write(text) => fs::write(path, text),
            Self::Bytes(bytes) => fs::write(path, bytes),
            Self::Cut(at) => fs::write(path, &content[..at.index(content.len() + 1)]),
            Self::Remove => fs::remove_file(path),
            Self::MakeFolder => fs::remove_file(path).and_then(|()| fs::create_dir(path)),
            Self::RemoveFolder if in_node => fs::remove_dir_all(parent),
            Self::Rename(number) if in_node => fs::rename(parent, parent.with_file_name(format!("node{number}"))),
            Self::RemoveFolder | Self::Rename(_) => Ok(()),
        };
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => file_text().prop_map(Damage::Write),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(Damage::Bytes),
        2 => any::<Index>().prop_map(Damage::Cut),
        3 => Just(Damage::Remove),
        1 => Just(Damage::RemoveFolder),
        1 => Just(Damage::MakeFolder),
        1 => (0u32..1100).prop_map(Damage::Rename),
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
    fn damaged_folders_are_read_or_the_fault_is_named(
        base in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), damage()), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let base = base.get(&FOLDERS);
        write_folder(folder.path(), base);
        let files: Vec<&String> = base.keys().collect();
        for (file, damage) in changes {
            damage.apply(&folder.path().join(file.get(&files)));
        }
        match sysfs(folder.path()) {
            Ok(loaded) => assert_computes(&loaded.machine),
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.starts_with(&folder.path().display().to_string()), "{message}");
                prop_assert!(message.contains("expected"), "{message}");
            }
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
        let loaded = live(root.path()).unwrap();
        assert_eq!(loaded.machine.memory().is_none(), loaded.no_sizes.is_some());
        assert_computes(&loaded.machine);
    }
}

/// Writes the files of a kernel below a root, with or without the folder of nodes.
fn write_kernel(root: &Path, zoneinfo: &str, ratios: &str, nodes: bool) {
    write_folder(
        root,
        [
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
        write_folder(&root.join("sys/devices/system/node"), one);
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
