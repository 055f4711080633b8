//! The values of the report, made of the runs.

use std::{collections::BTreeMap, time::Duration};

use zonelist_contenders::{
    contender::PEERS,
    load::{Clock, Contestant, LoadError, Loaded, Pacer, Rate, Reads, StalledRun, Times, Updates},
};
use zonelist_schemes::{SchemeId, measure::median};

use super::{
    REACHED,
    measure::{Measurement, SchemeRuns},
    report::{
        ClockReport, LoadReport, PeerReport, Quantiles, ReadReport, Report, SchemeReport, SlowReads, StalledReport,
        UpdateReport,
    },
};

/// Steps of the runs of a scheme alone: their share of its time.
const STEPS_ALONE: u64 = 3;

impl Report {
    /// Steps of a measurement of this number of schemes. A step is a run of a round, which is shorter than the runs of a
    /// scheme alone; the noise and the peers have rounds only.
    #[must_use]
    pub fn steps(schemes: usize) -> u64 {
        let peers = PEERS.iter().filter_map(Contestant::peer).count();
        let rounds = (schemes + peers + 1) * Rate::ALL.len() * Measurement::ROUNDS as usize;
        rounds as u64 + schemes as u64 * STEPS_ALONE
    }

    /// Measures the schemes and all peers. Calls `tick` with what is being done, and with the steps that are done.
    ///
    /// # Errors
    /// A measurement fails.
    pub fn measure(
        machine: String,
        measurement: &Measurement<'_>,
        schemes: &[SchemeId],
        tick: &mut dyn FnMut(String, u64),
    ) -> Result<Option<Self>, LoadError> {
        let peers: Vec<Contestant<'_>> = PEERS.iter().filter_map(Contestant::peer).collect();
        let rounds = measurement.rounds(schemes, peers, &mut || tick("reading and publishing".into(), 1))?;
        let mut alone = Vec::new();
        for scheme in schemes {
            tick(format!("grace periods and a stalled reader of {}", scheme.name()), STEPS_ALONE);
            alone.push(measurement.of_scheme(*scheme)?);
        }
        Self::new(machine, measurement, rounds.contestants(), alone)
    }

    /// The report of rounds of the noise, of the schemes, and of the peers, and of the runs of each scheme.
    ///
    /// `None` without the noise.
    ///
    /// # Errors
    /// A histogram can't be made.
    pub fn new(
        machine: String,
        measurement: &Measurement<'_>,
        contestants: &[Contestant<'_>],
        runs: Vec<SchemeRuns>,
    ) -> Result<Option<Self>, LoadError> {
        let Some((noise, others)) = contestants.split_first() else { return Ok(None) };
        let (schemes, peers) = others.split_at(runs.len().min(others.len()));
        let limits = noise.loaded();
        let load = |contestant: &Contestant<'_>| LoadReport::new(contestant.loaded(), Some(limits));
        let schemes = schemes.iter().zip(runs).map(|(scheme, runs)| {
            Ok(SchemeReport {
                scheme: scheme.name(),
                load: load(scheme)?,
                grace_periods: runs.grace_periods.map(|loaded| UpdateReport::new(&loaded.updates)),
                stalled: StalledReport::new(&runs.stalled, measurement.rest()),
            })
        });
        let peers = peers.iter().map(|peer| Ok(PeerReport { name: peer.name(), load: load(peer)? }));
        let noise = LoadReport::new(limits, None)?;
        let reached = noise.publishes.get(&Rate::PerSecond(1000)).and_then(|it| it.a_second);
        Ok(Some(Self {
            machine,
            quiet: reached.map(|reached| reached >= REACHED),
            seconds: measurement.time.as_secs_f64(),
            threads: measurement.threads,
            clock: ClockReport::new(&measurement.clock, &noise),
            schemes: schemes.collect::<Result<_, LoadError>>()?,
            peers: peers.collect::<Result<_, LoadError>>()?,
            noise,
        }))
    }
}

impl ClockReport {
    fn new(clock: &Clock, noise: &LoadReport) -> Self {
        let empty = noise.reads.get(&Rate::PerSecond(0)).and_then(|reads| reads.single.p50_ns);
        Self { source: clock.source(), resolution_ns: clock.resolution_ns(), empty_pair_ns: empty }
    }
}

/// The runs of each round, by rate.
type ByRate = BTreeMap<Rate, Vec<Loaded>>;

impl LoadReport {
    /// The times at each rate. `noise` has those of the noise, if these are others.
    fn new(loaded: &ByRate, noise: Option<&ByRate>) -> Result<Self, LoadError> {
        let mut report = Self { reads: BTreeMap::new(), publishes: BTreeMap::new() };
        for (&rate, rounds) in loaded {
            let noise = noise.and_then(|noise| noise.get(&rate));
            let sum = Loaded::sum(rounds)?;
            let slow = noise.and_then(|noise| SlowReads::new(rounds, noise));
            report.reads.insert(rate, ReadReport { slow, ..ReadReport::new(&sum.reads) });
            if rate != Rate::PerSecond(0) {
                report.publishes.insert(rate, UpdateReport::new(&sum.updates));
            }
        }
        Ok(report)
    }
}

impl SlowReads {
    /// `None` if the noise has too few samples.
    fn new(rounds: &[Loaded], noise: &[Loaded]) -> Option<Self> {
        let pairs = || rounds.iter().zip(noise).map(|(it, noise)| (&it.reads.single, &noise.reads.single));
        let more = |share: fn(&Times, u64) -> Option<f64>| {
            let of_round = |(it, noise): (&Times, &Times)| {
                let limit = noise.quantile(0.9999)?;
                Some(share(it, limit)? - share(noise, limit)?)
            };
            median(pairs().filter_map(of_round).collect()).map(|more| more.max(0.0))
        };
        Some(Self { slow_ppm: 1e6 * more(Times::share_above)?, slow_time_share: more(Times::sum_share_above)? })
    }
}

impl ReadReport {
    fn new(reads: &Reads) -> Self {
        Self {
            count: reads.single.count(),
            read_ns: reads.read_ns(),
            single: Quantiles::new(&reads.single),
            slow: None,
        }
    }
}

impl Quantiles {
    fn new(times: &Times) -> Self {
        Self {
            p50_ns: times.quantile(0.5),
            p90_ns: times.quantile(0.9),
            p99_ns: times.quantile(0.99),
            p99_9_ns: times.quantile(0.999),
            p99_99_ns: times.quantile(0.9999),
            max_ns: times.max(),
        }
    }
}

impl UpdateReport {
    fn new(updates: &Updates) -> Self {
        Self { count: updates.times.count(), a_second: updates.a_second(), times: Quantiles::new(&updates.times) }
    }
}

impl StalledReport {
    fn new(run: &StalledRun, time: Duration) -> Self {
        Self {
            seconds: time.as_secs_f64(),
            due: Pacer::due_within(Measurement::RATE, time).unwrap_or(0),
            returned: run.returned,
            publish_max_ns: run.loaded.updates.times.max(),
            reads: ReadReport::new(&run.loaded.reads),
            bytes_kept: run.bytes_kept,
        }
    }
}
