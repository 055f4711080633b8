//! `zonelist load`: slow reads, publishes and grace periods of every scheme while lists are published.

use std::{process::ExitCode, time::Duration};

use zonelist_contenders::load::Clock;
use zonelist_schemes::workload::Toggle;

use crate::{
    arguments::{BarrierArgs, MachineArgs, SchemeArgs, seconds, threads_beside_a_publisher},
    conditions,
    error::CommandError,
    load::{Measurement, Report},
    output::OutputArgs,
    progress::bar,
};

/// Arguments of `zonelist load`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist load --seconds 0.5 --scheme StopWorld --scheme InPlace")]
pub struct Args {
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    barrier: BarrierArgs,
    /// Time for each scheme: a fifth at each of four rates of publishes, a tenth for grace periods, and a tenth beside a
    /// stalled reader.
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Threads that read while another publishes [default: one less than there are CPUs]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=Measurement::MAX_THREADS as i64)
    )]
    threads: Option<u32>,
    /// Seed of the nodes that are read.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        self.barrier.select();
        let conditions = conditions::observed();
        let loaded = self.machine.load()?;
        let rules = self.machine.rules_for_orders(&loaded);
        rules.warn(&self.machine.machine.name());
        let toggle = Toggle::of(&loaded.machine, rules.rules.rules);
        let chosen = self.schemes.fitting(toggle.capacity());
        let measurement = Measurement {
            toggle: &toggle,
            nodes: loaded.machine.nodes(),
            threads: self.readers(),
            time: Duration::from_secs_f64(self.seconds),
            seed: self.seed,
            clock: Clock::new(),
        };

        let bar = bar(Report::steps(chosen.len()));
        let mut tick = |doing: String, steps| {
            bar.set_message(doing);
            bar.inc(steps);
        };
        let report = Report::measure(self.machine.machine.name(), &measurement, &chosen, &mut tick)?;
        bar.finish_and_clear();
        let Some(report) = report else { return Ok(ExitCode::FAILURE) };
        self.output.write_measured(&report, &conditions)?;
        Ok(ExitCode::SUCCESS)
    }

    fn readers(&self) -> usize {
        threads_beside_a_publisher(self.threads, Measurement::MAX_THREADS)
    }
}
