//! `zonelist compare`: every scheme, side by side.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use indicatif::ProgressBar;
use zonelist_contenders::{
    consistency::{Consistency, Pressure, PressureError},
    contender::{PEERS, PeerEntry},
    growth::Grown,
    hits::Hits,
    load::Clock,
    timing::Timing,
};
use zonelist_core::NodeId;
use zonelist_schemes::{READERS, SchemeId, conditions::Conditions, workload::Toggle};

use crate::{
    arguments::{BarrierArgs, MachineArgs, SchemeArgs, seconds, threads_beside_a_publisher},
    compare::{PeerReport, RawReport, Report, Requests, Results, Samples, SchemeReport, page},
    conditions,
    error::CommandError,
    growth,
    load::{self, Measurement},
    output::{OutputArgs, print_json},
    progress::{bar, ticks},
};

/// Arguments of `zonelist compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist compare --machine ring --scheme StopWorld --scheme InPlace --seconds 1")]
pub struct Args {
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    barrier: BarrierArgs,
    /// Time of publishes under each scheme: in the first half walks are judged, in the second half pages are allocated.
    /// An outside peer has the first half only [default: 2; with --full 14]
    #[arg(long, value_name = "N", value_parser = seconds)]
    seconds: Option<f64>,
    /// Fresh processes, one after the other, that time reads and allocations. Intervals need two, and those that a
    /// disturbed process does not widen six [default: 31; with --full 120]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    processes: Option<u32>,
    /// Measure for ten to fifteen minutes: more processes, longer publishes, reads under load as `load` does, and growth.
    #[arg(long)]
    full: bool,
    /// Write the results to a file, with reads under load.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Write a page with all figures and pictures to a folder, with reads under load. Needs the feature `report`.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Rounds of each process.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Times the reads and allocations of one process and prints them as JSON.
    #[arg(long, hide = true)]
    sample: Option<u32>,
    /// Threads that walk or allocate while another publishes [default: one less than there are CPUs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=READERS as i64))]
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
        if self.report.is_some() {
            page::check("compare --report DIR")?;
        }
        let loaded = self.machine.load()?;
        let rules = self.machine.rules_for_orders(&loaded);
        rules.warn(&self.machine.machine.name());
        let machine = loaded.machine;
        let toggle = Toggle::of(&machine, rules.rules.rules);
        let chosen = self.schemes.fitting(toggle.capacity());
        // A scheme's time is divided in two halves; a peer has one of them.
        let halves = 2 * chosen.len() + PEERS.len();
        let judging = self.half().as_millis() as u64 * halves as u64;
        if let Some(number) = self.sample {
            return self.time(&chosen, &toggle, machine.nodes(), number);
        }
        let conditions = conditions::observed();
        let loading = if self.has_load() { load::Report::steps(chosen.len()) * self.load_step() } else { 0 };
        let growing = if self.full { self.grown(&chosen).len() as u64 * Self::GROWTH_MS } else { 0 };
        let bar = bar(u64::from(self.processes()) * Self::PROCESS_MS + judging + loading + growing);
        bar.set_message("timing reads");
        let samples = Samples::measure(self.processes(), || bar.inc(Self::PROCESS_MS))?;

        let mut schemes = Vec::new();
        for (place, scheme) in chosen.iter().enumerate() {
            bar.set_message(format!("judging walks of {}", scheme.name()));
            let mut tick = ticks(&bar);
            let (time, threads) = (self.half(), self.readers());
            let walks = scheme.visit(&mut Pressure { toggle: &toggle, readers: threads, time, tick: &mut tick })?;
            bar.set_message(format!("counting refusals of {}", scheme.name()));
            let mut tick = |over: Duration| tick(time + over);
            let requests = scheme.visit(&mut Requests { threads, time, tick: &mut tick })?;
            let hits = scheme.visit(&mut Hits { toggle: &toggle, time: Self::HITS })?;
            schemes.extend(SchemeReport::new(scheme.facts(), &samples, place, walks, requests, hits));
        }
        let mut peers = Vec::new();
        for (place, peer) in PEERS.iter().enumerate() {
            bar.set_message(format!("judging walks of {}", peer.name));
            let mut tick = ticks(&bar);
            peers.extend(PeerReport::new(peer, &samples, place, self.judge(peer, &toggle, &mut tick)?));
        }
        let load = self.load(&toggle, machine.nodes(), &chosen, &bar)?;
        let growth = self.growth(&chosen, &conditions, &bar)?;
        bar.finish_and_clear();

        let machine = self.machine.machine.name();
        let (processes, rounds) = (samples.processes(), self.rounds);
        let report = RawReport::new(&samples).map(|raw| Report { machine, processes, rounds, raw, schemes, peers });
        let Some(report) = report else { return Ok(ExitCode::FAILURE) };
        self.output.write_measured(&report, &conditions)?;
        let results = Results::new(&conditions, &chosen, &report, load.as_ref(), growth.as_ref());
        if let Some(path) = &self.results {
            results.write(path)?;
        }
        if let Some(folder) = &self.report {
            page::write(&results, folder)?;
        }
        Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Times the reads and allocations of one process, and prints the sample.
    fn time(
        &self,
        chosen: &[SchemeId],
        toggle: &Toggle,
        nodes: &[NodeId],
        number: u32,
    ) -> Result<ExitCode, CommandError> {
        // Each process reads other nodes, so that no choice of them decides a figure.
        let seed = self.seed.wrapping_add(u64::from(number));
        let mut timing = Timing::new(chosen, &toggle.versions, nodes, seed)?;
        (0..self.rounds).for_each(|_| timing.round());
        print_json(&timing.sample())?;
        Ok(ExitCode::SUCCESS)
    }

    /// Judges the walks of a peer, if it has a publisher.
    fn judge(
        &self,
        peer: &PeerEntry,
        toggle: &Toggle,
        tick: &mut dyn FnMut(Duration),
    ) -> Result<Option<Consistency>, PressureError> {
        let mut pressure = Pressure { toggle, readers: self.readers(), time: self.half(), tick };
        peer.judge.map(|judge| judge(&mut pressure)).transpose()
    }

    /// Half the time of publishes.
    fn half(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.full { 14.0 } else { 2.0 });
        Duration::from_secs_f64(seconds / 2.0)
    }

    fn processes(&self) -> u32 {
        self.processes.unwrap_or(if self.full { 120 } else { 31 })
    }

    /// True if reads under load are measured, too.
    fn has_load(&self) -> bool {
        self.full || self.results.is_some() || self.report.is_some()
    }

    /// The time of each scheme under load: by default that of `zonelist load`.
    fn load_time(&self) -> Duration {
        3 * self.half()
    }

    /// The share of a step under load in the progress bar: an estimate.
    fn load_step(&self) -> u64 {
        self.load_time().as_millis() as u64 / 30
    }

    /// Measures reads under load, if they belong to the results.
    fn load(
        &self,
        toggle: &Toggle,
        nodes: &[NodeId],
        chosen: &[SchemeId],
        bar: &ProgressBar,
    ) -> Result<Option<load::Report>, CommandError> {
        if !self.has_load() {
            return Ok(None);
        }
        let (threads, time) = (threads_beside_a_publisher(self.threads, Measurement::MAX_THREADS), self.load_time());
        let measurement = Measurement { toggle, nodes, threads, time, seed: self.seed, clock: Clock::new() };
        let mut tick = |doing: String, steps| {
            bar.set_message(doing);
            bar.inc(steps * self.load_step());
        };
        Ok(load::Report::measure(self.machine.machine.name(), &measurement, chosen, &mut tick)?)
    }

    /// Measures how costs grow, if that belongs to the results.
    fn growth(
        &self,
        chosen: &[SchemeId],
        conditions: &Conditions,
        bar: &ProgressBar,
    ) -> Result<Option<growth::Report>, CommandError> {
        if !self.full {
            return Ok(None);
        }
        let contenders = self.grown(chosen);
        let step = contenders.len() as u64 * Self::GROWTH_MS / growth::Report::steps(contenders.len());
        let mut tick = |doing: &'static str, steps| {
            bar.set_message(doing);
            bar.inc(steps * step);
        };
        let seconds = Self::GROWTH_MS as f64 / 2000.0;
        Ok(Some(growth::Report::measure(seconds, conditions, &contenders, true, &mut tick)?))
    }

    /// The contenders whose growth is measured.
    fn grown(&self, chosen: &[SchemeId]) -> Vec<Grown> {
        growth::contenders(chosen, self.schemes.are_all())
    }

    /// The time of growth for each contender: half for times, and half for cache lines, which is an estimate.
    const GROWTH_MS: u64 = 8000;

    /// The share of a process in the progress bar, which counts milliseconds: an estimate.
    const PROCESS_MS: u64 = 400;

    /// The time in which remembered reads are counted, for each rate of publishes.
    const HITS: Duration = Duration::from_millis(100);

    fn readers(&self) -> usize {
        threads_beside_a_publisher(self.threads, READERS)
    }
}
