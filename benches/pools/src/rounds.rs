//! Interleaved rounds of workloads, and the medians of their ratios.

use zonelist_schemes::measure::median;

use super::{
    contender::Contender,
    run_config::{Cpus, RunConfig, WorkloadError},
    workloads::{HugeShare, Outcome, Workload},
};

/// All rounds on pools of one size.
#[derive(Debug)]
pub struct Rounds<'c> {
    contenders: &'c [Contender],
    samples: Vec<Samples>,
    frames: usize,
    seed: u64,
    cpus: &'c Cpus,
    done: u32,
}

/// The outcomes of one workload.
#[derive(Debug)]
struct Samples {
    workload: Workload,
    /// One row for each round: the baseline, then the contenders.
    rows: Vec<Vec<Option<Outcome>>>,
}

/// A workload that failed.
#[derive(Debug, thiserror::Error)]
#[error("{contender}, workload {workload}: {error}")]
pub struct RoundError {
    /// The contender's name.
    pub contender: &'static str,
    /// The workload's key.
    pub workload: &'static str,
    /// The failure.
    #[source]
    pub error: WorkloadError,
}

/// Medians of one contender under one workload.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Cost {
    /// Nanoseconds: in (e) per operation, elsewhere per pair of an allocation and a free.
    pub ns: f64,
    /// The ratio to the baseline of the same round, if the workload has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Refused requests, summed over all rounds.
    pub refused: u64,
}

impl<'c> Rounds<'c> {
    /// No rounds yet. Workloads with more threads than there are CPUs are left out.
    #[must_use]
    pub fn new(contenders: &'c [Contender], workloads: &[Workload], frames: usize, seed: u64, cpus: &'c Cpus) -> Self {
        let possible = workloads.iter().filter(|workload| workload.threads <= cpus.count());
        let samples = possible.map(|&workload| Samples { workload, rows: Vec::new() }).collect();
        Self { contenders, samples, frames, seed, cpus, done: 0 }
    }

    /// Page frames of each pool.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The contenders, without the baseline.
    #[must_use]
    pub fn contenders(&self) -> &'c [Contender] {
        self.contenders
    }

    /// The workloads that run here.
    pub fn workloads(&self) -> impl Iterator<Item = Workload> {
        self.samples.iter().map(|sample| sample.workload)
    }

    /// Runs one round: every workload of every contender and of the baseline. Calls `tick` before each.
    ///
    /// # Errors
    /// A workload fails.
    pub fn round(&mut self, mut tick: impl FnMut(Workload, &'static str)) -> Result<(), RoundError> {
        let seed = self.seed.wrapping_add(self.done.into());
        for sample in &mut self.samples {
            let config = RunConfig { frames: self.frames, threads: sample.workload.threads, seed, cpus: self.cpus };
            let count = self.contenders.len() + 1;
            let mut row = vec![None; count];
            for i in 0..count {
                // The sequence rotates, so that no contender always runs after the same one.
                let column = (i + self.done as usize) % count;
                let contender = column.checked_sub(1).map(|index| &self.contenders[index]);
                let name = contender.map_or("baseline", |contender| contender.name);
                tick(sample.workload, name);
                row[column] = match contender {
                    None => sample.workload.run_baseline(&config),
                    Some(contender) => contender.run(sample.workload, &config),
                }
                .map_err(|error| RoundError {
                    contender: name,
                    workload: sample.workload.key(),
                    error,
                })?;
            }
            sample.rows.push(row);
        }
        self.done += 1;
        Ok(())
    }

    /// The baseline's median, in nanoseconds per operation.
    #[must_use]
    pub fn baseline(&self, workload: Workload) -> Option<f64> {
        self.sample(workload)?.median(|row| each(row, Samples::BASELINE))
    }

    /// A contender's medians, and the sum of its refused requests.
    #[must_use]
    pub fn cost(&self, workload: Workload, name: &str) -> Option<Cost> {
        let (sample, column) = (self.sample(workload)?, self.column(name)?);
        let ns = sample.median(|row| each(row, column))?;
        let ratio = sample.ratio(column, Samples::BASELINE);
        let refused = sample.rows.iter().filter_map(|row| Some(row[column]?.timed.refused)).sum();
        Some(Cost { ns, ratio, refused })
    }

    /// The median of a contender's ratios to a peer.
    #[must_use]
    pub fn to_peer(&self, workload: Workload, name: &str, peer: &str) -> Option<f64> {
        self.sample(workload)?.ratio(self.column(name)?, self.column(peer)?)
    }

    /// The medians of a contender's shares of blocks of order 9 that could still be allocated.
    #[must_use]
    pub fn huge_share(&self, workload: Workload, name: &str) -> Option<HugeShare> {
        let (sample, column) = (self.sample(workload)?, self.column(name)?);
        let mixed = sample.median(|row| Some(row[column]?.huge_share?.mixed))?;
        let unmovable = sample.median(|row| Some(row[column]?.huge_share?.unmovable))?;
        Some(HugeShare { mixed, unmovable })
    }

    fn sample(&self, workload: Workload) -> Option<&Samples> {
        self.samples.iter().find(|sample| sample.workload == workload)
    }

    fn column(&self, name: &str) -> Option<usize> {
        Some(self.contenders.iter().position(|contender| contender.name == name)? + 1)
    }
}

impl Samples {
    const BASELINE: usize = 0;

    fn median(&self, value: impl Fn(&[Option<Outcome>]) -> Option<f64>) -> Option<f64> {
        median(self.rows.iter().filter_map(|row| value(row)).collect())
    }

    fn ratio(&self, of: usize, to: usize) -> Option<f64> {
        self.median(|row| Some(each(row, of)? / each(row, to)?).filter(|ratio| ratio.is_finite()))
    }
}

fn each(row: &[Option<Outcome>], column: usize) -> Option<f64> {
    Some(row[column]?.timed.each())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::TimedOps, contender::all, workloads::WorkloadKind};

    const HOT: Workload = Workload { kind: WorkloadKind::Hot, threads: 1 };

    /// Rounds with these times of the baseline and of two contenders.
    fn recorded(cpus: &Cpus, times: &[[u64; 3]]) -> Samples {
        let contenders = all();
        let mut rounds = Rounds::new(&contenders[..2], &[HOT], 1024, 1, cpus);
        let outcome = |ns| Some(Outcome { timed: TimedOps { ns, ops: 1, refused: 1 }, huge_share: None });
        rounds.samples[0].rows = times.iter().map(|row| row.map(outcome).to_vec()).collect();
        rounds.samples.remove(0)
    }

    #[test]
    fn the_ratio_is_the_median_of_ratios() {
        let cpus = Cpus::here().unwrap();
        // The machine slows down from round to round; the first contender's ratios to the baseline are 3, 2, 2.
        let sample = recorded(&cpus, &[[10, 30, 10], [20, 40, 20], [50, 100, 400]]);
        assert_eq!(sample.median(|row| each(row, 1)), Some(40.0));
        assert_eq!(sample.ratio(1, Samples::BASELINE), Some(2.0));
        assert_eq!(sample.ratio(2, Samples::BASELINE), Some(1.0));
        assert_eq!(sample.ratio(1, 2), Some(2.0));
    }

    #[test]
    fn a_median_of_nothing_is_none() {
        let cpus = Cpus::here().unwrap();
        assert_eq!(recorded(&cpus, &[]).ratio(1, Samples::BASELINE), None);
        assert_eq!(recorded(&cpus, &[[0, 1, 1]]).ratio(1, Samples::BASELINE), None, "no infinity");
    }

    #[test]
    fn refusals_add_up_over_rounds() {
        let cpus = Cpus::here().unwrap();
        let contenders = all();
        let mut rounds = Rounds::new(&contenders[..2], &[HOT], 1024, 1, &cpus);
        rounds.samples[0] = recorded(&cpus, &[[10, 30, 10], [20, 40, 20]]);
        assert_eq!(rounds.cost(HOT, contenders[0].name).unwrap().refused, 2);
        assert_eq!(rounds.cost(HOT, "no such contender"), None);
    }

    #[test]
    fn workloads_of_more_threads_than_cpus_are_left_out() {
        let cpus = Cpus::here().unwrap();
        let many = Workload { kind: WorkloadKind::Hot, threads: cpus.count() + 1 };
        assert_eq!(Rounds::new(&all(), &[HOT, many], 1024, 1, &cpus).workloads().collect::<Vec<_>>(), [HOT]);
    }
}
