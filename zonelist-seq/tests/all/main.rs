//! The tests of this package that need no program of their own.
#![cfg(all(feature = "seqlock", not(loom)))]

mod mutant;
mod seq_copy;
mod seq_retry;
mod stress;
