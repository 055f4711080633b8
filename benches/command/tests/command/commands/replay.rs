//! The command `replay`.

use std::fs;

use serde_json::{Value, json};

use crate::{
    folder::{FOLDER, write_folder},
    run::{json, recorded, succeed, zonelist},
};

#[test]
fn a_replay_shows_the_lists_after_each_step() {
    let text = succeed(&["replay"]).stdout;
    let online = "  online_movable block 34: ok\n      node 0: 0/DMA32 0/DMA 1/Movable 1/DMA32\n";
    assert!(text.starts_with("h01_seed_steps\n  boot\n") && text.contains(online), "{text}");
    assert!(text.ends_with("  13 steps, 0 differences to 986 recorded values\n"), "{text}");
}

#[test]
fn a_replay_has_the_keys_of_the_record() {
    let replay = json(&["replay", "--json", "--scheme", "SeqRetry"]);
    let recorded = recorded("h01_seed_steps");
    assert_eq!((&replay["name"], &replay["differences"]), (&json!("h01_seed_steps"), &json!([])));
    assert_eq!(replay["steps"], recorded["steps"], "all recorded values, and no others");
}

#[test]
fn a_replay_follows_the_kernel_of_the_record() {
    let path = format!("{}/../goldens/newer/v612_h24_node_hot_added.json", env!("CARGO_MANIFEST_DIR"));
    let args = ["replay", "--json", "--scheme", "InPlace", "--machine", &path];
    let replay = json(&args);
    assert_eq!((&replay["rules"], &replay["differences"]), (&json!("6.12"), &json!([])));
    assert_eq!(replay["boot"]["total_pages"], json!(524_158));
    assert_eq!(replay["boot"]["later_builds"][0]["fallback_order"], json!({"4": [2, 3, 0, 1]}));
    let old = zonelist(args.into_iter().chain(["--rules", "6.1"]));
    let old: Value = serde_json::from_str(&old.stdout).unwrap();
    assert_eq!(old["rules"], "6.1");
    assert!(old["differences"].as_array().unwrap().len() > 3, "{}", old["differences"]);
}

#[test]
fn several_replays_are_an_array() {
    let folder = format!("{}/../goldens", env!("CARGO_MANIFEST_DIR"));
    let all = json(&["replay", "--json", "--machine", &folder, "--scheme", "InPlace"]);
    let steps = |replay: &Value| replay["steps"].as_array().unwrap().len();
    assert_eq!(all.as_array().unwrap().iter().map(steps).sum::<usize>(), 441);
    let two = json(&["replay", "--json", "--machine", "seed", "--machine", "ring", "--scheme", "InPlace"]);
    assert_eq!((two[0]["name"].as_str(), two.as_array().unwrap().len()), (Some("h01_seed_steps"), 2));
    let one = tempfile::tempdir().unwrap();
    fs::write(one.path().join("one.json"), recorded("h10_sysctl").to_string()).unwrap();
    let array = json(&["replay", "--json", "--machine", one.path().to_str().unwrap(), "--scheme", "InPlace"]);
    assert_eq!(array.as_array().unwrap().len(), 1, "a folder gives an array, even with one file");
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
    write_folder(folder.path(), FOLDER);
    for machine in [folder.path().to_str().unwrap(), "live"] {
        let run = zonelist(["replay", "--machine", machine]);
        assert_eq!(run.code, Some(2), "{machine}");
        assert!(run.stderr.contains(machine) && run.stderr.contains("expected a recorded machine"), "{}", run.stderr);
    }
}
