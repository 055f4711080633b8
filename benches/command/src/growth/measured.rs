//! The measurements of a report.

use std::{env, process, time::Duration};

use zonelist_contenders::{
    contender::PEERS,
    growth::{
        Axis, Grown, Measurement, RAW,
        lines::{Lines, LinesError},
    },
};
use zonelist_schemes::{SchemeId, conditions::Conditions};

use super::report::{AxisReport, LinesReport, Report};
use crate::error::CommandError;

/// The baseline and these schemes, and with `peers` the outside peers.
#[must_use]
pub fn contenders(schemes: &[SchemeId], peers: bool) -> Vec<Grown> {
    let peers = PEERS.iter().filter(|_| peers).map(|peer| peer.name);
    let names: Vec<&str> = [RAW].into_iter().chain(schemes.iter().map(|it| it.name())).chain(peers).collect();
    Grown::all().into_iter().filter(|it| names.contains(&it.name())).collect()
}

impl Report {
    /// Times each contender for `seconds`, in equal parts for all points, and with `counts_lines` counts the cache lines
    /// that more than one thread writes. Calls `tick` with what it does and the steps that it has done.
    ///
    /// # Errors
    /// A contender refuses lists or readers, or the program can't run itself under valgrind.
    pub fn measure(
        seconds: f64,
        conditions: &Conditions,
        contenders: &[Grown],
        counts_lines: bool,
        tick: &mut dyn FnMut(&'static str, u64),
    ) -> Result<Self, CommandError> {
        let time = Duration::from_secs_f64(seconds) / Axis::points() as u32;
        let mut axes = Vec::new();
        for axis in Axis::ALL {
            let measured = Measurement::all(axis, contenders, time, &mut || tick(AxisReport::title(axis), 1))?;
            axes.push(AxisReport { axis, contenders: measured });
        }
        let lines = if counts_lines { counted(contenders, tick)? } else { LinesReport::NotCounted };
        Ok(Self::new(seconds, conditions, axes, lines))
    }

    /// The steps of a measurement.
    #[must_use]
    pub fn steps(contenders: usize) -> u64 {
        contenders as u64 * (Axis::points() as u64 * u64::from(Measurement::ROUNDS) + STEPS_OF_LINES)
    }
}

/// Steps for the lines of one contender.
const STEPS_OF_LINES: u64 = 100;

/// Counts the lines of each contender, by this program under valgrind.
fn counted(contenders: &[Grown], tick: &mut dyn FnMut(&'static str, u64)) -> Result<LinesReport, CommandError> {
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
        tick("counting cache lines", STEPS_OF_LINES);
    }
    Ok(LinesReport::Counted(lines))
}
