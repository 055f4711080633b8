//! `zonelist alloc`: page-frame allocators, side by side.

use std::{process::ExitCode, str::FromStr};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use zonelist_pools::{
    self as pools, Contender, Cpus, FRAME_BYTES, LARGEST_ORDER, Rounds, Workload, WorkloadError, WorkloadKind,
};

use crate::{
    alloc::{Report, SizeReport, target},
    conditions,
    error::CommandError,
    output::OutputArgs,
    progress::bar,
};

/// Arguments of `zonelist alloc`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Page frames of each pool, in GiB; may be given more than once, as in --gib 1 --gib 8.
    #[arg(long, value_name = "N", default_value = "1")]
    gib: Vec<FrameCount>,
    /// Rounds: every contender runs every workload once in each.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Only this workload, by its name or its letter from a to f; may be given more than once.
    #[arg(long = "trial", value_name = "NAME", value_parser = PossibleValuesParser::new(WorkloadKind::ALL.map(possible)).map(kind))]
    workload: Vec<WorkloadKind>,
    /// Only this contender; may be given more than once.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(pools::all().into_iter().map(|it| it.name)))]
    contender: Vec<String>,
    /// Seed of all random choices.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

const AFTER_HELP: &str = "\
Ratios depend on the CPU that the code is compiled for. For a CPU of the last ten years:

  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-cpu=x86-64-v3' cargo run --release -- alloc

RUSTFLAGS would replace the flags of .cargo/config.toml, which align loops. This variable adds to them.

Example:
  zonelist alloc --trial hot --contender frame-alloc/depot --json";

/// A kind of workload as a value of `--trial`.
fn possible(kind: WorkloadKind) -> PossibleValue {
    let (name, letter, about) = kind.named();
    PossibleValue::new(name).alias(letter).help(about)
}

/// The kind with this name or letter, which [`possible`] has accepted.
fn kind(name: String) -> WorkloadKind {
    let is = |kind: &WorkloadKind| kind.named().0 == name || kind.named().1 == name;
    WorkloadKind::ALL.into_iter().find(is).unwrap_or(WorkloadKind::Hot)
}

/// A number of page frames, parsed from GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FrameCount(usize);

impl FromStr for FrameCount {
    type Err = &'static str;

    fn from_str(gib: &str) -> Result<Self, Self::Err> {
        const BLOCK_BYTES: usize = FRAME_BYTES << LARGEST_ORDER;
        let blocks = gib.parse::<f64>().ok().map(|gib| gib * (1 << 30) as f64 / BLOCK_BYTES as f64);
        let whole = blocks.filter(|blocks| (16.0..=16384.0).contains(blocks) && blocks.fract() == 0.0);
        whole
            .map(|blocks| Self((blocks as usize) << LARGEST_ORDER))
            .ok_or("expected GiB, from 0.0625 to 64, in steps of 1/256")
    }
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let conditions = conditions::observed();
        let cpus = Cpus::here().map_err(WorkloadError::Pin)?;
        let chosen = |contender: &Contender| {
            self.contender.is_empty() || self.contender.iter().any(|name| name == contender.name)
        };
        let contenders: Vec<Contender> = pools::all().into_iter().filter(chosen).collect();
        let chosen = |it: &Workload| self.workload.is_empty() || self.workload.contains(&it.kind);
        let workloads: Vec<Workload> = Workload::ALL.into_iter().filter(chosen).collect();
        let a_round = workloads.len() * (contenders.len() + 1);
        let bar = bar(u64::from(self.rounds) * (a_round * self.gib.len()) as u64);

        let mut sizes = Vec::new();
        for &FrameCount(frames) in &self.gib {
            let mut rounds = Rounds::new(&contenders, &workloads, frames, self.seed, &cpus);
            for _ in 0..self.rounds {
                rounds.round(|workload, name| {
                    bar.set_message(format!("{} of {name}", workload.title()));
                    bar.inc(1);
                })?;
            }
            sizes.push(SizeReport::new(&rounds));
        }
        bar.finish_and_clear();

        self.output.write_measured(
            &Report { rounds: self.rounds, target: target(), cpus: cpus.count(), sizes },
            &conditions,
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
