//! Results of the workloads for page-frame allocators: reports, tables, and the bounds for our allocator.

mod bounds;
mod report;
mod tables;

pub use bounds::{BOUNDS, Bound, FRAMES, Reference, Verdict};
pub use report::{BoundReport, ContenderReport, Report, SizeReport, target};
