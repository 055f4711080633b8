//! What trials of page allocators found: reports, tables, and the bounds that ours is held to.

mod bounds;
mod report;
mod show;

pub use bounds::{Against, BOUNDS, Bound, FRAMES, Verdict};
pub use report::{BoundReport, ContenderReport, Report, SizeReport, target};
