//! Costs against sizes: zones, nodes, threads, registered readers.

use serde::{Deserialize, Serialize};

/// All measurements of growth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Growth {
    /// One for each cost and size.
    pub series: Vec<Series>,
}

/// One cost against one size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Series {
    /// The cost, such as `a publish`.
    pub cost: String,
    /// Its unit, such as `ns`.
    pub unit: String,
    /// The size, such as `zones`.
    pub size: String,
    /// The contenders.
    pub lines: Vec<Line>,
}

/// The cost of one contender.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The name.
    pub name: String,
    /// Size and cost, smallest size first.
    pub points: Vec<[f64; 2]>,
    /// The exponent of the fitted power of the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent: Option<f64>,
}
