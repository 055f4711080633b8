//! `zonelist storm`: a memory block goes offline and online while its small node is under memory pressure.

use std::{process::ExitCode, time::Duration};

use zonelist_machines::ReadError;

use crate::{
    arguments::{MachineArgs, SchemeArgs, seconds},
    conditions,
    error::CommandError,
    output::OutputArgs,
    progress::{bar, ticks},
    storm::{MAX_THREADS, Report, SchemeReport, Site, Storm},
};

/// Arguments of `zonelist storm`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist storm --seconds 5 --scheme InPlace --scheme SeqRetry")]
pub struct Args {
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    schemes: SchemeArgs,
    /// Time of each scheme's run.
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Threads that allocate and free pages, while one more toggles the block and one walks.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=MAX_THREADS as i64))]
    threads: u32,
    /// Seed of what each thread does.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let conditions = conditions::observed();
        let machine = self.machine.machine.name();
        let loaded = self.machine.load()?;
        let rules = self.machine.rules_for_orders(&loaded);
        rules.warn(&machine);
        let record = loaded.record;
        let record = record.ok_or_else(|| CommandError::InvalidBlocks { machine: machine.clone() })?;
        let state = record.state(rules.rules.rules);
        let state = state.map_err(|problem| ReadError { file: machine.clone(), problem })?;
        let site = Site::of(state).map_err(|error| CommandError::Site { machine: machine.clone(), error })?;
        let (chosen, time) = (self.schemes.fitting(site.state.capacity()), Duration::from_secs_f64(self.seconds));
        let bar = bar(time.as_millis() as u64 * chosen.len() as u64);
        let mut schemes = Vec::new();
        for scheme in chosen {
            bar.set_message(scheme.name());
            let mut tick = ticks(&bar);
            let threads = self.threads as usize;
            let mut storm = Storm { site: &site, threads, time, seed: self.seed, fault: None, tick: &mut tick };
            schemes.push(SchemeReport::new(scheme.facts(), &scheme.visit(&mut storm)?));
        }
        bar.finish_and_clear();
        let report = Report { machine, seconds: self.seconds, schemes };
        self.output.write_measured(&report, &conditions)?;
        Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
