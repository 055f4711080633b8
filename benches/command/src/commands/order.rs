//! `zonelist order`: the nodes whose memory each node falls back to, nearest first.

use std::process::ExitCode;

use zonelist_machines::computed::fallback_order::Report;

use crate::{arguments::MachineArgs, error::CommandError, output::OutputArgs};

/// Arguments of `zonelist order`.
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
