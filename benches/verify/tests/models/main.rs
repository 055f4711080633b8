//! Builds and runs every loom model, as part of a plain `cargo test`, and every mutant of the code that they explore.
//!
//! Models exist under cfgs of their own, so they are built by another cargo, into a folder of their
//! own. A test binary without the usual harness: what the models explored is worth seeing, and the
//! harness would keep it to itself.
//!
//! With `ZONELIST_MODELS=exhaustive` every model is explored to the end, however long that takes. With
//! `ZONELIST_BLESS` the page of what was explored and the museum's timelines are written anew.

mod mutants;
mod page;
mod runs;

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use zonelist_schemes::SchemeId;

use runs::Run;

const PACKAGES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

/// What cargo's test command would call each check.
fn names() -> Vec<String> {
    let models = PACKAGES.map(|package| format!("the_models_of_{}_hold", package.replace('-', "_")));
    let more = ["every_mutant_is_killed", "the_cards_say_what_the_models_explored", "the_page_says_what_was_explored"];
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
    let binaries = runs::built();
    let runs: Vec<Run> = PACKAGES.iter().map(|package| Run::of(package, &binaries)).collect();
    let (fates, alive) = mutants::all(&runs);
    let mut outcomes: Vec<Result<(), String>> = runs.iter().map(Run::check).collect();
    outcomes.push(alive);
    outcomes.push(cards_say_what_was_explored(&runs));
    outcomes.push(page::says(&runs, &fates));
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

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A number of interleavings that a scheme's card gives is one that a model has just explored.
fn cards_say_what_was_explored(runs: &[Run]) -> Result<(), String> {
    let explored: BTreeSet<u64> = runs.iter().flat_map(|run| &run.models).map(|model| model.interleavings).collect();
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
