//! `zonelist order`: the nodes whose memory each node falls back to, nearest first.

use std::process::ExitCode;

use zonelist_machines::{ReadError, computed::fallback_order::Report};

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
        let loaded = self.machine.load()?;
        let rules = self.machine.rules_for_orders(&loaded);
        let mut report = Report::new(&loaded.machine, rules.rules.rules);
        if let Some(record) = &loaded.record {
            let builds = record.boot_builds(rules.rules.rules);
            let in_file = |problem| ReadError { file: self.machine.machine.name(), problem };
            report = report.with_boot_builds(&builds.map_err(in_file)?);
        }
        self.output.write_by_rules(&report, &self.machine.machine.name(), &rules)?;
        Ok(ExitCode::SUCCESS)
    }
}
