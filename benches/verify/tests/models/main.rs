//! Builds and runs the loom models, and mutants of the code that they explore.
//!
//! Models exist only under cfgs of their own, so another cargo builds them, into a folder of their own. This test
//! binary has no default harness, which would capture the report of what the models explored.
//!
//! A plain `cargo test` runs the *short set*: every model within a bound, and a sample of the mutants. The long set
//! (`ZONELIST_LONG`, or `cargo xtask models`) explores every model within its full bound, compares the numbers with
//! those of the page `conformance::explored`, and runs every mutant. With `ZONELIST_MODELS=exhaustive` no model has a
//! bound. With `ZONELIST_BLESS` the page and the timelines of the museum are written anew.

mod mutants;
mod page;
mod runs;

use std::{
    collections::BTreeSet,
    env,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use zonelist_schemes::SchemeId;
use zonelist_verify::LIBRARIES;

use mutants::Mutants;
use runs::Run;

/// The number of mutants in the short set.
const SAMPLE: usize = 8;

fn models_of(package: &str) -> String {
    format!("the_models_of_{}_hold", package.replace('-', "_"))
}

/// The name of each check, as a test of the default harness would have it.
fn names(long: bool) -> Vec<String> {
    let models = LIBRARIES.map(models_of);
    let more: &[&str] = if long {
        &[
            "every_mutant_is_killed",
            "every_test_kills_a_mutant_within_the_bounds_of_the_short_set",
            "the_cards_say_what_the_models_explored",
            "the_page_says_what_was_explored",
        ]
    } else {
        &["a_sample_of_the_mutants_is_killed", "the_page_names_the_models"]
    };
    models.into_iter().chain(more.iter().copied().map(String::from)).collect()
}

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    let long = zonelist_verify::is_long();
    let wanted: Vec<&String> = asked.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut names = names(long);
    let all = names.len();
    names.retain(|name| wanted.is_empty() || wanted.iter().any(|&part| name.contains(part)));
    if asked.iter().any(|arg| arg == "--list") {
        names.iter().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", names.len());
    let outcomes = if names.is_empty() { Vec::new() } else { outcomes(&names, long) };
    let failures: Vec<(&String, &String)> =
        outcomes.iter().filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?))).collect();
    let failed = failures.len();
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, outcomes.len() - failed);
    if failed > 0 {
        // At the end, where they are read first.
        println!("\nfailures:");
        failures.into_iter().for_each(|(name, why)| println!("\n{name}: {why}"));
    }
    let out = all - names.len();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {out} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the models, prints their reports, and returns the outcome of each check.
fn outcomes(names: &[String], long: bool) -> Vec<(String, Result<(), String>)> {
    // If only models of some packages are selected, the others are not built.
    let of = |package: &&str| names.contains(&models_of(package));
    let all_are_needed = names.iter().any(|name| !LIBRARIES.iter().any(|package| *name == models_of(package)));
    let packages: Vec<&'static str> = LIBRARIES.into_iter().filter(|package| all_are_needed || of(package)).collect();
    let binaries = runs::built(&packages);
    let runs = runs::all(&packages, &binaries, !long);
    let mut outcomes: Vec<(String, Result<(), String>)> =
        runs.iter().map(|run| (models_of(run.package), run.check())).collect();
    if all_are_needed {
        outcomes.extend(self::names(long).into_iter().skip(LIBRARIES.len()).zip(of_all(&runs, long)));
    }
    let wanted = outcomes.into_iter().filter(|(name, _)| names.contains(name));
    let tell = |(name, outcome): (String, Result<(), String>)| {
        match &outcome {
            Ok(()) => println!("test {name} ... ok"),
            Err(_) => println!("test {name} ... FAILED"),
        }
        (name, outcome)
    };
    wanted.map(tell).collect()
}

/// The outcomes of the checks of all packages together.
fn of_all(runs: &[Run], long: bool) -> Vec<Result<(), String>> {
    let mutants = Mutants::of(runs);
    if long {
        let (outcomes, alive) = mutants.all();
        let (kills, idle) = mutants.by_test(&outcomes.killed);
        vec![alive, idle, cards_say_what_was_explored(runs), page::says(runs, &outcomes, &kills)]
    } else {
        vec![a_sample_is_killed(&mutants), page::names(runs)]
    }
}

/// Runs a random sample of the mutants. The seed is the time, or that of `ZONELIST_SEED`, so that repeated runs reach
/// all mutants.
fn a_sample_is_killed(mutants: &Mutants<'_>) -> Result<(), String> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = env::var("ZONELIST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(now);
    println!("{SAMPLE} mutants are drawn by ZONELIST_SEED={seed}");
    mutants.sample(seed, SAMPLE)
}

/// Checks that each number of interleavings in a scheme's card is that of a model in this run.
fn cards_say_what_was_explored(runs: &[Run]) -> Result<(), String> {
    let explored: BTreeSet<u64> = runs.iter().flat_map(|run| &run.models).map(|model| model.interleavings).collect();
    for facts in SchemeId::all().into_iter().map(SchemeId::facts) {
        let parts: Vec<&str> = facts.card.split(" interleavings").collect();
        let said =
            parts[..parts.len() - 1].iter().filter_map(|before| before.rsplit([' ', '(']).next()?.parse::<u64>().ok());
        let stale: Vec<u64> = said.filter(|count| !explored.contains(count)).collect();
        if !stale.is_empty() {
            return Err(format!(
                "{}: its card says {stale:?} interleavings; expected the number of a model in this run",
                facts.scheme
            ));
        }
    }
    Ok(())
}
