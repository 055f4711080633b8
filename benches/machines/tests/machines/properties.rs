//! Whatever a file says, reading it gives a machine that works or an error, never a panic.

use std::{collections::HashSet, fs, path::Path, sync::LazyLock};

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use zonelist_core::{Machine, Rules};
use zonelist_machines::{
    Golden,
    computed::{order, zoneinfo},
    live, parse_list, sysfs,
};
use zonelist_verify::cases;

use crate::folder::{FOLDER, write_folder};

/// The shorter goldens: a mutation of them is as good and parsed sooner.
static GOLDENS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut goldens = crate::recorded::goldens();
    goldens.sort_by_key(|(_, json)| json.len());
    goldens.iter().take(40).map(|(_, json)| serde_json::from_slice(json).unwrap()).collect()
});

/// Computes and prints everything that the command does with a machine.
fn works(machine: &Machine) {
    for rules in [Rules::LINUX_6_1, Rules::LINUX_4_14] {
        let orders = order::Report::new(machine, rules);
        for rows in [&orders.boot, &orders.rebuilt] {
            assert_eq!(rows.len(), machine.nodes().len());
            for (node, row) in rows {
                assert_eq!(row.first(), Some(node), "a node's row begins with it");
                assert_eq!(row.iter().collect::<HashSet<_>>().len(), row.len(), "and names each node once");
            }
        }
        assert!(!orders.to_string().is_empty() && serde_json::to_value(&orders).is_ok());
        let zones = zoneinfo::Report::new(machine, rules);
        assert_eq!(zones.is_some(), machine.memory().is_some());
        if let Some(zones) = zones {
            assert!(zones.zones.iter().all(|zone| zone.min <= zone.low && zone.low <= zone.high));
            assert!(!zones.to_string().is_empty() && serde_json::to_value(&zones).is_ok());
        }
    }
}

/// Whether the text is a machine's.
fn read(json: &[u8]) -> bool {
    let machine = Golden::parse(json).and_then(|golden| golden.machine());
    match &machine {
        Ok((machine, _)) => works(machine),
        Err(problem) => assert!(problem.to_string().contains("expected"), "{problem}"),
    }
    machine.is_ok()
}

/// What is done to one value of a file.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Value),
    Delete,
    Repeat,
    Nudge(i64),
    /// Takes a value from elsewhere in the file.
    Transplant(Vec<Index>),
}

fn mutations() -> impl Strategy<Value = (Vec<Index>, Mutation)> {
    let odd = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(1.5),
        json!(255),
        json!(1023),
        json!(1024),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(1u64 << 48),
        json!(1e300),
        json!(""),
        json!("Normal"),
        json!("DMA"),
        json!("HighMem"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([0, 1]),
        json!({"0": [0]}),
    ]);
    let place = || prop::collection::vec(any::<Index>(), 5);
    let mutation = prop_oneof![
        odd.prop_map(Mutation::Replace),
        Just(Mutation::Delete),
        Just(Mutation::Repeat),
        (-3i64..=3).prop_map(Mutation::Nudge),
        any::<i64>().prop_map(Mutation::Nudge),
        place().prop_map(Mutation::Transplant),
    ];
    (place(), mutation)
}

/// Goes down from the root, a child for each index, and gives the pointer it ends at.
fn pointer(value: &Value, place: &[Index]) -> String {
    let Some((index, rest)) = place.split_first() else { return String::new() };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let (key, child) = map.iter().nth(index.index(map.len())).unwrap();
            format!("/{key}{}", pointer(child, rest))
        }
        Value::Array(list) if !list.is_empty() => {
            let at = index.index(list.len());
            format!("/{at}{}", pointer(&list[at], rest))
        }
        _ => String::new(),
    }
}

fn mutate(golden: &mut Value, place: &[Index], mutation: Mutation) {
    let path = pointer(golden, place);
    let elsewhere = match &mutation {
        Mutation::Transplant(from) => golden.pointer(&pointer(golden, from)).cloned(),
        _ => None,
    };
    let (parent, key) = path.rsplit_once('/').unwrap_or(("", ""));
    match (mutation, golden.pointer_mut(parent)) {
        (Mutation::Delete, Some(Value::Object(map))) => drop(map.remove(key)),
        (Mutation::Delete, Some(Value::Array(list))) => drop(list.remove(key.parse().unwrap())),
        (Mutation::Repeat, Some(Value::Array(list))) => list.push(list[key.parse::<usize>().unwrap()].clone()),
        (Mutation::Repeat, Some(Value::Object(map))) => drop(map.insert("7".into(), json!([7]))),
        (mutation, Some(_)) => {
            let value = golden.pointer_mut(&path).unwrap();
            match mutation {
                Mutation::Nudge(by) => *value = json!(value.as_i64().unwrap_or(0).wrapping_add(by)),
                Mutation::Replace(odd) => *value = odd,
                _ => *value = elsewhere.unwrap_or(Value::Null),
            }
        }
        (_, None) => unreachable!("the parent of a value that is there"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(3000, 5)))]

    #[test]
    fn a_mutated_golden(base in any::<Index>(), mutations in prop::collection::vec(mutations(), 1..4)) {
        let mut golden = base.get(&GOLDENS).clone();
        for (place, mutation) in mutations {
            mutate(&mut golden, &place, mutation);
        }
        read(golden.to_string().as_bytes());
    }

    #[test]
    fn a_golden_cut_and_pasted(base in any::<Index>(), at in any::<[Index; 3]>(), len in 0usize..40, cut in any::<bool>()) {
        let mut text = base.get(&GOLDENS).to_string().into_bytes();
        let [from, to, end] = at.map(|index| index.index(text.len()));
        let piece = text[from..text.len().min(from + len)].to_vec();
        text.splice(to..text.len().min(to + len / 2), piece);
        if cut {
            text.truncate(end);
        }
        read(&text);
    }

    #[test]
    fn a_list(text in "[0-9,x\\- \n]{0,24}|([0-9]{1,3}(-[0-9]{1,5})?,?){0,6}|\\PC{0,12}") {
        if let Ok(numbers) = parse_list(&text, 1024) {
            prop_assert!(numbers.iter().all(|&number| number < 1024));
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

/// Any of the texts that a folder's files may hold, most of them plausible.
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
    fn a_folder(changes in prop::collection::vec((any::<Index>(), prop::option::weighted(0.9, file_text())), 0..4)) {
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
            works(&loaded.machine);
        }
    }

    #[test]
    fn a_kernel(line in any::<Index>(), text in "\\PC{0,12}|Node [0-2], zone (DMA|Movable|None)|  (present|managed) [0-9]{1,22}",
        ratios in "([0-9]{1,3} ?){0,4}|x", nodes in any::<bool>()) {
        let root = tempfile::tempdir().unwrap();
        let mut lines: Vec<&str> = ZONEINFO.lines().collect();
        let at = line.index(lines.len());
        lines[at] = &text;
        write_kernel(root.path(), &lines.join("\n"), &ratios, nodes);
        if let Ok(loaded) = live(root.path()) {
            works(&loaded.machine);
        }
    }
}

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
fn a_kernel_with_and_without_numa() {
    for nodes in [true, false] {
        let root = tempfile::tempdir().unwrap();
        write_kernel(root.path(), ZONEINFO, "32\t0\n", nodes);
        let machine = live(root.path()).unwrap().machine;
        assert_eq!(machine.cpus().len(), 2);
        let zones = zoneinfo::Report::new(&machine, Rules::LINUX_6_1).unwrap();
        assert_eq!((zones.zones[0].managed, zones.zones.len(), zones.empty.len()), (3840, 1, 1));
        fs::remove_file(root.path().join("proc/sys/vm/min_free_kbytes")).unwrap();
        assert_eq!(live(root.path()).unwrap().machine.memory(), None, "without a tunable there are no marks");
    }
    assert!(live(Path::new("/nowhere")).is_ok(), "a kernel that says nothing has one node");
}

#[test]
fn some_mutations_leave_a_machine() {
    let sound = GOLDENS.iter().filter(|golden| read(golden.to_string().as_bytes())).count();
    assert_eq!(sound, GOLDENS.len());
}
