//! The fuzz targets of [`fuzz`](../../fuzz/src/targets.rs), outside the workspace: ten minutes each, in the long set
//! only. The tests of `zonelist-machines` run them on the corpus.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use zonelist_verify::{at_once, is_long};

/// The targets; each has a corpus of its name.
const TARGETS: [&str; 3] = ["machine_file", "folder", "zoneinfo"];

/// The seconds that each target runs; `ZONELIST_FUZZ_SECONDS` in the environment sets another number.
const SECONDS: u32 = 600;

/// Coverage counters for libFuzzer, as `cargo fuzz` sets them.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing";

#[test]
fn no_input_makes_a_reader_panic() {
    let has_compiler = Command::new("c++").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_long() || !has_compiler {
        println!("skipped: ten minutes for each target, in the long set and with a C++ compiler only");
        return;
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    // With a target triple the flags are not for build scripts, which have no fuzzer to report to.
    let triple = "x86_64-unknown-linux-gnu";
    let mut fetch = zonelist_verify::cargo(&target);
    if !fetch.args(["fetch", "--locked"]).current_dir(&package).status().is_ok_and(|status| status.success()) {
        println!("skipped: the dependencies of the fuzz targets can't be fetched");
        return;
    }
    let mut cargo = zonelist_verify::cargo(&target);
    cargo.env("RUSTFLAGS", FLAGS).args(["build", "--release", "--locked", "--target", triple]).current_dir(&package);
    assert!(cargo.status().expect("cargo").success(), "{cargo:?}");
    let asked = env::var("ZONELIST_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let seconds: u32 = asked.unwrap_or(SECONDS);
    let failed = at_once(TARGETS.len(), &TARGETS, |name| {
        let (found, temporary) = (target.join("corpus").join(name), target.join("temporary"));
        fs::create_dir_all(&found).expect("a folder for the inputs found");
        fs::create_dir_all(&temporary).expect("a folder for files of inputs");
        let shared_memory = Path::new("/dev/shm");
        let mut fuzzer = Command::new(target.join(triple).join("release").join(name));
        fuzzer
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/{name}-", target.display()))
            .args(["-max_len=4096", "-timeout=20", "-verbosity=0"])
            .args([found, package.join("corpus").join(name)])
            .env("TMPDIR", if shared_memory.is_dir() { shared_memory } else { &temporary });
        let output = fuzzer.output().expect("the fuzzer");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    });
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "an input fails; its file is named below\n{}", failed.join("\n"));
}
