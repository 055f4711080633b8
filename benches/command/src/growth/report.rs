//! The report of growth: its values, which are those of the JSON.

use serde::{Serialize, Serializer};
use zonelist_contenders::growth::{Axis, Measurement, lines::Lines};

use zonelist_schemes::conditions::Conditions;

/// The report. Its JSON has the keys of these fields; what was not measured is absent.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The time for each contender, in seconds.
    pub seconds: f64,
    /// CPUs that the process may use. More threads than that take turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<usize>,
    /// Times.
    pub axes: Vec<AxisReport>,
    /// Cache lines that more than one thread writes.
    #[serde(skip_serializing_if = "LinesReport::is_absent")]
    pub lines: LinesReport,
}

/// The times along one axis.
#[derive(Clone, Debug, Serialize)]
pub struct AxisReport {
    /// What grows, and what is timed.
    pub axis: Axis,
    /// The baseline, the schemes, the peers.
    pub contenders: Vec<Measurement>,
}

/// Counts of lines.
#[derive(Clone, Debug)]
pub enum LinesReport {
    /// The counts of each contender.
    Counted(Vec<Lines>),
    /// Valgrind is not installed.
    NoValgrind,
    /// They were not asked for.
    NotCounted,
}

impl LinesReport {
    fn is_absent(&self) -> bool {
        !matches!(self, Self::Counted(_))
    }
}

impl Serialize for LinesReport {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Counted(lines) => lines.serialize(to),
            Self::NoValgrind | Self::NotCounted => to.serialize_unit(),
        }
    }
}

impl Report {
    /// The report of measurements under these conditions.
    #[must_use]
    pub fn new(seconds: f64, conditions: &Conditions, axes: Vec<AxisReport>, lines: LinesReport) -> Self {
        Self { seconds, cpus: conditions.cpus, axes, lines }
    }
}
