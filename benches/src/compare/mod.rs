//! The comparison: what readers pay, what writers pay, and what walks under a constant writer show.

mod consistency;
mod report;
mod timing;

pub use consistency::{Consistency, Pressure, PressureError};
pub use report::{Counts, Floor, Measure, PeerReport, PublishCost, RawReport, Report, SchemeReport, table};
pub use timing::{Timed, Timing, WALKS, median, set_up};
