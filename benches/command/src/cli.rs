//! The command line: what all subcommands share, and how a run ends.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Parser, ValueEnum};
use zonelist_core::{Capacity, Rules};
use zonelist_machines::{Builtin, Loaded, MachineSource, ReadError, one_line};
use zonelist_schemes::SchemeId;

use crate::commands::{Command, compare};

/// Zonelists of real machines, and every way of publishing them compared.
///
/// Exits 0 when what it did holds, 1 when a check that it made failed, 2 on bad input.
#[derive(Debug, Parser)]
#[command(name = "zonelist", version, args_conflicts_with_subcommands = true, after_help = after_help())]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a subcommand: what to compare.
    #[command(flatten)]
    compare: compare::Args,
}

fn after_help() -> String {
    let machines = Builtin::ALL.iter().map(|builtin| format!("  {:<14}{}\n", builtin.name, builtin.about));
    format!("Built-in machines:\n{}\nExample:\n  zonelist order --machine ring", machines.collect::<String>())
}

/// Runs the command on the process' arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Compare(cli.compare)).run() {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a message as one line, whatever names and values it quotes.
fn say(message: &str) {
    // There is nobody left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "{}", one_line(message));
}

/// Which machine, under which rules.
#[derive(Debug, Args)]
pub struct MachineArgs {
    /// The machine: a recorded file, a folder like /sys/devices/system/node, `live`, or a built-in name.
    #[arg(long, value_name = "M", default_value = Builtin::ALL[0].name)]
    pub machine: MachineSource,
    /// The Linux whose rules are followed, where they changed.
    #[arg(long, value_name = "VERSION", default_value = "6.1")]
    pub rules: Linux,
}

/// Which schemes.
#[derive(Debug, Args)]
pub struct SchemeArgs {
    /// Only this scheme; may be given more than once.
    #[arg(long, value_name = "NAME")]
    scheme: Vec<SchemeId>,
}

impl SchemeArgs {
    /// Those that were named, or all: the baseline first.
    #[must_use]
    pub fn chosen(&self) -> Vec<SchemeId> {
        SchemeId::all().into_iter().filter(|id| self.scheme.is_empty() || self.scheme.contains(id)).collect()
    }

    /// The chosen schemes that can hold lists of so much, or if none can all of them: then the first says why.
    #[must_use]
    pub fn fitting(&self, capacity: Capacity) -> Vec<SchemeId> {
        let chosen = self.chosen();
        let (fitting, short): (Vec<_>, Vec<_>) = chosen.iter().copied().partition(|scheme| scheme.holds(capacity));
        if fitting.is_empty() {
            return chosen;
        }
        for scheme in short {
            eprintln!("{} is left out: it can't hold lists of {} zones", scheme.name(), capacity.zones());
        }
        fitting
    }
}

/// The value of `--seconds`.
///
/// # Errors
/// Says what is expected.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected seconds, from 0 to 86400".into())
}

/// A kernel whose rules can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Linux {
    /// As the recorded machines ran.
    #[value(name = "6.1")]
    V6_1,
    /// The first that rebuilt zonelists under racing readers.
    #[value(name = "4.14")]
    V4_14,
}

impl From<Linux> for Rules {
    fn from(linux: Linux) -> Self {
        match linux {
            Linux::V6_1 => Self::LINUX_6_1,
            Linux::V4_14 => Self::LINUX_4_14,
        }
    }
}

impl MachineArgs {
    /// Reads the machine; a warning about it goes to stderr.
    ///
    /// # Errors
    /// See [`MachineSource::load`].
    pub fn load(&self) -> Result<Loaded, ReadError> {
        let loaded = self.machine.load()?;
        if let Some(void) = loaded.warning {
            say(&format!("warning: {}: {void}", self.machine.name()));
        }
        Ok(loaded)
    }
}
