//! Contenders: schemes through the trait, the same schemes by hand, outside peers, and the baseline.
//!
//! All of them run the same loops. The compiler sees each loop once for each contender and never across the call: the
//! published state is opaque to it, and the nodes come from a table drawn before the clock starts.

mod any_publication;
mod baseline;
mod by_hand;
mod drawn;
mod error;
mod loops;
mod pairs;
mod peers;
mod publication;
mod remembered;
mod run_time;
mod seqlock_by_hand;
mod through;

pub use any_publication::{AnyPublication, published};
pub use baseline::Baseline;
pub use by_hand::{by_hand, published_by_hand};
pub use drawn::{CLASSES, Draw, DrawnPairs, ThroughDrawnPages};
pub use error::ContenderError;
pub(crate) use loops::after_compiler_fence;
pub use loops::{ANY, Contender, ReadList};
pub use pairs::{Pairs, ThroughPages, baseline_pairs};
pub use peers::{Judge, PEERS, Peer, PeerEntry, PeerReader, Publish, RunUnderLoad, SetUp, Table};
pub use publication::Publication;
pub use remembered::{BY_NODE, FORGOTTEN, ONE_NODE, Remembered, remembered};
pub use run_time::{AT_RUN_TIME, at_run_time, pairs_at_run_time};
pub use through::Through;
