//! `zonelist growth`: what reads and publishes cost as machines grow.

use std::{
    env,
    process::{self, ExitCode},
    time::Duration,
};

use zonelist_contenders::{
    contender::PEERS,
    growth::{
        Axis, Grown, Measurement, RAW,
        lines::{self, Lines, LinesError},
    },
};

use crate::{
    arguments::{SchemeArgs, seconds},
    conditions::Conditions,
    error::CommandError,
    growth::{AxisReport, LinesReport, Report},
    output::OutputArgs,
    progress::bar,
};

/// Arguments of `zonelist growth`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist growth --scheme StopWorld --scheme InPlace --no-lines")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
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
        if let Some(grown) = self.traced.as_deref().and_then(Grown::named) {
            lines::run(grown)?;
            return Ok(ExitCode::SUCCESS);
        }
        let conditions = Conditions::observed();
        let contenders = self.contenders();
        let bar = bar((contenders.len() * (Axis::points() * Measurement::ROUNDS as usize + STEPS_OF_LINES)) as u64);
        let time = Duration::from_secs_f64(self.seconds) / Axis::points() as u32;
        let mut axes = Vec::new();
        for axis in Axis::ALL {
            bar.set_message(AxisReport::title(axis));
            axes.push(AxisReport { axis, contenders: Measurement::all(axis, &contenders, time, &mut || bar.inc(1))? });
        }
        bar.set_message("cache lines");
        let lines = if self.no_lines {
            LinesReport::NotCounted
        } else {
            counted(&contenders, &mut || bar.inc(STEPS_OF_LINES as u64))?
        };
        bar.finish_and_clear();
        self.output.write_measured(&Report::new(self.seconds, &conditions, axes, lines), &conditions)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The baseline and the chosen schemes; with all schemes, the peers as well.
    fn contenders(&self) -> Vec<Grown> {
        let (chosen, all) = (self.schemes.chosen(), Grown::all());
        let peers = PEERS.iter().filter(|_| self.schemes.are_all()).map(|peer| peer.name);
        let names: Vec<&str> = [RAW].into_iter().chain(chosen.iter().map(|it| it.name())).chain(peers).collect();
        all.into_iter().filter(|it| names.contains(&it.name())).collect()
    }
}

/// Steps of the progress bar for the lines of one contender.
const STEPS_OF_LINES: usize = 100;

/// Counts the lines of each contender, by this program under valgrind.
fn counted(contenders: &[Grown], tick: &mut dyn FnMut()) -> Result<LinesReport, CommandError> {
    let program = env::current_exe().map_err(LinesError::Io)?;
    let mut lines = Vec::new();
    for grown in contenders {
        let mut traced = process::Command::new(&program);
        traced.args(["growth", "--traced", grown.name()]);
        match Lines::count(*grown, &traced) {
            Ok(counts) => lines.push(counts),
            Err(LinesError::NoValgrind) => return Ok(LinesReport::NoValgrind),
            Err(error) => return Err(error.into()),
        }
        tick();
    }
    Ok(LinesReport::Counted(lines))
}
