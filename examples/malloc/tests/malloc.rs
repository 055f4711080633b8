//! Programs with the malloc preloaded: under every scheme that may serve a global allocator, with a storm.

#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use zonelist_schemes::SchemeId;

const STRESS: &str = env!("CARGO_BIN_EXE_zonelist-malloc-stress");

/// The library, in its release build. Cargo builds no cdylib for a test, so the test asks for it.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = Path::new(STRESS).parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--release", "--package", env!("CARGO_PKG_NAME"), "--lib", "--target-dir"]);
        assert!(build.arg(target).status().unwrap().success(), "the library does not build");
        target.join("release/libzonelist_malloc.so")
    })
}

/// Runs a program under a scheme, with or without a storm.
fn run(program: &str, argument: &str, scheme: &str, storm: Option<&Path>) -> Output {
    let mut command = Command::new(program);
    command.arg(argument).env("LD_PRELOAD", library()).env("ZONELIST_MALLOC_SCHEME", scheme);
    if let Some(log) = storm {
        command.env("ZONELIST_MALLOC_STORM", "1").env("ZONELIST_MALLOC_LOG", log);
    }
    command.output().unwrap()
}

/// Runs the stress under a scheme with a storm. It must succeed, and pages must have migrated.
fn passes(what: &str, scheme: &str) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let output = run(STRESS, what, scheme, Some(&log));
    assert!(output.status.success(), "{scheme}: {output:?}");
    let log = fs::read_to_string(log).unwrap();
    let words: Vec<_> = log.split_whitespace().collect();
    assert_eq!(words[0], scheme);
    assert!(words[2].parse::<u64>().unwrap() > 0, "{scheme}: no page migrated: {log}");
}

fn below_allocator(expected: bool) -> impl Iterator<Item = &'static str> {
    let all = SchemeId::all().into_iter();
    all.filter(move |scheme| scheme.facts().below_allocator == expected).map(SchemeId::name)
}

#[test]
fn threads_find_every_byte_as_they_wrote_it() {
    below_allocator(true).for_each(|scheme| passes("threads", scheme));
}

#[test]
fn a_hundred_forks_leave_children_that_allocate() {
    for scheme in ["SeqRetry", "AsymmetricEpoch"] {
        passes("forks", scheme);
    }
}

#[test]
#[ignore = "three minutes: `.ci/examples malloc` runs it"]
fn a_hundred_forks_under_every_scheme() {
    below_allocator(true).for_each(|scheme| passes("forks", scheme));
}

#[test]
fn other_schemes_are_refused() {
    for scheme in below_allocator(false).chain(["none"]) {
        let output = run("/bin/true", "", scheme, None);
        assert!(!output.status.success(), "{scheme}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no such scheme below a global allocator"));
    }
}
