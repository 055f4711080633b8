//! The command `endure`, and that its judge notices what must not happen.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::run::zonelist;
use serde_json::Value;
use zonelist_bench::endure::{Endurance, Fault, Outcome, RunReport};
use zonelist_schemes::SchemeId;

/// Held by a test that puts a load on the machine: one at a time, or they get nowhere.
fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the command for so many seconds; its exit code and the JSON that it printed.
fn endured(seconds: &str, more: &[&str]) -> (Option<i32>, Value) {
    let run = zonelist([&["endure", "--json", "--seconds", seconds], more].concat());
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}")))
}

#[test]
fn no_page_is_lost_or_doubled_under_any_scheme() {
    let _alone = alone();
    let (code, report) = endured("0.5", &["--threads", "3"]);
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
        for damage in ["pages_doubled", "pages_lost", "pages_gained", "strays", "zones_changed", "frees_refused"] {
            assert_eq!(run[damage], 0, "{damage}: {run:#}");
        }
    }
}

#[test]
fn a_run_of_no_time_proves_nothing() {
    let (code, report) = endured("0", &["--threads", "2,3", "--scheme", "InPlace"]);
    assert_eq!((code, report["runs"].as_array().unwrap().len()), (Some(1), 2));
    assert!(report["runs"][0]["wrong"].to_string().contains("proved nothing"), "{report:#}");
    let text = zonelist(["endure", "--seconds", "0", "--threads", "2", "--scheme", "InPlace"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(1), ""));
    // What it did not get to first depends on the machine.
    let said = text
        .stdout
        .lines()
        .any(|line| line.starts_with("InPlace, 2 threads: no ") && line.ends_with(": it proved nothing"));
    assert!(said, "{}", text.stdout);
}

/// A run of every scheme in which something goes wrong on purpose.
fn with(fault: Fault) -> impl Iterator<Item = (Outcome, RunReport)> {
    SchemeId::all().into_iter().map(move |scheme| {
        let (time, fault) = (Duration::from_millis(200), Some(fault));
        let outcome = scheme.visit(&mut Endurance { threads: 2, time, seed: 1, fault, tick: &mut |_| () }).unwrap();
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
fn a_page_that_does_not_come_back_is_noticed() {
    let _alone = alone();
    for (outcome, report) in with(Fault::Lost) {
        assert!(outcome.left.pages_lost > 0 && outcome.left.zones_changed > 0, "{report:?}");
        assert!(outcome.pages_doubled == 0 && report.wrong[0].ends_with("pages were lost"), "{report:?}");
    }
}

#[test]
fn what_can_t_be_run_is_bad_input() {
    for arguments in
        [["--threads", "1"], ["--threads", "17"], ["--threads", "2,"], ["--seconds", "-1"], ["--scheme", "no"]]
    {
        let run = zonelist(["endure"].iter().chain(&arguments));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}
