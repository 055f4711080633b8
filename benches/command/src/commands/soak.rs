//! `zonelist endure`: a soak test of the page allocator over each scheme.

use std::{process::ExitCode, time::Duration};

use crate::{
    arguments::{SchemeArgs, seconds},
    conditions,
    error::CommandError,
    output::OutputArgs,
    progress::{bar, ticks},
    soak::{MAX_THREADS, Report, RunReport, Soak},
};

/// Arguments of `zonelist endure`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist endure --seconds 1 --threads 4 --scheme EpochSwap")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
    /// Time of each run: one run for each scheme and number of threads.
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = seconds)]
    seconds: f64,
    /// Threads that allocate, while one more publishes and drains; may be given more than once, or as in --threads 2,8.
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_values_t = [2, 8],
        value_parser = clap::value_parser!(u32).range(2..=MAX_THREADS as i64)
    )]
    threads: Vec<u32>,
    /// Seed of what each thread does.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let conditions = conditions::observed();
        let (chosen, time) = (self.schemes.chosen(), Duration::from_secs_f64(self.seconds));
        let bar = bar(time.as_millis() as u64 * (chosen.len() * self.threads.len()) as u64);
        let mut runs = Vec::new();
        for scheme in chosen {
            for &threads in &self.threads {
                bar.set_message(format!("{threads} threads under {}", scheme.name()));
                let mut tick = ticks(&bar);
                let threads = threads as usize;
                let mut run = Soak { threads, time, seed: self.seed, fault: None, tick: &mut tick };
                runs.push(RunReport::new(scheme.facts(), threads, scheme.visit(&mut run)?));
            }
        }
        bar.finish_and_clear();
        let report = Report { seconds: self.seconds, seed: self.seed, runs };
        self.output.write_measured(&report, &conditions)?;
        Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
