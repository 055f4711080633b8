//! Folders of real machines, and the fallback orders of their kernels.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;
use serde_json::Value;
use zonelist_core::topology::Rules;
use zonelist_machines::{Builtin, Loaded, MachineRecord, MachineSource, computed::fallback_order::Report, sysfs};

use super::folders::{RealFolder, printed, real_folders};
use crate::folder::write_folder;

const RULES: [(&str, Rules); 2] = [("6.1", Rules::LINUX_6_1), ("4.14", Rules::LINUX_4_14)];

/// Writes a folder and reads it.
fn read(files: &BTreeMap<String, String>) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), files);
    let loaded = sysfs(folder.path());
    loaded.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
}

fn orders(loaded: &Loaded, rules: Rules) -> Value {
    serde_json::to_value(Report::new(&loaded.machine, rules)).unwrap()
}

#[test]
fn every_folder_with_an_online_node_is_read() {
    let (mut refused, mut with_orders) = (Vec::new(), 0);
    for RealFolder { name, files, orders: recorded } in real_folders() {
        let has_node = |path: &String| path == "online" || path.starts_with("node");
        match read(&files) {
            Ok(loaded) => {
                assert!(files.keys().any(has_node), "{name}");
                for (version, rules) in RULES {
                    let Some(recorded) = recorded.as_ref().map(|recorded| &recorded[version]) else { continue };
                    assert_eq!(&orders(&loaded, rules), recorded, "{name} by the rules of {version}");
                    with_orders += 1;
                }
            }
            Err(message) => {
                assert!(!files.keys().any(has_node), "{name}: {message}");
                assert!(message.starts_with("FOLDER: ") && message.contains("expected"), "{name}: {message}");
                refused.push(name);
            }
        }
    }
    assert_eq!((refused, with_orders), (vec!["pcp-sysfs-hugepages-003".into()], 64));
}

#[test]
fn rows_are_those_of_the_kernels_log() {
    #[derive(Deserialize)]
    struct Logged {
        name: String,
        files: BTreeMap<String, String>,
        rows: Value,
        rules: String,
    }
    let logged: Vec<Logged> = serde_json::from_str(include_str!("../../../real/kernel_rows.json")).unwrap();
    assert_eq!(logged.len(), 6);
    for Logged { name, files, rows, rules } in logged {
        let loaded = read(&files).unwrap();
        assert_eq!(loaded.warnings, [], "{name}");
        let (_, rules) = RULES.into_iter().find(|(version, _)| *version == rules).unwrap();
        assert_eq!(orders(&loaded, rules)["boot"], rows, "{name}");
        assert_eq!(orders(&loaded, rules)["rebuilt"], rows, "{name}");
    }
}

/// The kernel prints a machine's files. Distances of offline nodes are in none of them.
#[test]
fn a_machine_file_and_the_folder_of_that_machine_are_one_machine() {
    let mut machines = crate::fixtures::goldens();
    let file = "offline-node";
    machines.push((file.into(), Builtin::named(file).unwrap().json.into()));
    machines.push(("fake-numa".into(), Builtin::named("fake-numa").unwrap().json.into()));
    let (mut compared, mut warned) = (0, 0);
    for (name, json) in machines {
        let record = MachineRecord::parse(&json).unwrap();
        let loaded = read(&printed(record.file())).unwrap();
        for (version, rules) in RULES {
            let of_file = Report::new(record.machine(), rules);
            if loaded.warnings_of_orders(rules).count() > 0 {
                assert_eq!(version, "6.1", "{name}: {:?}", loaded.warnings);
                warned += 1;
                if name != file {
                    continue;
                }
            }
            assert_eq!(Report::new(&loaded.machine, rules).boot, of_file.boot, "{name}, {version}");
            assert_eq!(Report::new(&loaded.machine, rules).rebuilt, of_file.rebuilt, "{name}, {version}");
            compared += 1;
        }
    }
    assert!(compared > 100 && warned > 0, "{compared} {warned}");
}

#[test]
fn a_cpu_on_several_nodes_is_on_each() {
    let fake = real_folders().into_iter().find(|folder| folder.name == "numa-fake-2x2").unwrap();
    let loaded = read(&fake.files).unwrap();
    assert_eq!(loaded.warnings, []);
    let nodes = |cpu: u32| loaded.machine.cpus()[&cpu].iter().map(|node| node.number()).collect::<Vec<_>>();
    assert_eq!([nodes(0), nodes(3)], [[0, 1], [2, 3]]);
    assert_eq!(loaded.machine.distances().from(0), [10, 10, 21, 21], "no firmware's table, so it is not void");
}

#[test]
fn a_path_a_level_or_more_away_is_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("sys/devices/system/node");
    let real = real_folders().into_iter().find(|folder| folder.name == "nto-worker1.internal_sysinfo").unwrap();
    write_folder(&folder, &real.files);
    fs::create_dir(folder.join("node1/memory7")).unwrap();
    let wanted = sysfs(&folder).unwrap();
    assert_eq!(wanted.warnings, []);
    for path in [
        "sys/devices/system/node/node1/memory7",
        "sys/devices/system/node/node1/cpulist",
        "sys/devices/system/node/node0",
        "sys/devices/system/node/online",
        "sys/devices/system",
        "sys/devices",
        "sys",
        "",
    ] {
        let loaded = MachineSource::from(root.path().join(path).into_os_string()).load().unwrap();
        assert_eq!(loaded.machine, wanted.machine, "{path}");
        assert!(loaded.warnings[0].to_string().starts_with(&folder.display().to_string()), "{:?}", loaded.warnings);
    }
    let cpus = root.path().join("sys/devices/system/cpu");
    write_folder(&cpus, [("online", "0-1\n"), ("cpu0/online", "1\n")]);
    for path in [&cpus, &cpus.join("cpu0")] {
        assert!(sysfs(path).is_err(), "CPUs are no nodes");
    }
}

/// A folder of nodes that was copied has any name.
#[test]
fn a_copied_folder_is_found_below_or_the_error_names_it() {
    let root = tempfile::tempdir().unwrap();
    let real = real_folders().into_iter().find(|folder| folder.name == "nto-worker1.internal_sysinfo").unwrap();
    let first = root.path().join("dumps/first");
    write_folder(&first, &real.files);
    let wanted = sysfs(&first).unwrap();
    for path in ["dumps", ""] {
        let loaded = sysfs(&root.path().join(path)).unwrap();
        assert_eq!(loaded.machine, wanted.machine, "{path}");
        assert!(loaded.warnings[0].to_string().starts_with(&first.display().to_string()), "{:?}", loaded.warnings);
    }
    write_folder(&root.path().join("dumps/second"), &real.files);
    for path in ["dumps", ""] {
        let message = sysfs(&root.path().join(path)).unwrap_err().to_string();
        assert!(
            message.contains("several folders of nodes") && message.contains(&first.display().to_string()),
            "{message}"
        );
    }
    // Three levels are too many.
    let far = root.path().join("far");
    write_folder(&far.join("a/b/c"), &real.files);
    assert!(sysfs(&far).unwrap_err().to_string().contains("none one or two levels"));
}
