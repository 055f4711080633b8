//! Costs against sizes: zones, nodes, threads, registered readers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All measurements of growth.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Growth {
    /// Times, by what grows, such as `walk_by_zones`; in each the contenders.
    #[serde(default)]
    pub times: BTreeMap<String, Vec<Times>>,
    /// Counts of cache lines that more than one thread writes, by contender.
    #[serde(default)]
    pub lines: Vec<Lines>,
}

/// The times of one contender.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Times {
    /// The name.
    pub name: String,
    /// The times, the smallest number first.
    pub points: Vec<Point>,
    /// The fitted power of the number.
    #[serde(flatten)]
    pub fit: Option<Fit>,
}

/// A time at a number.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The number.
    pub number: u64,
    /// Nanoseconds.
    pub ns: f64,
}

/// The counts of one contender.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lines {
    /// The name.
    pub name: String,
    /// The counts, by what grows.
    pub axes: BTreeMap<String, LineCounts>,
}

/// The counts along one axis.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LineCounts {
    /// The counts, the smallest number first.
    pub points: Vec<LineCount>,
    /// The fitted power of the number.
    #[serde(flatten)]
    pub fit: Option<Fit>,
}

/// A count at a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineCount {
    /// The number.
    pub number: u64,
    /// Cache lines.
    pub lines: u64,
}

/// A fitted power.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fit {
    /// The exponent: 0 if the cost does not grow, 1 if it grows as the number does.
    pub exponent: f64,
    /// Half the width of its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<f64>,
    /// The share of the variance that it explains.
    pub r_squared: f64,
}
