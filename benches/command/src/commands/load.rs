//! `zonelist load`: slow reads, publishes and grace periods of every scheme while lists are published.

use std::{process::ExitCode, time::Duration};

use zonelist_contenders::{
    contender::PEERS,
    load::{Clock, Contestant, Rate},
};
use zonelist_schemes::workload::Toggle;

use crate::{
    arguments::{MachineArgs, SchemeArgs, seconds, threads_beside_a_publisher},
    conditions::Conditions,
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
        let conditions = Conditions::observed();
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

        // A step is a run of a round, which is shorter than the runs of a scheme alone; the noise has rounds only.
        let peers: Vec<Contestant<'_>> = PEERS.iter().filter_map(Contestant::peer).collect();
        let runs = (chosen.len() + peers.len() + 1) * Rate::ALL.len() * Measurement::ROUNDS as usize;
        let bar = bar((runs + chosen.len() * Self::STEPS_ALONE) as u64);
        bar.set_message("reading and publishing");
        let rounds = measurement.rounds(&chosen, peers, &mut || bar.inc(1))?;
        let mut alone = Vec::new();
        for scheme in chosen {
            bar.set_message(format!("grace periods and a stalled reader of {}", scheme.name()));
            alone.push(measurement.of_scheme(scheme)?);
            bar.inc(Self::STEPS_ALONE as u64);
        }
        bar.finish_and_clear();

        let report = Report::new(self.machine.machine.name(), &measurement, rounds.contestants(), alone)?;
        let Some(report) = report else { return Ok(ExitCode::FAILURE) };
        self.output.write_measured(&report, &conditions)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Steps of the progress bar for the runs of a scheme alone: their share of its time.
    const STEPS_ALONE: usize = 3;

    fn readers(&self) -> usize {
        threads_beside_a_publisher(self.threads, Measurement::MAX_THREADS)
    }
}
