//! Publication of zonelists by grace periods.
//!
//! [`AsymmetricEpoch`] and [`Qsbr`] need neither std nor a heap; `EpochSwap` and `ArcSwap` are
//! behind the default features `crossbeam` and `arc-swap`.
#![cfg_attr(not(any(feature = "arc-swap", feature = "crossbeam")), no_std)]

#[cfg(all(feature = "arc-swap", not(loom)))]
mod arc_swap;
mod asymmetric_epoch;
#[cfg(feature = "crossbeam")]
mod epoch_swap;
mod grace;
mod qsbr;

#[cfg(all(feature = "arc-swap", not(loom)))]
pub use arc_swap::{ArcSwap, Held, Slotted};
pub use asymmetric_epoch::AsymmetricEpoch;
#[cfg(feature = "crossbeam")]
pub use epoch_swap::{EpochSwap, EpochWalk, Pin};
pub use qsbr::Qsbr;
