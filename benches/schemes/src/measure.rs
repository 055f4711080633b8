//! Medians, and the two forms in which reports give a time.

use serde::{Deserialize, Serialize};

/// A cost: medians over rounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// Nanoseconds.
    pub ns: f64,
    /// The ratio to the baseline in the same round.
    pub ratio: f64,
}

/// The cost of the baseline, which has no ratio.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct BaselineCost {
    /// Nanoseconds.
    pub ns: f64,
}

/// The median; of an even number of values, the greater of the two in the middle. `None` without a value.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
