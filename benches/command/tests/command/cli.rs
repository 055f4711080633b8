//! What the command prints, in each form.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{
    folder::{FOLDER, write_folder},
    run::{Run, zonelist},
};
use serde_json::{Value, json};

fn fine(args: &[&str]) -> Run {
    let run = zonelist(args);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
    run
}

fn parsed(args: &[&str]) -> Value {
    serde_json::from_str(&fine(args).stdout).unwrap()
}

fn recorded(name: &str) -> Value {
    let path = format!("{}/../goldens/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_seed_is_the_default_machine() {
    assert_eq!(fine(&["order"]).stdout, fine(&["order", "--machine", "seed"]).stdout);
    assert_eq!(parsed(&["order", "--json"])["boot"], recorded("h01_seed_steps")["boot"]["fallback_order"]);
}

#[test]
fn order_is_told_in_the_kernels_words() {
    let text = fine(&["order", "--machine", "memoryless"]).stdout;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("Fallback order for Node 2:")).collect();
    assert_eq!(lines, ["Fallback order for Node 2: 2 3 1 0"; 2], "at boot and rebuilt:\n{text}");
    assert!(text.ends_with("\nNode 0: node 0\nNode 1: node 1\nNode 2: node 3\nNode 3: node 3\n"), "{text}");
}

#[test]
fn a_rebuild_counts_cpus() {
    let orders = parsed(&["order", "--json", "--machine", "one-apart"]);
    assert_eq!((&orders["boot"]["1"], &orders["rebuilt"]["1"]), (&json!([1, 0, 3, 2]), &json!([1, 3, 0, 2])));
}

#[test]
fn loads_of_4_14_do_not_add_up() {
    let row = |rules| parsed(&["order", "--json", "--machine", "eight-boards", "--rules", rules])["boot"]["7"].clone();
    assert_eq!(row("6.1"), json!([7, 4, 5, 6, 3, 0, 1, 2]));
    assert_eq!(row("4.14"), json!([7, 4, 5, 6, 0, 1, 2, 3]));
}

#[test]
fn json_goes_to_stdout_or_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let [spaced, joined] = ["spaced.json", "joined.json"].map(|name| folder.path().join(name).display().to_string());
    let stdout = fine(&["order", "--json", "--machine", "ring"]).stdout;
    assert_eq!(fine(&["order", "--machine", "ring", "--json", &spaced]).stdout, "");
    assert_eq!(fine(&["order", "--machine", "ring", &format!("--json={joined}")]).stdout, "");
    assert_eq!(fs::read_to_string(spaced).unwrap(), stdout);
    assert_eq!(fs::read_to_string(joined).unwrap(), stdout);
    assert!(stdout.find(r#""2":"#) < stdout.find(r#""3":"#), "keys in numeric order");

    let nowhere = folder.path().join("none/a.json").display().to_string();
    let run = zonelist(["order", "--json", &nowhere]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1));
    assert!(run.stderr.contains(&nowhere), "{}", run.stderr);
}

#[test]
fn zoneinfo_has_the_keys_of_the_record() {
    for (machine, file) in [("seed", "h01_seed_steps"), ("far-cxl", "b09_cxl_far"), ("one-node", "b01_one_node")] {
        assert_eq!(
            parsed(&["zoneinfo", "--json", "--machine", machine])["zones"],
            recorded(file)["zones"],
            "{machine}"
        );
    }
}

#[test]
fn zoneinfo_has_the_kernels_layout() {
    let text = fine(&["zoneinfo"]).stdout;
    let dma = "\
Node 0, zone      DMA
        min      133
        low      166
        high     199
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 991, 991, 991, 991)
  start_pfn:           1
Node 0, zone    DMA32
";
    assert!(text.starts_with(dma), "{text}");
    assert_eq!(text.matches("Node ").count(), 10, "each kind of both nodes, empty or not");
}

#[test]
fn the_mails_machine_prints_the_reserves_of_4_14() {
    let protections = |machine: &str| {
        let text = fine(&["zoneinfo", "--machine", machine, "--rules", "4.14"]).stdout;
        let node1 = &text[text.find("Node 1").unwrap()..];
        let rows = node1.lines().filter_map(|line| line.trim().strip_prefix("protection: "));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        protections("mail-online"),
        ["(0, 943, 943, 1071)", "(0, 0, 0, 128)", "(0, 0, 0, 1024)", "(0, 0, 0, 0)"]
    );
    assert_eq!(protections("mail-offline"), ["(0, 943, 943, 943)", "(0, 0, 0, 0)", "(0, 0, 0, 0)", "(0, 0, 0, 0)"]);
    let marks = |machine: &str, zone: usize| {
        let zone = &parsed(&["zoneinfo", "--machine", machine, "--json"])["zones"][zone];
        ["min", "low", "high"].map(|key| zone[key].as_u64().unwrap())
    };
    assert_eq!(marks("mail-offline", 2), [8294, 10367, 12440], "DMA32, as the mail prints it");
    assert_eq!(marks("mail-online", 3), [85, 117, 149], "Movable, as the mail prints it");
}

#[test]
fn a_folder_has_its_online_nodes_and_no_sizes() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &FOLDER);
    let path = folder.path().to_str().unwrap();
    let orders = parsed(&["order", "--machine", path, "--json"]);
    assert_eq!(orders, json!({"boot": {"0": [0, 2], "2": [2, 0]}, "rebuilt": {"0": [0, 2], "2": [2, 0]}}));
    assert!(!fine(&["order", "--machine", path]).stdout.contains("Nearest"));
    let run = zonelist(["zoneinfo", "--machine", path]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (Some(2), "", 1));
    assert!(run.stderr.contains(path) && run.stderr.contains("no sizes"), "{}", run.stderr);
}

#[test]
fn nodes_may_be_sparse_and_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sparse.json");
    let mut golden = recorded("h04_dimm_only_node1");
    // Nodes 0, 1, 2 become 700, 3, 40, listed as 700, 3, 40: rows and columns of the matrix stay.
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
    let run = fine(&["order", "--machine", path, "--json"]);
    assert!(run.stdout.starts_with(r#"{"boot":{"3":[3,40,700],"40":[40,700],"700":[700,40]},"#), "{}", run.stdout);
    let zones = parsed(&["zoneinfo", "--machine", path, "--json"]);
    let recorded_order: Vec<&Value> = golden["zones"].as_array().unwrap().iter().map(|zone| &zone["node"]).collect();
    let printed: Vec<&Value> = zones["zones"].as_array().unwrap().iter().map(|zone| &zone["node"]).collect();
    assert_eq!(printed, recorded_order, "in the order of the file");
}

#[test]
fn this_computer_is_a_machine() {
    let orders = parsed(&["order", "--machine", "live", "--json"]);
    assert!(!orders["boot"].as_object().unwrap().is_empty());
}

#[test]
fn help_ends_with_an_example() {
    for args in [
        &["--help"][..],
        &["alloc", "--help"],
        &["compare", "--help"],
        &["endure", "--help"],
        &["order", "--help"],
        &["zoneinfo", "--help"],
        &["schemes", "--help"],
    ] {
        let text = fine(args).stdout;
        let example = text.trim_end().rsplit_once("Example:\n").expect("an example").1;
        let words: Vec<&str> = example.split_whitespace().skip(1).collect();
        fine(&words);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for args in [&["zoneinfo", "--machine", "eight-boards"][..], &["order", "--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonelist"));
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{args:?}");
    }
}

#[test]
fn a_replay_shows_the_lists_after_each_step() {
    let text = fine(&["replay"]).stdout;
    let online = "  online_movable block 34: ok\n      node 0: 0/DMA32 0/DMA 1/Movable 1/DMA32\n";
    assert!(text.starts_with("h01_seed_steps\n  boot\n") && text.contains(online), "{text}");
    assert!(text.ends_with("  13 steps, 0 differences to 986 recorded values\n"), "{text}");
}

#[test]
fn a_replay_has_the_keys_of_the_record() {
    let replay = parsed(&["replay", "--json", "--scheme", "SeqRetry"]);
    let recorded = recorded("h01_seed_steps");
    assert_eq!((&replay["name"], &replay["differences"]), (&json!("h01_seed_steps"), &json!([])));
    assert_eq!(replay["steps"], recorded["steps"], "to the byte: all that is recorded, and nothing else");
}

#[test]
fn several_replays_are_an_array() {
    let folder = format!("{}/../goldens", env!("CARGO_MANIFEST_DIR"));
    let all = parsed(&["replay", "--json", "--machine", &folder, "--scheme", "InPlace"]);
    let steps = |replay: &Value| replay["steps"].as_array().unwrap().len();
    assert_eq!(all.as_array().unwrap().iter().map(steps).sum::<usize>(), 441);
    let two = parsed(&["replay", "--json", "--machine", "seed", "--machine", "ring", "--scheme", "InPlace"]);
    assert_eq!((two[0]["name"].as_str(), two.as_array().unwrap().len()), (Some("h01_seed_steps"), 2));
    let one = tempfile::tempdir().unwrap();
    fs::write(one.path().join("one.json"), self::recorded("h10_sysctl").to_string()).unwrap();
    let array = parsed(&["replay", "--json", "--machine", one.path().to_str().unwrap(), "--scheme", "InPlace"]);
    assert_eq!(array.as_array().unwrap().len(), 1, "a folder is several, even of one");
}

#[test]
fn a_difference_is_named_and_fails_the_replay() {
    let mut record = recorded("h01_seed_steps");
    record["steps"][1]["total_pages"] = json!(1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("changed.json");
    fs::write(&file, record.to_string()).unwrap();
    let text = zonelist(["replay", "--machine", file.to_str().unwrap()]);
    assert_eq!(text.code, Some(1), "{}", text.stderr);
    assert!(text.stdout.contains("  difference: steps[1].total_pages: 460961; recorded 1\n"), "{}", text.stdout);
    let json = zonelist(["replay", "--machine", file.to_str().unwrap(), "--json"]);
    let replay: Value = serde_json::from_str(&json.stdout).unwrap();
    let difference = json!({"step": 1, "key": "total_pages", "ours": 460_961, "recorded": 1});
    assert_eq!((json.code, &replay["differences"]), (Some(1), &json!([difference])));
}

#[test]
fn only_a_record_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(folder.path(), &FOLDER);
    for machine in [folder.path().to_str().unwrap(), "live"] {
        let run = zonelist(["replay", "--machine", machine]);
        assert_eq!(run.code, Some(2), "{machine}");
        assert!(run.stderr.contains(machine) && run.stderr.contains("expected a recorded machine"), "{}", run.stderr);
    }
}
