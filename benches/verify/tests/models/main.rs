//! Builds and runs the loom models, and mutants of the code that they explore.
//!
//! Models exist under cfgs of their own, so they are built by another cargo, into a folder of their
//! own. A test binary without the usual harness: what the models explored is worth seeing, and the
//! harness would keep it to itself.
//!
//! A plain `cargo test` runs the *short set*: every model within a bound, and a sample of the mutants. With
//! `ZONELIST_LONG` every model is explored as far as the page of what was explored says, which is held to
//! that, and every mutant is run: `cargo xtask models` is that command. With `ZONELIST_MODELS=exhaustive` every model
//! is explored to the end, however long that takes. With `ZONELIST_BLESS` the page and the museum's
//! timelines are written anew.

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

/// Mutants of a short run.
const SAMPLE: usize = 8;

fn models_of(package: &str) -> String {
    format!("the_models_of_{}_hold", package.replace('-', "_"))
}

/// What cargo's test command would call each check.
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
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let (word, passed) = (if failed == 0 { "ok" } else { "FAILED" }, outcomes.len() - failed);
    let out = all - names.len();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {out} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all models, prints what they say, and judges it.
fn outcomes(names: &[String], long: bool) -> Vec<Result<(), String>> {
    // Where only models of some packages are asked for, the others are not built.
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
            Err(why) => println!("test {name} ... FAILED\n{why}"),
        }
        outcome
    };
    wanted.map(tell).collect()
}

/// What is checked of all models together.
fn of_all(runs: &[Run], long: bool) -> Vec<Result<(), String>> {
    let mutants = Mutants::of(runs);
    if long {
        let (kills, idle) = mutants.by_test();
        let (fates, alive) = mutants.all();
        vec![alive, idle, cards_say_what_was_explored(runs), page::says(runs, &fates, &kills)]
    } else {
        vec![a_sample_is_killed(&mutants), page::names(runs)]
    }
}

/// The seed is the time's, unless `ZONELIST_SEED` has one: over time all mutants are met.
fn a_sample_is_killed(mutants: &Mutants<'_>) -> Result<(), String> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = env::var("ZONELIST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(now);
    println!("{SAMPLE} mutants are drawn by ZONELIST_SEED={seed}");
    mutants.sample(seed, SAMPLE)
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
