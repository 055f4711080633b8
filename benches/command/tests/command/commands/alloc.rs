//! The command `alloc`: its form and its exit codes, but no figure.

use std::collections::BTreeSet;

use serde_json::Value;
use zonelist_pools::{BITMAP, Cpus, DEPOT, Workload, WorkloadKind, all};

use crate::run::{self, zonelist};

/// One round with the smallest pools.
const SMALL: [&str; 6] = ["alloc", "--gib", "0.0625", "--rounds", "1", "--json"];

/// The JSON of a small run with these additional arguments.
fn json(more: &[&str]) -> Value {
    run::json(&[&SMALL, more].concat())
}

/// The workloads that need no more CPUs than this computer has.
fn here() -> impl Iterator<Item = Workload> {
    let cpus = Cpus::here().unwrap().count();
    Workload::ALL.into_iter().filter(move |workload| workload.threads <= cpus)
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_contender_has_a_cost_or_a_reason_under_every_workload() {
    let workloads: Vec<&str> =
        ["hot", "bulk", "half", "remote"].into_iter().flat_map(|name| ["--trial", name]).collect();
    let report = json(&workloads);
    assert_eq!((&report["rounds"], report["target"].is_string()), (&1.into(), true));
    let [size] = report["sizes"].as_array().unwrap().as_slice() else { panic!("one size: {report}") };
    assert_eq!((&size["gib"], &size["frames"]), (&0.0625.into(), &16384.into()));

    let run = |workload: &Workload| !matches!(workload.kind, WorkloadKind::Huge | WorkloadKind::Mixed);
    let run: BTreeSet<&str> = here().filter(run).map(Workload::key).collect();
    assert_eq!(keys(&size["floor"]), run);
    let contenders = size["contenders"].as_array().unwrap();
    assert_eq!(contenders.len(), all().len());
    for contender in contenders {
        let (costs, skipped) = (keys(&contender["trials"]), keys(&contender["skipped"]));
        assert!(costs.is_disjoint(&skipped), "{contender}");
        assert_eq!(&costs | &skipped, run, "{contender}");
        for (workload, cost) in contender["trials"].as_object().unwrap() {
            let positive = |key: &str| cost[key].as_f64().is_some_and(|value| value > 0.0);
            assert!(positive("ns") && positive("ratio") && cost["refused"].is_u64(), "{workload} of {contender}");
        }
        assert!(contender.get("order_9_left").is_none() && contender.get("bounds").is_none(), "{contender}");
    }
}

#[test]
fn ratios_to_peers_are_those_that_bounds_refer_to() {
    let arguments = ["--trial", "hot", "--trial", "b", "--contender", DEPOT, "--contender", BITMAP];
    let report = json(&arguments);
    let contenders = report["sizes"][0]["contenders"].as_array().unwrap();
    let names: Vec<&str> = contenders.iter().map(|contender| contender["name"].as_str().unwrap()).collect();
    assert_eq!(names, [DEPOT, BITMAP]);
    let [depot, bitmap] = [0, 1].map(|place| &contenders[place]["to_peer"]);
    assert_eq!(keys(depot), BTreeSet::from(["bulk_1"]), "no ratio to itself");
    assert!(depot["bulk_1"][BITMAP].is_f64() && bitmap["hot_1"][DEPOT].is_f64(), "{report}");
    assert!(bitmap.get("bulk_1").is_none(), "{report}");
}

#[test]
fn large_blocks_are_counted_as_shares() {
    let report = json(&["--trial", "e", "--trial", "d", "--contender", DEPOT]);
    let depot = &report["sizes"][0]["contenders"][0];
    for share in ["mixed", "unmovable"] {
        let share = depot["order_9_left"][share].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{depot}");
    }
    assert!(depot["trials"]["mixed"]["ns"].is_f64() && depot["trials"]["mixed"].get("ratio").is_none(), "{depot}");
    assert!(depot["trials"]["huge_1"]["ratio"].is_f64(), "{depot}");
}

#[test]
fn the_tables_name_all_that_ran() {
    let run = zonelist(["alloc", "--gib", "0.0625", "--gib", "0.125", "--rounds", "1", "--trial", "a"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for word in ["0.0625 GiB, 16384 frames", "0.125 GiB, 32768 frames", "baseline, in ns", "compiled for"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    assert!(all().iter().all(|contender| run.stdout.contains(contender.name)), "{}", run.stdout);
    assert!(!run.stdout.contains("(b)\n"), "{}", run.stdout);
}

#[test]
fn impossible_arguments_are_bad_input() {
    for arguments in [
        ["alloc", "--gib", "0"],
        ["alloc", "--gib", "NaN"],
        ["alloc", "--gib", "0.3"],
        ["alloc", "--gib", "1000"],
        ["alloc", "--rounds", "0"],
        ["alloc", "--trial", "g"],
        ["alloc", "--contender", "unknown"],
        ["alloc", "--json", "/nowhere/a.json"],
    ] {
        let small = ["--gib", "0.0625", "--rounds", "1", "--trial", "hot", "--contender", DEPOT];
        let run = zonelist(arguments.iter().chain(if arguments[1] == "--json" { &small[..] } else { &[] }));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}
