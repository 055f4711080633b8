//! A crate outside the workspace explores its scheme by one line and a plain `cargo test`: the crate is
//! [`own-scheme`](../../../../examples/own-scheme/README.md).

use std::path::{Path, PathBuf};

use zonelist_verify::{cargo, is_long, workspace};

pub(super) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside")
}

pub(super) fn models() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("models")
}

/// Runs one test of the crate. Returns whether it passes, and its output.
fn test(name: &str) -> (bool, String) {
    let package = workspace().join("examples/own-scheme");
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
fn a_scheme_outside_the_workspace_is_explored_by_one_line() {
    let (passes, said) = test("models");
    assert!(passes, "{said}");
    for shape in ["two readers", "two publishers", "two walks, two publishes", "an allocation beside a growing list"] {
        let model = said.lines().find(|line| line.contains(&format!("model one_word: {shape}: ")));
        assert!(model.is_some_and(|model| model.contains(" interleavings, ")), "no model of {shape}:\n{said}");
    }
}

#[test]
fn the_facts_of_a_scheme_outside_the_workspace_are_checked_by_one_line() {
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
        assert!(said.contains(&format!("test one_word::{fact} ... ok")), "no test of {fact}:\n{said}");
    }
}

#[test]
fn the_page_shows_what_is_said_of_faulty_schemes() {
    let (passes, said) = test("page");
    assert!(passes && said.contains("2 passed"), "{said}");
}
