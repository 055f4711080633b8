//! The comparison: what readers pay, what writers pay, and what walks under a constant writer show.

mod report;
mod timing;

pub use report::{Counts, Floor, Measure, PublishCost, RawReport, Report, SchemeReport};
pub use timing::{Timed, Timing, WALKS};
