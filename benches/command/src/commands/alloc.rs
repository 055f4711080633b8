//! `zonelist alloc`: allocators of page frames, side by side.

use std::{process::ExitCode, str::FromStr};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use zonelist_pools::{self as pools, Contender, Cpus, FRAME, Kind, LARGEST, Rounds, Trial, TrialError};

use super::CommandError;
use crate::{
    alloc::{Report, SizeReport, target},
    output::OutputArgs,
    progress::bar,
};

/// What `zonelist alloc` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Frames of each pool, in GiB; may be given more than once, as in --gib 1 --gib 8.
    #[arg(long, value_name = "N", default_value = "1")]
    gib: Vec<Frames>,
    /// Rounds: every contender runs every trial once in each.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Only this trial; may be given more than once. Also by the letters a to f.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Kind::ALL.map(possible)).map(kind))]
    trial: Vec<Kind>,
    /// Only this contender; may be given more than once.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(pools::all().into_iter().map(|it| it.name)))]
    contender: Vec<String>,
    /// Draws orders and victims.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER_HELP: &str = "\
Ratios move with what the code is compiled for. For a CPU of the last ten years:

  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-cpu=x86-64-v3' cargo run --release -- alloc

RUSTFLAGS would replace the flags of .cargo/config.toml, which align loops; this variable adds to them.

Example:
  zonelist alloc --trial hot --contender frame-alloc/depot --json";

/// A kind of trial, as the command line names it.
fn possible(kind: Kind) -> PossibleValue {
    let (name, letter, about) = kind.named();
    PossibleValue::new(name).alias(letter).help(about)
}

/// The kind of a name or letter, one of [`possible`].
fn kind(name: String) -> Kind {
    let is = |kind: &Kind| kind.named().0 == name || kind.named().1 == name;
    Kind::ALL.into_iter().find(is).unwrap_or(Kind::Hot)
}

/// A number of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Frames(usize);

impl FromStr for Frames {
    type Err = &'static str;

    fn from_str(gib: &str) -> Result<Self, Self::Err> {
        const BLOCK: usize = FRAME << LARGEST;
        let blocks = gib.parse::<f64>().ok().map(|gib| gib * (1 << 30) as f64 / BLOCK as f64);
        let whole = blocks.filter(|blocks| (16.0..=16384.0).contains(blocks) && blocks.fract() == 0.0);
        whole
            .map(|blocks| Self((blocks as usize) << LARGEST))
            .ok_or("expected GiB, from 0.0625 to 64, in steps of 1/256")
    }
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let cpus = Cpus::here().map_err(TrialError::Pin)?;
        let chosen = |contender: &Contender| {
            self.contender.is_empty() || self.contender.iter().any(|name| name == contender.name)
        };
        let contenders: Vec<Contender> = pools::all().into_iter().filter(chosen).collect();
        let trials = Trial::ALL.into_iter().filter(|trial| self.trial.is_empty() || self.trial.contains(&trial.kind));
        let trials: Vec<Trial> = trials.collect();
        let a_round = trials.len() * (contenders.len() + 1);
        let bar = bar(u64::from(self.rounds) * (a_round * self.gib.len()) as u64);

        let mut sizes = Vec::new();
        for &Frames(frames) in &self.gib {
            let mut rounds = Rounds::new(&contenders, &trials, frames, self.seed, &cpus);
            for _ in 0..self.rounds {
                rounds.round(|trial, name| {
                    bar.set_message(format!("{} of {name}", trial.title()));
                    bar.inc(1);
                })?;
            }
            sizes.push(SizeReport::new(&rounds));
        }
        bar.finish_and_clear();

        self.output.write_measured(&Report { rounds: self.rounds, target: target(), cpus: cpus.count(), sizes })?;
        Ok(ExitCode::SUCCESS)
    }
}
