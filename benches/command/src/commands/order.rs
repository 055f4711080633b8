//! `zonelist order`: which node's memory a node falls back to, in turn.

use std::process::ExitCode;

use zonelist_machines::computed::order::Report;

use super::CommandError;
use crate::{cli::MachineArgs, output::OutputArgs};

/// What `zonelist order` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist order --machine far-cxl --rules 4.14 --json")]
pub struct Args {
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let machine = self.machine.load()?.machine;
        self.output.write(&Report::new(&machine, self.machine.rules.into()))?;
        Ok(ExitCode::SUCCESS)
    }
}
