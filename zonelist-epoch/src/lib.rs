//! Publication of zonelists by grace periods.
#![cfg_attr(not(any(feature = "arc-swap", feature = "crossbeam")), no_std)]

#[cfg(all(feature = "arc-swap", not(loom)))]
mod arc_swap;
#[cfg(feature = "crossbeam")]
mod epoch_swap;

#[cfg(all(feature = "arc-swap", not(loom)))]
pub use arc_swap::{ArcSwap, Held, Slotted};
#[cfg(feature = "crossbeam")]
pub use epoch_swap::{EpochSwap, EpochWalk, Pin};
