//! `zonelist zoneinfo`: watermarks and lowmem reserves, in the kernel's format.

use std::process::ExitCode;

use zonelist_machines::computed::zoneinfo::Report;

use crate::{arguments::MachineArgs, error::CommandError, output::OutputArgs};

/// Arguments of `zonelist zoneinfo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist zoneinfo --machine mail-online --rules 4.14")]
pub struct Args {
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let loaded = self.machine.load()?;
        let rules = self.machine.rules(&loaded);
        let report = Report::new(&loaded.machine, rules.rules.rules);
        let report = report.ok_or_else(|| CommandError::NoSizes { machine: self.machine.machine.name() })?;
        self.output.write_by_rules(&report, &self.machine.machine.name(), &rules)?;
        Ok(ExitCode::SUCCESS)
    }
}
