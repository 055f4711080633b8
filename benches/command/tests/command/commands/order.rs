//! The command `order`.

use std::fs;

use serde_json::{Value, json};

use crate::{
    folder::{FOLDER, write_folder},
    run::{json, recorded, succeed, zonelist},
};

#[test]
fn the_seed_is_the_default_machine() {
    assert_eq!(succeed(&["order"]).stdout, succeed(&["order", "--machine", "seed"]).stdout);
    assert_eq!(json(&["order", "--json"])["boot"], recorded("h01_seed_steps")["boot"]["fallback_order"]);
}

#[test]
fn the_text_is_in_the_kernels_format() {
    let text = succeed(&["order", "--machine", "memoryless"]).stdout;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Fallback order for Node 2:")).collect();
    assert_eq!(lines, ["Fallback order for Node 2: 2 3 1 0"; 2], "at boot and rebuilt:\n{text}");
    assert!(text.ends_with("\nNode 0: node 0\nNode 1: node 1\nNode 2: node 3\nNode 3: node 3\n"), "{text}");
}

#[test]
fn a_rebuild_counts_cpus() {
    let orders = json(&["order", "--json", "--machine", "one-apart"]);
    assert_eq!((&orders["boot"]["1"], &orders["rebuilt"]["1"]), (&json!([1, 0, 3, 2]), &json!([1, 3, 0, 2])));
}

#[test]
fn the_rules_of_4_14_do_not_add_up_node_loads() {
    let row = |rules| json(&["order", "--json", "--machine", "eight-boards", "--rules", rules])["boot"]["7"].clone();
    assert_eq!(row("6.1"), json!([7, 4, 5, 6, 3, 0, 1, 2]));
    assert_eq!(row("4.14"), json!([7, 4, 5, 6, 0, 1, 2, 3]));
}

/// The machine's kernel selects the rules, and the option overrides it.
#[test]
fn the_kernel_selects_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("machine.json");
    let path = file.to_str().unwrap();
    // Node 2 has no memory, so that its row shows whether the rules are those before 6.7.
    let row = |kernel: Value, options: &[&str]| {
        let mut machine = recorded("b11_memoryless_cpu");
        machine["kernel"] = kernel;
        fs::write(&file, machine.to_string()).unwrap();
        let run = zonelist([&["order", "--json", "--machine", path], options].concat());
        let orders: Value = serde_json::from_str(&run.stdout).unwrap();
        (orders["rules"].as_str().unwrap().to_owned(), orders["rebuilt"]["2"][0].clone(), run.stderr)
    };
    assert_eq!(row("Linux 6.6.30 x86-64".into(), &[]), ("6.6".into(), json!(2), String::new()));
    assert_eq!(row("Linux 6.12.117 x86-64".into(), &[]), ("6.12".into(), json!(3), String::new()));
    assert_eq!(row("Linux 6.12.117 x86-64".into(), &["--rules", "6.3"]), ("6.1".into(), json!(2), String::new()));
    assert_eq!(row(Value::Null, &[]), ("6.1".into(), json!(2), String::new()));
    let (rules, _, warning) = row("5.14.0-427.el9.x86_64".into(), &[]);
    assert!(rules == "4.14" && warning.contains("5.14.0-427.el9.x86_64") && warning.contains("4.14"), "{warning}");
    assert_eq!(row("5.14.0-427.el9.x86_64".into(), &["--rules", "6.8"]).2, "");
    let refused = zonelist(["order", "--rules", "4.13"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("4.14 on"), "{}", refused.stderr);
}

/// A node whose only memory is a device has its own list built after the first build.
#[test]
fn a_node_that_is_added_while_booting_has_a_later_build() {
    let path = format!("{}/../goldens/newer/v612_h24_node_hot_added.json", env!("CARGO_MANIFEST_DIR"));
    let orders = json(&["order", "--json", "--machine", &path]);
    assert_eq!(orders["boot"]["4"], json!([0, 1, 2, 3]));
    let build = json!({"fallback_order": {"4": [2, 3, 0, 1]}, "built": 4, "policy_zone": "Normal"});
    assert_eq!(orders["later_builds"], json!([build]));
    let text = succeed(&["order", "--machine", &path]).stdout;
    assert_eq!(text.matches("Fallback order for Node 4: 2 3 0 1").count(), 2, "built later, and rebuilt: {text}");
}

/// Node 3 is offline. It has a list since 5.18, for which the folder has no distances.
#[test]
fn a_folder_has_its_possible_nodes_and_no_sizes() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), FOLDER);
    let path = folder.path().to_str().unwrap();
    let (boot, rebuilt) =
        (json!({"0": [0, 2], "2": [2, 0], "3": [3, 0, 2]}), json!({"0": [0, 2], "2": [2, 0], "3": [3, 2, 0]}));
    let run = zonelist(["order", "--machine", path, "--json", "--rules", "6.1"]);
    assert_eq!(run.stdout, format!("{}\n", json!({"boot": boot, "rebuilt": rebuilt, "rules": "6.1"})));
    assert_eq!(run.stderr, format!("warning: {path}: no distances of offline node 3; taken as 10 and 20\n"));
    let rows = json!({"0": [0, 2], "2": [2, 0]});
    assert_eq!(
        json(&["order", "--machine", path, "--json", "--rules", "4.14"]),
        json!({"boot": rows, "rebuilt": rows, "rules": "4.14"})
    );
    let assumed = zonelist(["order", "--machine", path]).stdout;
    assert!(assumed.contains("names no kernel; the rules of Linux 6.1 are followed"), "{assumed}");
    assert!(!succeed(&["order", "--machine", path, "--rules", "4.14"]).stdout.contains("Note"));
    let run = zonelist(["zoneinfo", "--machine", path]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1));
    assert!(run.stderr.contains(path) && run.stderr.contains("no sizes"), "{}", run.stderr);
}

#[test]
fn what_a_folder_lacks_is_derived_or_a_warning() {
    let cases = [
        ("possible", None, ""),
        ("possible", Some("0-1\n"), "`possible` has nodes 0-1, not all that are online"),
        ("online", None, ""),
        ("online", Some("0\n"), "`online` has node 0, but there are folders of nodes 0,2"),
        ("has_cpu", None, ""),
        ("has_cpu", Some("2\n"), "`has_cpu` has node 2, but with an empty `cpulist`"),
        ("has_memory", None, "no `has_memory` and no `meminfo` of nodes 0,2"),
        ("has_memory", Some("0,2-3\n"), "`has_memory` has node 3, not online"),
        ("node0/distance", None, "no `distance` of node 0"),
        ("node0/distance", Some("\0"), "no `distance` of node 0"),
        ("node0/cpulist", None, ""),
        ("node2/cpulist", Some("0-1\n"), ""),
    ];
    for (path, content, warning) in cases {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), FOLDER);
        match content {
            Some(content) => write_folder(folder.path(), [(path, content)]),
            None => fs::remove_file(folder.path().join(path)).unwrap(),
        }
        let run = zonelist(["order", "--machine", folder.path().to_str().unwrap(), "--rules", "4.14"]);
        assert_eq!(run.code, Some(0), "{path} {content:?}: {}", run.stderr);
        assert!(run.stderr.contains(warning) && run.stderr.is_empty() == warning.is_empty(), "{path}: {}", run.stderr);
    }
}

#[test]
fn nodes_may_be_sparse_and_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sparse.json");
    let mut golden = recorded("h04_dimm_only_node1");
    // Nodes 0, 1, 2 become 700, 3, 40, listed in this sequence: the rows and columns of the matrix stay.
    let number = |node: &Value| [700, 3, 40][node.as_u64().unwrap() as usize];
    golden["possible"] = json!([700, 3, 40]);
    golden["distance"] = json!([[10, 20, 30], [21, 10, 15], [22, 17, 10]]);
    golden["cpus"] = json!({"700": [0], "3": [1], "40": [2]});
    for key in ["online", "has_cpu", "has_memory"] {
        let ids: Vec<_> = golden["boot"][key].as_array().unwrap().iter().map(number).collect();
        golden["boot"][key] = json!(ids);
    }
    for list in ["zones", "blocks", "buddy"] {
        for entry in golden[list].as_array_mut().unwrap() {
            entry["node"] = json!(number(&entry["node"]));
        }
    }
    fs::write(&file, golden.to_string()).unwrap();
    let path = file.to_str().unwrap();
    let run = succeed(&["order", "--machine", path, "--json"]);
    assert!(run.stdout.starts_with(r#"{"boot":{"3":[3,40,700],"40":[40,700],"700":[700,40]},"#), "{}", run.stdout);
    let zones = json(&["zoneinfo", "--machine", path, "--json"]);
    let recorded_order: Vec<&Value> = golden["zones"].as_array().unwrap().iter().map(|zone| &zone["node"]).collect();
    let printed: Vec<&Value> = zones["zones"].as_array().unwrap().iter().map(|zone| &zone["node"]).collect();
    assert_eq!(printed, recorded_order, "in the order of the file");
}

#[test]
fn this_computer_is_a_machine() {
    let orders = json(&["order", "--machine", "live", "--json"]);
    assert!(!orders["boot"].as_object().unwrap().is_empty());
}
