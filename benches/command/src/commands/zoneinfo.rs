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
        // Watermarks do not depend on what the source lacks for fallback orders, so its warnings are not printed.
        let loaded = self.machine.load()?;
        let no_sizes =
            || CommandError::NoSizes { machine: self.machine.machine.name(), reason: loaded.no_sizes.clone() };
        // Without sizes no rules apply: the error is the only message.
        loaded.machine.memory().ok_or_else(no_sizes)?;
        let rules = self.machine.rules(&loaded);
        let report = Report::new(&loaded.machine, rules.rules.rules).ok_or_else(no_sizes)?;
        self.output.write_by_rules(&report, &self.machine.machine.name(), &rules)?;
        Ok(ExitCode::SUCCESS)
    }
}
