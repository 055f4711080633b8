//! The command line, and the exit code of the process.

use std::process::ExitCode;

use clap::Parser;
use zonelist_machines::Builtin;

use crate::{
    commands::{Command, compare},
    output::print_to_stderr,
    table::WIDTH,
};

/// Zonelists of real machines, and a comparison of all schemes that publish them.
///
/// Exits with 0 on success, with 1 if a check of the command failed, with 2 on bad input.
#[derive(Debug, Parser)]
#[command(
    name = "zonelist",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = WIDTH,
    help_template = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}",
    before_help = before_help(),
    after_help = after_help()
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Arguments of `compare`, the subcommand of a bare call.
    #[command(flatten, next_help_heading = "Options of compare")]
    compare: compare::Args,
}

/// Common tasks, with which the help begins: each a command and what it does.
pub const TASKS: [(&str, &str); 6] = [
    ("zonelist", "compare all schemes, in half a minute"),
    ("zonelist compare --scheme Presence --scheme Qsbr", "compare some of them"),
    ("zonelist schemes", "what each guarantees, and where it can be called"),
    ("zonelist alloc", "compare page allocators"),
    ("zonelist storm", "hotplug under load, every page accounted for"),
    ("zonelist zoneinfo --machine live", "watermarks and reserves of this computer"),
];

fn before_help() -> String {
    let tasks = TASKS.map(|(command, about)| format!("  {command:<48}  {about}\n"));
    format!("Common tasks:\n{}", tasks.concat().trim_end())
}

fn after_help() -> String {
    let machines = Builtin::ALL.iter().map(|builtin| format!("  {:<16}{}\n", builtin.name, builtin.about));
    format!("Built-in machines:\n{}\nExample:\n  zonelist order --machine ring", machines.collect::<String>())
}

/// Runs the command with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Compare(cli.compare)).run() {
        Ok(code) => code,
        Err(error) => {
            print_to_stderr(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}
