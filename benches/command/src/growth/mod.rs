//! The report of growth: times by numbers, their exponents, and cache lines that more than one thread writes.
//!
//! The measurements are those of [`zonelist_contenders::growth`].

mod measured;
mod report;
mod tables;

pub use measured::contenders;
pub use report::{AxisReport, LinesReport, Report};
