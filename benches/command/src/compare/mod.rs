//! The comparison of schemes: the cost of reads and publishes, and the results of walks and requests during publishes.

mod peer_report;
mod refusals;
mod report;
mod samples;
mod text;

pub use peer_report::{PeerReport, PeerWalks};
pub use refusals::{Refusals, Requests};
pub use report::{Counts, RawReads, RawReport, Report, SchemeReport};
pub use samples::{SampleError, Samples};
