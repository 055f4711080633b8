//! The tests of this package that need no program of their own.
#![cfg(all(feature = "alloc", not(loom)))]

#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod publish;
mod settled;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod stress;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod twin;
