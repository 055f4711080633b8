//! The soak test, by the command `endure`: its form, its exit codes, and that it notices deliberate faults.

use std::time::Duration;

use serde_json::Value;
use zonelist_bench::soak::{Fault, Outcome, RunReport, Soak};
use zonelist_schemes::SchemeId;

use crate::run::{alone, zonelist};

/// Runs the command for this time; returns its exit code and the JSON that it printed.
fn soak(seconds: &str, more: &[&str]) -> (Option<i32>, Value) {
    let run = zonelist([&["endure", "--json", "--seconds", seconds], more].concat());
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}")))
}

#[test]
fn no_page_is_lost_or_has_two_holders_under_any_scheme() {
    let _alone = alone();
    let (code, report) = soak("0.5", &["--threads", "3"]);
    assert_eq!(code, Some(0), "{report:#}");
    let runs = report["runs"].as_array().unwrap();
    let names: Vec<_> =
        runs.iter().map(|run| (run["scheme"].as_str().unwrap(), run["threads"].as_u64().unwrap())).collect();
    let all: Vec<_> = SchemeId::all().into_iter().map(|it| (it.name(), 3)).collect();
    assert_eq!(names, all);
    for run in runs {
        for done in ["allocations", "refused", "remote_frees", "drains", "publishes", "handles_leaked", "uncached"] {
            assert!(run[done].as_u64().unwrap() > 0, "{done}: {run:#}");
        }
        for damage in [
            "pages_doubled",
            "pages_lost",
            "pages_gained",
            "strays",
            "zones_changed",
            "frees_refused",
            "uncached_in_vain",
        ] {
            assert_eq!(run[damage], 0, "{damage}: {run:#}");
        }
    }
}

#[test]
fn a_run_of_no_time_proves_nothing() {
    let (code, report) = soak("0", &["--threads", "2,3", "--scheme", "InPlace"]);
    assert_eq!((code, report["runs"].as_array().unwrap().len()), (Some(1), 2));
    assert!(report["runs"][0]["wrong"].to_string().contains("proved nothing"), "{report:#}");
    let text = zonelist(["endure", "--seconds", "0", "--threads", "2", "--scheme", "InPlace"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(1), ""));
    // Which event is missing first depends on the machine.
    let proved_nothing = text
        .stdout
        .lines()
        .any(|line| line.starts_with("InPlace, 2 threads: no ") && line.ends_with(": it proved nothing"));
    assert!(proved_nothing, "{}", text.stdout);
}

/// Runs of every scheme with a deliberate fault.
fn with(fault: Fault) -> impl Iterator<Item = (Outcome, RunReport)> {
    SchemeId::all().into_iter().map(move |scheme| {
        let (time, fault) = (Duration::from_millis(200), Some(fault));
        let outcome = scheme.visit(&mut Soak { threads: 2, time, seed: 1, fault, tick: &mut |_| () }).unwrap();
        (outcome.clone(), RunReport::new(scheme.facts(), 2, outcome))
    })
}

#[test]
fn a_page_with_two_holders_is_noticed() {
    let _alone = alone();
    for (outcome, report) in with(Fault::Doubled) {
        assert!(outcome.pages_doubled > 0, "{report:?}");
        let first = outcome.first_doubled.unwrap();
        assert!(first.contains("held by") && report.wrong.contains(&first), "{report:?}");
    }
}

#[test]
fn a_lost_page_is_noticed() {
    let _alone = alone();
    for (outcome, report) in with(Fault::Lost) {
        assert!(outcome.left.pages_lost > 0 && outcome.left.zones_changed > 0, "{report:?}");
        assert!(outcome.pages_doubled == 0 && report.wrong[0].ends_with("pages were lost"), "{report:?}");
    }
}

#[test]
fn impossible_arguments_are_bad_input() {
    for arguments in
        [["--threads", "1"], ["--threads", "17"], ["--threads", "2,"], ["--seconds", "-1"], ["--scheme", "no"]]
    {
        let run = zonelist(["endure"].iter().chain(&arguments));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}
