//! The recipes of this workspace: `cargo xtask RECIPE`. Nothing has to be installed for them.

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

/// A recipe: its name, what it is for, and its steps.
type Recipe = (&'static str, &'static str, fn(&[String]) -> Vec<Command>);

const RECIPES: &[Recipe] = &[
    (
        "quick",
        "[PACKAGE ...]  lints, tests and short models of library packages, as zonelist-inplace; of all four without a name",
        quick,
    ),
    ("test", "all tests, each for a short while: the same as cargo test", |more| vec![cargo(&["test"], more)]),
    (
        "long",
        "all tests as far as they go: every model and mutant, every case; the page of what was explored",
        |more| vec![long(cargo(&["test"], more))],
    ),
    (
        "models",
        "of these only the models: every model and mutant, the page of what was explored, the timelines",
        |more| vec![long(cargo(&["test", "--package", "zonelist-verify", "--test", "models", "--"], more))],
    ),
    ("bench", "the criterion suites", |more| vec![cargo(&["bench", "--package", "zonelist-suites"], more)]),
    ("targets", "what other targets are installed for: see .ci/targets --help", |more| {
        vec![script(".ci/targets", more)]
    }),
    ("msrv", "the library packages with Rust 1.85: see .ci/msrv --help", |more| vec![script(".ci/msrv", more)]),
    ("ci", "the gate: lints, documentation, all tests, the long set", |more| vec![script(".ci/run", more)]),
];

const LIBRARIES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let named = arguments.split_first();
    let Some((steps, more)) = named.and_then(|(name, more)| {
        let recipe = RECIPES.iter().find(|(recipe, ..)| recipe == name)?;
        Some((recipe.2, more))
    }) else {
        eprintln!("usage: cargo xtask RECIPE\n");
        RECIPES.iter().for_each(|(name, about, _)| eprintln!("  {name:<8} {about}"));
        return ExitCode::from(2);
    };
    let failed = steps(more).into_iter().any(|mut step| {
        println!("$ {step:?}");
        !step.status().is_ok_and(|status| status.success())
    });
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn quick(packages: &[String]) -> Vec<Command> {
    let all: Vec<String> = LIBRARIES.map(String::from).to_vec();
    let packages = if packages.is_empty() { &all } else { packages };
    let named: Vec<String> = packages.iter().flat_map(|package| ["--package".into(), package.clone()]).collect();
    let models = packages.iter().map(|package| format!("the_models_of_{}_hold", package.replace('-', "_")));
    let models: Vec<String> = models.collect();
    vec![cargo(&["test"], &named), cargo(&["test", "--package", "zonelist-verify", "--test", "models", "--"], &models)]
}

fn cargo(arguments: &[&str], more: &[String]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).args(more);
    command
}

fn long(mut command: Command) -> Command {
    command.env("ZONELIST_LONG", "1");
    command
}

fn script(path: &str, more: &[String]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path));
    command.args(more);
    command
}
