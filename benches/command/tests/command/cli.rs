//! The command line as a whole.

use std::process::Command;

use clap::CommandFactory as _;
use zonelist_bench::cli::{Cli, TASKS};

use crate::run::succeed;

#[test]
fn help_ends_with_an_example() {
    for args in [
        &["--help"][..],
        &["alloc", "--help"],
        &["compare", "--help"],
        &["endure", "--help"],
        &["load", "--help"],
        &["machines", "--help"],
        &["order", "--help"],
        &["zoneinfo", "--help"],
        &["schemes", "--help"],
    ] {
        let text = succeed(args).stdout;
        let example = text.trim_end().rsplit_once("Example:\n").expect("an example").1;
        let words: Vec<&str> = example.split_whitespace().skip(1).collect();
        succeed(&words);
    }
}

#[test]
fn help_begins_with_common_tasks() {
    let text = succeed(&["--help"]).stdout;
    let (tasks, _) = text.split_once("Usage:").expect("the usage");
    for (command, about) in TASKS {
        assert!(tasks.contains(command) && tasks.contains(about), "{command}: {tasks}");
        let words = command.split(' ');
        Cli::command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

#[test]
fn every_help_has_at_most_100_columns() {
    let cli = Cli::command();
    for name in cli.get_subcommands().map(|command| command.get_name()).filter(|name| *name != "help") {
        succeed(&[name, "--help"]);
        succeed(&[name, "-h"]);
    }
    succeed(&["-h"]);
}

/// Escape sequences are written if a terminal is there or if they are forced, and never with NO_COLOR.
#[test]
fn no_color_is_honoured() {
    for args in [&["--help"][..], &["schemes"], &["machines", "--machine", "ring"], &["compare", "--scheme", "None"]] {
        let has_escapes = |variables: &[(&str, &str)]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zonelist"));
            let output = command.args(args).env_remove("NO_COLOR").envs(variables.iter().copied()).output().unwrap();
            [output.stdout, output.stderr].concat().contains(&b'\x1b')
        };
        assert!(!has_escapes(&[]), "{args:?} in a pipe");
        assert!(!has_escapes(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{args:?} with NO_COLOR");
        // Without this, the check before it could not fail.
        if args[0] == "--help" || args[0] == "compare" {
            assert!(has_escapes(&[("CLICOLOR_FORCE", "1")]), "{args:?} with CLICOLOR_FORCE");
        }
    }
}
