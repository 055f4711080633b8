//! Builds and runs every loom model, as part of a plain `cargo test`.
//!
//! Models exist under cfgs of their own, so they are built by another cargo, into a folder of their
//! own. A test binary without the usual harness: what the models explored is worth seeing, and the
//! harness would keep it to itself.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::Value;
use zonelist_bench::schemes::SchemeId;

const PACKAGES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

/// What cargo's test command would call each check.
fn names() -> Vec<String> {
    let models = PACKAGES.map(|package| format!("the_models_of_{}_hold", package.replace('-', "_")));
    let more = ["every_fault_in_the_sources_is_killed", "the_cards_say_what_the_models_explored"];
    models.into_iter().chain(more.map(String::from)).collect()
}

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let wanted: Vec<&String> = asked.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut names = names();
    names.retain(|name| wanted.is_empty() || wanted.iter().any(|&part| name.contains(part)));
    if asked.iter().any(|arg| arg == "--list") {
        names.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", names.len());
    let outcomes = if names.is_empty() { Vec::new() } else { outcomes(&names) };
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, outcomes.len() - failed);
    let out = self::names().len() - names.len();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {out} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all models, prints what they say, and judges it.
fn outcomes(names: &[String]) -> Vec<Result<(), String>> {
    let binaries = built();
    let runs: Vec<Run> = PACKAGES.iter().map(|package| Run::of(package, &binaries)).collect();
    let mut outcomes: Vec<Result<(), String>> = runs.iter().map(Run::check).collect();
    outcomes.push(every_fault_is_killed(&runs));
    outcomes.push(cards_say_what_was_explored(&runs));
    let all = self::names().into_iter().zip(outcomes).filter(|(name, _)| names.contains(name));
    let tell = |(name, outcome): (String, Result<(), String>)| {
        match &outcome {
            Ok(()) => println!("test {name} ... ok"),
            Err(why) => println!("test {name} ... FAILED\n{why}"),
        }
        outcome
    };
    all.map(tell).collect()
}

/// A cargo that is not disturbed by what the cargo around this test, or its user, has set for it.
fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("LOOM_") || ["CARGO_ENCODED_RUSTFLAGS", "ZONELIST_FAULT"].contains(&&*name) {
            cargo.env_remove(&*name);
        }
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("models");
    cargo.env("RUSTFLAGS", "--cfg loom --cfg crossbeam_loom").env("CARGO_TARGET_DIR", target);
    cargo.current_dir(workspace());
    cargo
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds the models: each binary with the manifest of its package.
fn built() -> Vec<(PathBuf, PathBuf)> {
    let mut cargo = cargo();
    cargo.args(["test", "--locked", "--profile", "loom", "--features", "zonelist-epoch/loom", "--test", "loom"]);
    cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "the models do not build");
    let messages = String::from_utf8(output.stdout).expect("messages in UTF-8");
    let binary = |message: Value| {
        let path = |key: &str| message[key].as_str().map(PathBuf::from);
        Some((path("executable")?, path("manifest_path")?))
    };
    messages.lines().filter_map(|line| binary(serde_json::from_str(line).ok()?)).collect()
}

/// One package's models, and what they said.
struct Run {
    passed: bool,
    /// Every line of a model or of a fault.
    told: Vec<String>,
}

impl Run {
    fn of(package: &str, binaries: &[(PathBuf, PathBuf)]) -> Self {
        let manifest = |path: &Path| path.parent().is_some_and(|folder| folder.ends_with(package));
        let Some((binary, _)) = binaries.iter().find(|(_, path)| manifest(path)) else {
            return Self { passed: false, told: Vec::new() };
        };
        let mut command = Command::new(binary);
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOOM_")).for_each(|(name, _)| {
            command.env_remove(name);
        });
        command.env_remove("ZONELIST_FAULT").arg("--nocapture");
        let output = command.stderr(Stdio::inherit()).output().expect("the models run");
        let said = String::from_utf8_lossy(&output.stdout);
        let told: Vec<_> = said.lines().filter_map(telling).map(str::to_owned).collect();
        let passed = output.status.success();
        if passed {
            told.iter().for_each(|line| println!("{line}"));
        } else {
            println!("{said}");
        }
        Self { passed, told }
    }

    fn check(&self) -> Result<(), String> {
        let explored: Vec<u64> = self.told.iter().filter_map(|line| interleavings(line)).collect();
        if !self.passed {
            return Err("a model fails".into());
        }
        if explored.is_empty() {
            return Err("there is no model".into());
        }
        if explored.iter().any(|&count| count < 2) {
            return Err("a model explored nothing".into());
        }
        Ok(())
    }
}

/// The part of a line that tells of a model or fault: with one thread, the harness writes before it.
fn telling(line: &str) -> Option<&str> {
    let start = if line.contains("` is killed by ") { line.find("fault `") } else { line.find("model ") }?;
    let telling = &line[start..];
    (telling.starts_with("fault") || interleavings(telling).is_some()).then_some(telling)
}

/// How many interleavings a model explored.
fn interleavings(line: &str) -> Option<u64> {
    let (before, _) = line.strip_prefix("model ")?.split_once(" interleavings")?;
    before.rsplit_once(": ")?.1.parse().ok()
}

/// A number of interleavings that a scheme's card gives is one that a model has just explored.
fn cards_say_what_was_explored(runs: &[Run]) -> Result<(), String> {
    let explored: BTreeSet<u64> =
        runs.iter().flat_map(|run| &run.told).filter_map(|line| interleavings(line)).collect();
    for facts in SchemeId::all().into_iter().map(SchemeId::facts) {
        let parts: Vec<&str> = facts.card.split(" interleavings").collect();
        let said =
            parts[..parts.len() - 1].iter().filter_map(|before| before.rsplit([' ', '(']).next()?.parse::<u64>().ok());
        let stale: Vec<u64> = said.filter(|count| !explored.contains(count)).collect();
        if !stale.is_empty() {
            return Err(format!(
                "{}: its card says {stale:?} interleavings, and no model explored so many",
                facts.scheme
            ));
        }
    }
    Ok(())
}

/// A fault that no model is run with would be a mutant that nobody kills.
fn every_fault_is_killed(runs: &[Run]) -> Result<(), String> {
    let killed = |line: &String| Some(line.strip_prefix("fault `")?.split_once("` is killed by ")?.0.to_owned());
    let killed: BTreeSet<String> = runs.iter().flat_map(|run| &run.told).filter_map(killed).collect();
    let mut faults = BTreeSet::new();
    PACKAGES.iter().for_each(|package| collect_faults(&workspace().join(package).join("src"), &mut faults));
    if faults.is_empty() {
        return Err("no fault is named in the sources".into());
    }
    let alive: Vec<&String> = faults.difference(&killed).collect();
    if alive.is_empty() { Ok(()) } else { Err(format!("no model is run with {alive:?}")) }
}

fn collect_faults(folder: &Path, faults: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            collect_faults(&path, faults);
        } else {
            let source = fs::read_to_string(&path).expect("a source in UTF-8");
            let calls = source.split("fault(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            faults.extend(calls.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}
