//! How far the figures of several runs agree: the share of them whose interval contains the median of all runs.
//!
//! A 95 % interval of one run says nothing of what changes from run to run only: the state of the machine, which lasts
//! for minutes. So runs are compared: of all figures of all runs, 95 % are to contain the median of their runs.
//!
//! Two runs of one scheme are as one scheme under two names in one run. So it also counts how often their intervals do not
//! overlap, and how often they do not if one of them is a tenth more.

use std::{collections::BTreeMap, fmt, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zonelist_contenders::statistics::{Estimate, mean_and_deviation};
use zonelist_schemes::measure::median;

/// The figures of several runs, each by its path in the JSON.
#[derive(Clone, Default, Debug)]
pub struct Runs {
    count: usize,
    figures: BTreeMap<String, Vec<Estimate>>,
}

/// How far the figures agree.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Agreement {
    /// Runs.
    pub runs: usize,
    /// Figures of a run that each run has.
    pub figures: usize,
    /// The share of figures whose interval contains the median of the runs.
    pub within: f64,
    /// The median of half the width of an interval, as a share of its figure.
    pub half_width: f64,
    /// The share of pairs of runs, one behind the other, whose intervals do not overlap: 5 % at most are to be distinguished.
    pub distinguished: f64,
    /// The same share if the second is a tenth more.
    pub tenth_found: f64,
    /// The same of walks of 64 zones alone; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenth_found_in_walks_of_64: Option<f64>,
    /// The same share by figure, of those below 1, least first.
    pub apart: Vec<Apart>,
}

/// A figure of which some interval does not contain the median of the runs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Apart {
    /// Its path in the JSON.
    pub figure: String,
    /// The share of runs whose interval contains it.
    pub within: f64,
    /// The median of the runs.
    pub median: f64,
    /// The standard deviation of the runs, as a share of the median.
    pub deviation: f64,
    /// The median of half the width of an interval, as a share of its figure.
    pub half_width: f64,
}

/// Runs that can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// A file can't be read, or is no JSON.
    #[error("{file}: {error}; expected a file that `zonelist compare --json` has written")]
    File {
        /// The file.
        file: String,
        /// The error of the system, or of the JSON.
        #[source]
        error: io::Error,
    },
    /// No figure is in every file.
    #[error("no figure with an interval is in every file; expected runs of the same command")]
    NoFigure,
}

impl Runs {
    /// Adds a run: what `compare --json` has printed.
    pub fn add(&mut self, run: &Value) {
        self.count += 1;
        collect(run, "", &mut self.figures);
    }

    /// How far they agree; `None` if no figure is in every run.
    #[must_use]
    pub fn agreement(&self) -> Option<Agreement> {
        let shared = || self.figures.iter().filter(|(_, runs)| runs.len() == self.count);
        let all: Vec<Apart> = shared().filter_map(|(figure, runs)| Apart::of(figure, runs)).collect();
        let walks = shared().filter(|(figure, _)| figure.ends_with("/full_walk/64"));
        let tenth_found_in_walks_of_64 = distinguished(walks.map(|(_, runs)| runs), 1.1);
        let [distinguished, tenth_found] = [1.0, 1.1].map(|times| distinguished(shared().map(|(_, runs)| runs), times));
        let within = all.iter().map(|figure| figure.within).sum::<f64>() / all.len() as f64;
        let half_width = median(all.iter().map(|figure| figure.half_width).collect())?;
        let figures = all.len();
        let mut apart: Vec<Apart> = all.into_iter().filter(|figure| figure.within < 1.0).collect();
        apart.sort_by(|one, other| one.within.total_cmp(&other.within));
        let (runs, distinguished, tenth_found) = (self.count, distinguished?, tenth_found?);
        Some(Agreement {
            runs,
            figures,
            within,
            half_width,
            distinguished,
            tenth_found,
            tenth_found_in_walks_of_64,
            apart,
        })
    }
}

/// The share of pairs of runs, one behind the other, whose figures differ if the second is this many times as large.
fn distinguished<'r>(figures: impl Iterator<Item = &'r Vec<Estimate>>, times: f64) -> Option<f64> {
    let differ = |pair: &[Estimate]| {
        let Estimate { ns, ratio, interval } = pair[1];
        let interval = interval.map(|ends| ends.map(|end| times * end));
        f64::from(pair[0].differs_from(&Estimate { ns, ratio: times * ratio, interval }))
    };
    let pairs: Vec<f64> = figures.flat_map(|runs| runs.windows(2).map(differ)).collect();
    (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
}

impl Apart {
    fn of(figure: &str, runs: &[Estimate]) -> Option<Self> {
        let median_of = |of: fn(&Estimate) -> f64| median(runs.iter().map(of).collect());
        let (centre, half_width) = (median_of(|run| run.ratio)?, median_of(|run| run.half_width().unwrap_or(0.0))?);
        let contains = |run: &&Estimate| run.interval.is_some_and(|[low, high]| low <= centre && centre <= high);
        let within = runs.iter().filter(contains).count() as f64 / runs.len() as f64;
        let ratios: Vec<f64> = runs.iter().map(|run| run.ratio).collect();
        let deviation = mean_and_deviation(&ratios).map_or(0.0, |(_, deviation)| deviation / centre);
        Some(Self { figure: figure.to_owned(), within, median: centre, deviation, half_width })
    }
}

/// Collects every figure that has an interval.
fn collect(value: &Value, path: &str, figures: &mut BTreeMap<String, Vec<Estimate>>) {
    match value {
        Value::Object(fields) => {
            let estimate = Estimate::deserialize(value).ok();
            if let Some(estimate) = estimate.filter(|estimate| estimate.interval.is_some()) {
                figures.entry(path.to_owned()).or_default().push(estimate);
            }
            for (name, value) in fields {
                collect(value, &format!("{path}/{name}"), figures);
            }
        }
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                let name = ["scheme", "name"].iter().find_map(|key| value.get(key)?.as_str().map(str::to_owned));
                collect(value, &format!("{path}/{}", name.unwrap_or_else(|| number.to_string())), figures);
            }
        }
        _ => (),
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, figures, within, half_width, distinguished, tenth_found, tenth_found_in_walks_of_64, apart } =
            self;
        writeln!(
            f,
            "{runs} runs, {figures} figures: {:.1} % of the intervals contain the median of the runs; half the width of \
             an interval is {:.1} % of the figure",
            100.0 * within,
            100.0 * half_width
        )?;
        let walks = tenth_found_in_walks_of_64.map(|found| format!(", and {:.1} % of walks of 64", 100.0 * found));
        writeln!(
            f,
            "Of pairs of runs, {:.1} % of the figures are distinguished; if one is a tenth more, {:.1} %{}",
            100.0 * distinguished,
            100.0 * tenth_found,
            walks.unwrap_or_default()
        )?;
        for Apart { figure, within, median, deviation, half_width } in apart.iter().take(20) {
            writeln!(
                f,
                "  {:3.0} %  {figure}: {median:.3}, runs deviate by {:.1} %, half the width is {:.1} %",
                100.0 * within,
                100.0 * deviation,
                100.0 * half_width
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(ratio: f64) -> Value {
        let figure = json!({"ns": 1.0, "ratio": ratio, "interval": [ratio - 0.1, ratio + 0.1]});
        json!({"schemes": [{"scheme": "Qsbr", "first_zone": figure, "alloc_pair": {"ns": 1.0, "ratio": 1.0, "interval": [0.9, 1.1]}}]})
    }

    #[test]
    fn an_interval_without_the_median_of_the_runs_is_counted() {
        let mut runs = Runs::default();
        assert_eq!(runs.agreement(), None);
        [1.0, 1.05, 1.0, 1.5].iter().for_each(|&ratio| runs.add(&run(ratio)));
        let agreement = runs.agreement().unwrap();
        assert_eq!((agreement.runs, agreement.figures, agreement.within), (4, 2, 0.875));
        let [apart] = &agreement.apart[..] else { panic!("{agreement:?}") };
        assert_eq!((apart.figure.as_str(), apart.within), ("/schemes/Qsbr/first_zone", 0.75));
        assert!(agreement.to_string().starts_with("4 runs, 2 figures: 87.5 %"), "{agreement}");
        // 1.0 and 1.5 alone are apart, of six pairs. A tenth more than 1.5 is, too, and so is no other.
        assert_eq!((agreement.distinguished, agreement.tenth_found), (1.0 / 6.0, 1.0 / 6.0));
        assert_eq!(agreement.tenth_found_in_walks_of_64, None);
    }

    #[test]
    fn a_tenth_more_is_found_where_intervals_are_narrow() {
        let mut runs = Runs::default();
        for ratio in [1.0, 1.01, 1.0] {
            let figure = json!({"ns": 1.0, "ratio": ratio, "interval": [ratio - 0.02, ratio + 0.02]});
            runs.add(&json!({"schemes": [{"scheme": "Qsbr", "full_walk": {"64": figure}}]}));
        }
        let agreement = runs.agreement().unwrap();
        assert_eq!((agreement.distinguished, agreement.tenth_found_in_walks_of_64), (0.0, Some(1.0)), "{agreement}");
        assert!(agreement.to_string().contains("100.0 % of walks of 64"), "{agreement}");
    }

    #[test]
    fn a_figure_that_a_run_lacks_does_not_count() {
        let mut runs = Runs::default();
        runs.add(&run(1.0));
        runs.add(&json!({"schemes": []}));
        assert_eq!(runs.agreement(), None);
    }
}
