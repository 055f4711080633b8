//! Publication of zonelists under a sequence number.
//!
//! [`SeqRetry`] needs neither std nor a heap: a walk reports that it was torn. `SeqCopy` is behind the default feature
//! `seqlock`: a walk copies its list until the copy is whole.
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
