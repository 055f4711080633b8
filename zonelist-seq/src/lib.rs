//! Publication of zonelists under a sequence counter.
#![cfg_attr(not(feature = "seqlock"), no_std)]
#![forbid(unsafe_code)]

#[cfg(all(feature = "seqlock", shuttle))]
mod scheduled;
#[cfg(all(feature = "seqlock", not(loom)))]
mod seq_copy;
mod seq_retry;

#[cfg(all(feature = "seqlock", not(loom)))]
pub use seq_copy::{CopyWalk, SeqCopy};
pub use seq_retry::{SeqRetry, SeqWalk};
