//! The comparison: what readers pay, what writers pay, and what walks and requests under a constant
//! writer come to.

mod refusals;
mod report;

pub use refusals::{Refusals, Requests};
pub use report::{Counts, PeerReport, RawReads, RawReport, Report, SchemeReport, table};
pub(crate) use report::{as_text, count};
