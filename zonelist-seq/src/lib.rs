//! Publication of zonelists under a sequence counter.
#![no_std]
#![forbid(unsafe_code)]

mod seq_retry;

pub use seq_retry::{SeqRetry, SeqWalk};
