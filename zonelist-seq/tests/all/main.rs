//! The tests of this package that need no program of their own.
#![cfg(all(feature = "seqlock", not(loom)))]

mod publish;
mod stress;
mod twin;
