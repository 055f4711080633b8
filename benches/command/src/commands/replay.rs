//! `zonelist replay`: the recorded operations of a machine, repeated on ours.

use std::process::ExitCode;

use zonelist_machines::{
    Builtin, MachineFile, MachineRecord, MachineSource,
    replay::{Replay, ReplayError, Replays},
};

use crate::{
    arguments::{RulesArgs, SchemeArgs},
    error::CommandError,
    output::OutputArgs,
    progress::bar,
};

/// Arguments of `zonelist replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Follows the rules of the kernel that each record names. Of several machines only the differences are shown.

Examples:\n  zonelist replay\n  zonelist replay --machine benches/goldens --json")]
pub struct Args {
    /// The record: a file, a folder of such files, or a built-in name; may be given more than once.
    #[arg(long, value_name = "M", default_value = Builtin::ALL[0].name)]
    machine: Vec<MachineSource>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let schemes = self.schemes.chosen();
        let mut records: Vec<MachineRecord> = Vec::new();
        for source in &self.machine {
            records.extend(source.records()?);
        }
        let bar = bar(records.len() as u64).with_message("of the machines");
        let replay = |record: &MachineRecord| {
            let MachineFile { name, kernel, .. } = record.file();
            let rules = self.rules.of(kernel.as_deref());
            let replay = Replay::of(record, &schemes, rules.rules)?;
            rules.warn(name.as_deref().unwrap_or_default());
            Ok::<Replay, ReplayError>(Replay { assumed: rules.assumed().cloned(), ..replay })
        };
        let replays: Result<Vec<Replay>, _> = bar.wrap_iter(records.iter()).map(replay).collect();
        bar.finish_and_clear();
        let replays = replays?;
        let holds = replays.iter().all(|replay| replay.differences.is_empty());
        let one = self.machine.len() == 1 && !self.machine[0].is_folder();
        match &replays[..] {
            [replay] if one => self.output.write(replay)?,
            _ => self.output.write(&Replays(replays))?,
        }
        Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
