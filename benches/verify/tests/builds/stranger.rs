//! A crate outside the workspace explores its scheme by one line and a plain `cargo test`: the crate is
//! [`stranger`](../../stranger/src/lib.rs).

use std::{
    fs,
    path::{Path, PathBuf},
};

use zonelist_verify::{cargo, is_long};

pub(super) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("stranger")
}

pub(super) fn models() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("models")
}

/// Runs one test of the crate. Returns whether it passes, and its output.
fn test(name: &str) -> (bool, String) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("stranger");
    let mut cargo = cargo(&target());
    // With the folder and the flags of this workspace's models, so that their dependencies are not built again.
    cargo.env("ZONELIST_MODELS_DIR", models()).env("ZONELIST_MODELS_RUSTFLAGS", "--cfg crossbeam_loom");
    if !is_long() {
        cargo.env("ZONELIST_MODELS", "short");
    }
    let output = cargo.args(["test", "--locked", "--test", name]).current_dir(package).output().expect("cargo");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.success(), said)
}

#[test]
fn a_scheme_of_a_stranger_s_is_explored_by_one_line() {
    let (passes, said) = test("whole");
    assert!(passes, "{said}");
    for shape in ["two readers", "two publishers", "two walks, two publishes", "an allocation beside a growing list"] {
        let model = said.lines().find(|line| line.contains(&format!("model whole: {shape}: ")));
        assert!(model.is_some_and(|model| model.contains(" interleavings, ")), "no model of {shape}:\n{said}");
    }
}

#[test]
fn the_facts_of_a_stranger_s_scheme_are_checked_by_one_line() {
    let (passes, said) = test("facts");
    assert!(passes, "{said}");
    for fact in [
        "allocates",
        "registers",
        "stalled_reader",
        "after_fork",
        "interrupt_safe",
        "tls_destructor",
        "below_allocator",
        "no_alloc",
        "retires",
    ] {
        assert!(said.contains(&format!("test whole::{fact} ... ok")), "no test of {fact}:\n{said}");
    }
}

#[test]
fn a_scheme_that_does_not_keep_its_promise_fails_and_leaves_a_timeline() {
    let (passes, said) = test("piecewise");
    assert!(!passes, "{said}");
    // Two of its shapes fail. They run concurrently, and outside the short set the first failure ends the run.
    assert!(
        ["missed", "repeated"].iter().any(|anomaly| said.contains(&format!("breaks Snapshot: {anomaly}"))),
        "{said}"
    );
    let path = |line: &str| {
        line.strip_prefix("timeline of piecewise: ")?.split_once(", broken: ").map(|(_, path)| path.to_owned())
    };
    let timeline = said.lines().find_map(path).unwrap_or_else(|| panic!("no timeline:\n{said}"));
    let timeline = fs::read_to_string(timeline).expect("a timeline");
    for expected in ["reader", "publisher", "-- publishes [", "-- saw ["] {
        assert!(timeline.contains(expected), "{expected:?} is not in\n{timeline}");
    }
}
