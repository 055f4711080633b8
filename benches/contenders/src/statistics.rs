//! Figures of several processes: the median of their medians, with an interval that their variation gives.
//!
//! A figure varies from process to process: by the addresses of code and data, by the pages that the system happens to
//! give. Rounds within one process do not show that. So each figure is measured in several fresh processes, and the
//! medians of these processes are the sample:
//!
//! ```text
//!   figure     median of the processes' medians
//!   interval   from one of the sorted medians to another: the narrowest pair, equally far from both ends, that has the
//!              true median between them with a probability of 95 %, whatever the distribution
//! ```
//!
//! So a process that an interrupt or another virtual machine has slowed down does not widen the interval. A pair needs six
//! processes. Of fewer, the interval is that of
//! their mean by Student's distribution, widened to contain the figure.
//!
//! What changes from run to run only, no interval of one run shows: `zonelist agreement` compares runs. The intervals are
//! widened by what it found, [`BETWEEN_RUNS`].

use serde::{Deserialize, Serialize};
use zonelist_schemes::measure::{Measure, median};

use crate::timing::Timed;

/// The greatest half-width of an interval with which a figure is exact enough for a comparison, as a share of it.
pub const EXACT: f64 = 0.03;

/// The same for reads of a first zone: they take a nanosecond, so that the place of the code changes more of it.
pub const EXACT_FIRST: f64 = 0.06;

/// The same for publishes: those that allocate vary with the state of the heap, and those beside reads with the moment of
/// each read.
pub const EXACT_PUBLISH: f64 = 0.1;

/// Half the width of a 95 % interval of what changes from run to run alone, as a share of a figure: by ten runs on a quiet
/// virtual machine, of which 92 % of the figures agreed without it, and 98 % with it.
pub const BETWEEN_RUNS: f64 = 0.004;

/// A figure of several processes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// Nanoseconds.
    pub ns: f64,
    /// The ratio to the baseline.
    pub ratio: f64,
    /// A 95 % interval of the ratio. `None` of one process, which shows no variation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// A time of several processes, which has no ratio: that of a baseline.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct BaselineEstimate {
    /// Nanoseconds.
    pub ns: f64,
    /// A 95 % interval of the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// What several processes give.
pub trait Figure: Sized {
    /// The figure of these processes; `None` without a process.
    fn of(processes: &[Measure]) -> Option<Self>;
}

impl Figure for Estimate {
    fn of(processes: &[Measure]) -> Option<Self> {
        let ratios: Vec<f64> = processes.iter().map(|process| process.ratio).collect();
        let ns = median(processes.iter().map(|process| process.ns).collect())?;
        let ratio = median(ratios.clone())?;
        Some(Self { ns, ratio, interval: interval(&ratios, ratio) })
    }
}

impl Figure for BaselineEstimate {
    fn of(processes: &[Measure]) -> Option<Self> {
        let times: Vec<f64> = processes.iter().map(|process| process.ns).collect();
        let ns = median(times.clone())?;
        Some(Self { ns, interval: interval(&times, ns) })
    }
}

impl Estimate {
    /// Half the width of the interval, as a share of the figure.
    #[must_use]
    pub fn half_width(&self) -> Option<f64> {
        self.interval.map(|[low, high]| (high - low) / 2.0 / self.ratio)
    }

    /// True if the two intervals do not overlap. A figure of one process differs from none.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        match (self.interval, other.interval) {
            (Some([low, high]), Some([other_low, other_high])) => high < other_low || other_high < low,
            _ => false,
        }
    }
}

impl Timed<Measure> {
    /// The figures of several processes, each of which ran the same loops.
    #[must_use]
    pub fn figures<F: Figure>(processes: &[&Self]) -> Timed<F> {
        let of = |measure: fn(&Self) -> Option<Measure>| {
            F::of(&processes.iter().filter_map(|process| measure(process)).collect::<Vec<_>>())
        };
        let walks = processes.iter().map(|process| process.full.len()).min().unwrap_or(0);
        let walk = |i: usize| F::of(&processes.iter().map(|process| process.full[i]).collect::<Vec<_>>());
        Timed {
            first: of(|timed| timed.first),
            dependent: of(|timed| timed.dependent),
            by_hand: of(|timed| timed.by_hand),
            remembered: of(|timed| timed.remembered),
            to_hand: of(|timed| timed.to_hand),
            full: (0..walks).filter_map(walk).collect(),
            pair: of(|timed| timed.pair),
        }
    }
}

/// A 95 % interval of the median, with the variation between runs. `None` of fewer than two values.
fn interval(values: &[f64], median: f64) -> Option<[f64; 2]> {
    let [low, high] = of_ranks(values).or_else(|| of_mean(values, median))?;
    let runs = BETWEEN_RUNS * median;
    let widened = |end: f64| (end - median).hypot(runs);
    Some([median - widened(low), median + widened(high)])
}

/// The ranks of the sorted values between which the true median is with a probability of 95 %: the number of values below
/// it has the binomial distribution. `None` of fewer than six values.
fn of_ranks(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    // The probability that exactly, and that at most, `below` values are less than the true median.
    let (mut exactly, mut at_most) = (0.5_f64.powi(n as i32), 0.0);
    let mut place = None;
    for below in 0..n / 2 {
        at_most += exactly;
        if at_most > 0.025 {
            break;
        }
        place = Some(below);
        exactly *= (n - below) as f64 / (below + 1) as f64;
    }
    place.map(|place| [sorted[place], sorted[n - 1 - place]])
}

/// A 95 % interval of the mean by Student's distribution, widened to contain the median.
fn of_mean(values: &[f64], median: f64) -> Option<[f64; 2]> {
    let (mean, deviation) = mean_and_deviation(values)?;
    let half = student_t(values.len() - 1) * deviation / (values.len() as f64).sqrt();
    Some([median.min(mean - half), median.max(mean + half)])
}

/// The mean of a sample, and its standard deviation. `None` of fewer than two values.
#[must_use]
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let degrees = values.len().checked_sub(1).filter(|&degrees| degrees > 0)?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / degrees as f64;
    Some((mean, variance.sqrt()))
}

/// The value that a variable of Student's distribution exceeds with a probability of 2.5 %.
///
/// Source: the table of the distribution. Between two entries the lower number of degrees applies, which gives the
/// wider interval.
pub(crate) fn student_t(degrees: usize) -> f64 {
    const TABLE: [(usize, f64); 22] = [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (6, 2.447),
        (7, 2.365),
        (8, 2.306),
        (9, 2.262),
        (10, 2.228),
        (11, 2.201),
        (12, 2.179),
        (13, 2.160),
        (14, 2.145),
        (15, 2.131),
        (16, 2.120),
        (18, 2.101),
        (20, 2.086),
        (25, 2.060),
        (30, 2.042),
        (60, 2.000),
        (120, 1.980),
    ];
    TABLE.iter().rev().find(|(entry, _)| *entry <= degrees).map_or(f64::INFINITY, |(_, t)| *t)
}

/// Groups of names by a figure, least first: each figure of a group differs from each figure of another group.
///
/// Within a group, neighbours can not be distinguished, though its first and last figure may differ.
#[must_use]
pub fn groups<'n>(figures: impl IntoIterator<Item = (&'n str, Estimate)>) -> Vec<Vec<&'n str>> {
    let mut figures: Vec<_> = figures.into_iter().collect();
    figures.sort_by(|(_, one), (_, other)| one.ratio.total_cmp(&other.ratio));
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for i in 0..figures.len() {
        let (before, after) = figures.split_at(i);
        let is_apart = before.iter().all(|(_, one)| after.iter().all(|(_, other)| one.differs_from(other)));
        match groups.last_mut().filter(|_| !is_apart) {
            Some(group) => group.push(figures[i].0),
            None => groups.push(vec![figures[i].0]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(ratios: &[f64]) -> Estimate {
        let processes: Vec<Measure> = ratios.iter().map(|&ratio| Measure { ns: 2.0 * ratio, ratio }).collect();
        Estimate::of(&processes).unwrap()
    }

    #[test]
    fn the_interval_is_that_of_the_distribution() {
        // Mean 3, standard deviation √2.5, five values: 2.776 · √0.5 = 1.963.
        let Estimate { ns, ratio, interval } = estimate(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        let [low, high] = interval.unwrap();
        assert_eq!((ns, ratio), (6.0, 3.0));
        assert!((low - 1.037).abs() < 0.001 && (high - 4.963).abs() < 0.001, "{low} {high}");
    }

    #[test]
    fn the_interval_contains_the_median() {
        let Estimate { ratio, interval, .. } = estimate(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 90.0]);
        assert!(interval.is_some_and(|[low, high]| low <= ratio && ratio <= high));
    }

    #[test]
    fn a_disturbed_process_does_not_widen_the_interval() {
        let ratios: Vec<f64> = (0..30).map(|i| 1.0 + f64::from(i % 3) / 1000.0).chain([90.0]).collect();
        let half_width = estimate(&ratios).half_width().unwrap();
        assert!(half_width < 0.002 + BETWEEN_RUNS, "{half_width}");
    }

    #[test]
    fn one_process_has_no_interval_and_differs_from_none() {
        let (one, other) = (estimate(&[1.0]), estimate(&[9.0]));
        assert_eq!((one.interval, one.half_width(), one.differs_from(&other)), (None, None, false));
        assert_eq!(Estimate::of(&[]), None);
    }

    /// The interval contains the true value in at least 95 of 100 samples: drawn from a sum of uniform values, which is
    /// nearly normal, or from that with every eighth process slowed down or sped up.
    #[test]
    fn the_interval_covers_the_true_value() {
        let mut draw = fastrand::Rng::with_seed(1);
        for (processes, disturbed) in [(5, false), (6, true), (9, true), (20, false), (31, true), (120, true)] {
            let covered = (0..4000).filter(|_| {
                let value = |_| {
                    let scale = if disturbed && draw.u8(..8) == 0 { 40.0 } else { 1.0 };
                    scale * (0..12).map(|_| draw.f64() - 0.5).sum::<f64>()
                };
                let values: Vec<f64> = (0..processes).map(value).collect();
                let median = median(values.clone()).expect("values");
                let interval = of_ranks(&values).or_else(|| of_mean(&values, median));
                interval.is_some_and(|[low, high]| low <= 0.0 && 0.0 <= high)
            });
            let share = covered.count() as f64 / 4000.0;
            assert!((0.94..0.98).contains(&share), "{share} of {processes} processes");
        }
    }

    #[test]
    fn intervals_that_overlap_are_one_group() {
        let around = |ratio: f64| estimate(&[0.99, 1.0, 1.0, 1.0, 1.01].map(|part| part * ratio));
        let figures = [
            ("slow", around(3.0)),
            ("fast", around(1.0)),
            ("like fast", around(1.005)),
            ("wide", estimate(&[5.0, 6.0, 7.0, 8.0, 9.0])),
            ("within wide", around(6.5)),
        ];
        let groups = groups(figures);
        assert_eq!(groups, [vec!["fast", "like fast"], vec!["slow"], vec!["within wide", "wide"]]);
    }
}
