//! `zonelist growth`: what reads and publishes cost as machines grow.

use std::process::ExitCode;

use zonelist_contenders::growth::{Grown, lines};

use crate::{
    arguments::{BarrierArgs, SchemeArgs, seconds},
    conditions,
    error::CommandError,
    growth::{Report, contenders},
    output::OutputArgs,
    progress::bar,
};

/// Arguments of `zonelist growth`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist growth --scheme StopWorld --scheme InPlace --no-lines")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    barrier: BarrierArgs,
    /// Time for each contender, in equal parts for all points.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Do not count cache lines that more than one thread writes, which takes two seconds for each contender.
    #[arg(long)]
    no_lines: bool,
    /// Runs the operations of a contender whose stores valgrind traces.
    #[arg(long, hide = true, value_name = "NAME")]
    traced: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        self.barrier.select();
        if let Some(grown) = self.traced.as_deref().and_then(Grown::named) {
            lines::run(grown)?;
            return Ok(ExitCode::SUCCESS);
        }
        let conditions = conditions::observed();
        let contenders = self.contenders();
        let bar = bar(Report::steps(contenders.len()));
        let mut tick = |doing: &'static str, steps| {
            bar.set_message(doing);
            bar.inc(steps);
        };
        let report = Report::measure(self.seconds, &conditions, &contenders, !self.no_lines, &mut tick)?;
        bar.finish_and_clear();
        self.output.write_measured(&report, &conditions)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The baseline and the chosen schemes; with all schemes, the peers as well.
    fn contenders(&self) -> Vec<Grown> {
        contenders(&self.schemes.chosen(), self.schemes.are_all())
    }
}
