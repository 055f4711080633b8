//! The recipes of this workspace: `cargo xtask RECIPE`. A Rust toolchain is enough to run them.

use std::{
    env,
    path::Path,
    process::{Command, ExitCode},
};

/// A recipe: its name, its line of the usage message, and its steps for the arguments after the name.
type Recipe = (&'static str, &'static str, fn(&[String]) -> Vec<Command>);

const RECIPES: &[Recipe] = &[
    (
        "quick",
        "[PACKAGE ...]  tests and short models of library packages, such as zonelist-inplace; without a name, of all four",
        quick,
    ),
    ("test", "all tests in their short form: the same as cargo test", |more| vec![cargo(&["test"], more)]),
    (
        "long",
        "the tests that have a long form: every model, mutant and random case; the page of what was explored",
        |more| vec![long(cargo(&["test"], &[&long_form(), more].concat()))],
    ),
    (
        "models",
        "only the models of the long form: every model and mutant, the page of what was explored, the timelines",
        |more| vec![long(cargo(&["test", "--package", "zonelist-verify", "--test", "models", "--"], more))],
    ),
    ("typos", "the spelling of all sources and documents", |more| {
        vec![cargo(&["run", "--quiet", "--package", "zonelist-typos"], more)]
    }),
    ("figures", "the figures of README and docs, from the results file that they quote", |more| {
        vec![cargo(&["run", "--quiet", "--package", "zonelist-report"], more)]
    }),
    ("bench", "the criterion suites", |more| vec![cargo(&["bench", "--package", "zonelist-suites"], more)]),
    ("targets", "tests or builds for every other installed target: see .ci/targets --help", |more| {
        vec![script(".ci/targets", more)]
    }),
    ("msrv", "the library packages with Rust 1.85: see .ci/msrv --help", |more| vec![script(".ci/msrv", more)]),
    ("semver", "the public API compared with that of a release: see .ci/semver --help", |more| {
        vec![script(".ci/semver", more)]
    }),
    (
        "man",
        "[FOLDER]  man pages and shell completions of the command, in target/manual if no folder is named",
        |more| vec![cargo(&["run", "--quiet", "--package", "zonelist-manual", "--"], more)],
    ),
    ("package", "all packages as for crates.io, each built from its package: see .ci/package --help", |more| {
        vec![script(".ci/package", more)]
    }),
    ("ci", "the gate: lints, documentation, all tests, the long set", |more| vec![script(".ci/run", more)]),
];

/// The library packages, which have models.
const LIBRARIES: [&str; 4] = ["zonelist-core", "zonelist-seq", "zonelist-inplace", "zonelist-epoch"];

/// The test programs with a long form: package and program. All others do the same in both sets.
const WITH_A_LONG_FORM: [(&str, &str); 5] = [
    ("zonelist-core", "all"),
    ("zonelist-machines", "machines"),
    ("zonelist-schemes", "facts"),
    ("zonelist-verify", "builds"),
    ("zonelist-verify", "models"),
];

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

/// Tests and short models of the packages.
fn quick(packages: &[String]) -> Vec<Command> {
    let all: Vec<String> = LIBRARIES.map(String::from).to_vec();
    let packages = if packages.is_empty() { &all } else { packages };
    let named: Vec<String> = packages.iter().flat_map(|package| ["--package".into(), package.clone()]).collect();
    let models = packages.iter().map(|package| format!("the_models_of_{}_hold", package.replace('-', "_")));
    let models: Vec<String> = models.collect();
    vec![cargo(&["test"], &named), cargo(&["test", "--package", "zonelist-verify", "--test", "models", "--"], &models)]
}

/// The arguments that select the test programs with a long form.
fn long_form() -> Vec<String> {
    let argument = |(package, program): &(&str, &str)| ["--package", package, "--test", program].map(String::from);
    WITH_A_LONG_FORM.iter().flat_map(argument).collect()
}

/// The cargo that runs this program, with more arguments after these.
fn cargo(arguments: &[&str], more: &[String]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).args(more);
    command
}

/// The command with every test in its long form.
fn long(mut command: Command) -> Command {
    command.env("ZONELIST_LONG", "1");
    command
}

/// A script of the workspace, by its path from the root.
fn script(path: &str, more: &[String]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path));
    command.args(more);
    command
}
