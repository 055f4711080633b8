//! `zonelist machines`: the built-in machines, or a picture of one machine.

use std::{fmt, process::ExitCode};

use serde::Serialize;
use zonelist_machines::{Builtin, MachineRecord, MachineSource, ReadError, computed::picture::Picture};

use crate::{
    arguments::{RulesArgs, print_warnings},
    error::CommandError,
    output::OutputArgs,
};

/// Arguments of `zonelist machines`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist machines --machine near-far")]
pub struct Args {
    /// Draw this machine: a recorded file, a folder like /sys/devices/system/node, `live`, or a built-in name.
    #[arg(long, value_name = "M")]
    machine: Option<MachineSource>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let Some(machine) = &self.machine else {
            let entries: Result<Vec<Entry>, ReadError> = Builtin::ALL.iter().map(Entry::of).collect();
            self.output.write(&Entries(entries?))?;
            return Ok(ExitCode::SUCCESS);
        };
        let loaded = machine.load()?;
        let rules = self.rules.of(loaded.kernel.as_deref());
        print_warnings(&loaded, rules.rules);
        self.output.write_by_rules(&Picture::new(&loaded.machine, rules.rules.rules), &machine.name(), &rules)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A built-in machine.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    description: &'static str,
    nodes: usize,
}

impl Entry {
    fn of(builtin: &'static Builtin) -> Result<Self, ReadError> {
        let record: MachineRecord = builtin.record()?;
        Ok(Self { name: builtin.name, description: builtin.about, nodes: record.machine().nodes().len() })
    }
}

/// The list of the built-in machines.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Entries(Vec<Entry>);

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { name, description, nodes } in &self.0 {
            let plural = if *nodes == 1 { " " } else { "s" };
            writeln!(f, "{name:<16}{nodes:>3} node{plural}  {description}")?;
        }
        Ok(())
    }
}
