//! Medians, and the two forms in which a time is given.

use serde::Serialize;

/// A cost, as medians over rounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Measure {
    /// Nanoseconds.
    pub ns: f64,
    /// To the floor in the same round.
    pub ratio: f64,
}

/// A cost without ratio: the floor's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Floor {
    /// Nanoseconds.
    pub ns: f64,
}

impl Measure {
    /// The same as a floor.
    #[must_use]
    pub fn floor(self) -> Floor {
        Floor { ns: self.ns }
    }
}

/// The median; of an even number, the greater of the two in the middle.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
