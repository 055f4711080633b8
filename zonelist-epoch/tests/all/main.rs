//! The tests of this package that need no program of their own.
#![cfg(all(feature = "alloc", not(loom)))]

#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod arc_swap;
mod double_buffered;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod epoch_swap;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod mutant;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod stress;
#[cfg(all(feature = "arc-swap", feature = "crossbeam"))]
mod versions;
