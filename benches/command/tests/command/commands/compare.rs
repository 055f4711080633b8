//! The command `compare`: its form and its exit codes.

use zonelist_contenders::contender::PEERS;
use zonelist_core::publish::{Barrier, FullFence};
use zonelist_schemes::SchemeId;

use crate::run::{json, zonelist};

#[test]
fn a_comparison_has_every_measure_of_every_scheme() {
    let report = json(&["compare", "--seconds", "0", "--processes", "2", "--rounds", "1", "--json"]);
    assert_eq!((&report["machine"], &report["rounds"], &report["processes"]), (&"seed".into(), &1.into(), &2.into()));
    assert_eq!(report["barrier"], zonelist_schemes::barrier());
    for baseline in ["first_zone", "alloc_pair"] {
        assert!(
            report["raw"][baseline]["ns"].as_f64().unwrap() > 0.0 && report["raw"][baseline].get("ratio").is_none()
        );
    }
    let schemes = report["schemes"].as_array().unwrap();
    assert_eq!(schemes.len(), SchemeId::all().len());
    for scheme in schemes {
        let pair = ["/alloc_pair/ns", "/alloc_pair/ratio"];
        let walks = [
            "/first_zone/ratio",
            "/first_zone_remembered/ratio",
            "/remembered_hits/1000",
            "/full_walk/8/ratio",
            "/full_walk/64/ns",
            "/full_walk/1024/ratio",
        ];
        for measure in walks.iter().chain(&pair) {
            assert!(scheme.pointer(measure).and_then(|value| value.as_f64()).is_some(), "{measure} of {scheme}");
        }
        let first = &scheme["first_zone"];
        let [low, high] = [0, 1].map(|end| first["interval"][end].as_f64());
        assert!(low <= first["ratio"].as_f64() && first["ratio"].as_f64() <= high && high.is_some(), "{first}");
        assert!(scheme["walks"].as_u64().unwrap() > 0 && scheme["publish"]["p99_ns"].is_u64(), "{scheme}");
        assert!(scheme["allocations"].as_u64().unwrap() > 0 && scheme["failed_allocations"].is_u64(), "{scheme}");
        assert_eq!(scheme["violations"], 0, "{scheme}");
        if scheme["guarantee"] != "Racy" {
            assert_eq!((&scheme["unreported"], &scheme["failed_allocations"]), (&0.into(), &0.into()), "{scheme}");
        }
    }
}

#[test]
fn a_comparison_has_every_measure_of_every_peer() {
    let report = json(&["compare", "--seconds", "0", "--rounds", "1", "--scheme", "InPlace", "--json"]);
    let peers = report["peers"].as_array().unwrap();
    let names: Vec<_> = peers.iter().map(|peer| &peer["name"]).collect();
    let expected: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
    assert_eq!(names, expected);
    for (peer, entry) in peers.iter().zip(PEERS) {
        for measure in ["/first_zone/ratio", "/first_zone_dependent/ns", "/full_walk/8/ratio", "/full_walk/1024/ns"] {
            assert!(peer.pointer(measure).and_then(|value| value.as_f64()).is_some(), "{measure} of {peer}");
        }
        assert_eq!(peer["raw"]["first_zone"] == report["raw"]["first_zone"], entry.baseline.is_none(), "{peer}");
        if entry.judge.is_some() {
            assert!(peer["publish"]["ns"].is_u64() && peer["publish"]["p99_ns"].is_u64(), "{peer}");
            assert!(peer["walks"].as_u64().unwrap() > 0 && peer["publishes"].as_u64().unwrap() > 0, "{peer}");
            assert_eq!((&peer["torn"], &peer["violations"]), (&0.into(), &0.into()), "{peer}");
        }
    }
}

#[test]
fn a_bare_call_compares() {
    let time = ["--seconds", "0", "--processes", "1", "--rounds", "1"];
    let arguments = [&time[..], &["--scheme", "SeqRetry", "--scheme", "InPlace"]].concat();
    let run = zonelist(&arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = run.stdout;
    assert!(text.contains("SeqRetry") && text.contains("InPlace") && !text.contains("StopWorld"), "{text}");
    assert!(text.contains(" alloc\n") && text.contains(" refused\n"), "{text}");
    assert!(text.contains(&format!("writers: {}.", zonelist_schemes::barrier())), "{text}");
    assert!(text.contains("\nConditions: ") && text.contains(" rustc ") && !text.contains("+-"), "{text}");
    let named = json(&[&["compare"], &arguments[..], &["--json"]].concat());
    let names: Vec<_> = named["schemes"].as_array().unwrap().iter().map(|scheme| &scheme["scheme"]).collect();
    assert_eq!(names, ["SeqRetry", "InPlace"]);
}

/// A plain pipe gets ASCII, in at most 100 columns.
#[test]
fn the_tables_fit_a_terminal() {
    let run = zonelist(["--seconds", "0", "--processes", "2", "--rounds", "1"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for line in run.stdout.lines() {
        assert!(line.len() <= 100 && line.is_ascii(), "{line}");
    }
}

/// The results have the measurements of `load`, too, and name the command.
#[test]
fn a_results_file_has_all_measurements_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    let name = file.to_str().unwrap();
    let time = ["compare", "--seconds", "0.02", "--processes", "2", "--rounds", "1", "--scheme", "InPlace"];
    let run = zonelist([&time[..], &["--results", name]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let results: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(results["command"], format!("zonelist {} --results {name}", time.join(" ")));
    assert_eq!(results["compare"]["processes"], 2);
    let schemes = ["/cards/0/scheme", "/compare/schemes/0/scheme", "/load/schemes/0/scheme"];
    assert_eq!(schemes.map(|place| results.pointer(place).unwrap()), ["InPlace"; 3]);
    assert_eq!(results["cards"][0]["facts"]["guarantee"], "Racy");
    assert!(results["conditions"]["system"].is_string(), "{results}");
    let page = zonelist(["report", "--results", name, folder.path().join("page").to_str().unwrap()]);
    if cfg!(feature = "report") {
        assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
        assert!(folder.path().join("page/index.html").is_file() && folder.path().join("page/stalls.json").is_file());
    } else {
        assert_eq!(page.code, Some(2));
    }
}

/// Nothing is measured before the error.
#[cfg(not(feature = "report"))]
#[test]
fn a_build_without_the_page_names_the_command_that_has_it() {
    for arguments in [&["compare", "--report", "page"][..], &["report", "--results", "results.json", "page"]] {
        let run = zonelist(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        let command = format!("cargo run --release --features zonelist-bench/report -- {}", arguments[0]);
        assert!(run.stderr.contains(&command), "{}", run.stderr);
    }
}

#[test]
fn an_unknown_scheme_is_bad_input() {
    for arguments in
        [["compare", "--scheme", "Unknown"], ["schemes", "--scheme", "unknown"], ["compare", "--seconds", "-1"]]
    {
        let run = zonelist(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn full_fences_are_measured_and_named_where_membarrier_works() {
    let time = ["compare", "--seconds", "0", "--processes", "1", "--rounds", "1", "--scheme", "StopWorld"];
    let report = json(&[&time[..], &["--full-fences", "--json"]].concat());
    assert_eq!(report["barrier"], FullFence::name());
}
