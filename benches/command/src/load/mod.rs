//! Schemes under load: slow reads, publishes and grace periods, and what a stalled reader costs others.
//!
//! The measurements are those of [`zonelist_contenders::load`].

mod cells;
mod from_runs;
mod measure;
mod report;
mod tables;

pub use measure::{Measurement, SchemeRuns};
pub use report::{
    ClockReport, LoadReport, PeerReport, ReadReport, Report, SchemeReport, SlowReads, StalledReport, UpdateReport,
};

/// Publishes a second that count as 1000: the last one of a short run may be missing.
const REACHED: f64 = 990.0;
