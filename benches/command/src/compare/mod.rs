//! The comparison of schemes: the cost of reads and publishes, and the results of walks and requests during publishes.

pub mod page;
mod peer_report;
mod refusals;
mod report;
mod results;
mod samples;
mod text;

pub use peer_report::{PeerReport, PeerWalks};
pub use refusals::{Refusals, Requests};
pub use report::{Counts, RawReads, RawReport, Report, SchemeReport};
pub use results::Results;
pub use samples::{SampleError, Samples};
