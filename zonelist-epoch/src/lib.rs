//! Publication of zonelists by grace periods.
#![cfg_attr(not(feature = "crossbeam"), no_std)]

#[cfg(feature = "crossbeam")]
mod epoch_swap;

#[cfg(feature = "crossbeam")]
pub use epoch_swap::{EpochSwap, EpochWalk, Pin};
