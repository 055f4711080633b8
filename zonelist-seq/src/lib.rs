// Links of the README as links of this page: of two definitions, the first one counts.
//! [`SeqRetry`]: crate::SeqRetry
//! [`SeqCopy`]: crate::SeqCopy
#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "seqlock"),
    allow(rustdoc::broken_intra_doc_links, reason = "what is not built is not linked")
)]
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
