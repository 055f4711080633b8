//! The command line, and the exit code of the process.

use std::process::ExitCode;

use clap::Parser;
use zonelist_machines::Builtin;

use crate::{
    commands::{Command, compare},
    output::print_to_stderr,
};

/// Zonelists of real machines, and a comparison of all schemes that publish them.
///
/// Exits with 0 on success, with 1 if a check of the command failed, with 2 on bad input.
#[derive(Debug, Parser)]
#[command(name = "zonelist", version, args_conflicts_with_subcommands = true, after_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Arguments of `compare`, the subcommand of a bare call.
    #[command(flatten)]
    compare: compare::Args,
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
