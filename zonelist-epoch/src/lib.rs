//! Publication of zonelists by grace periods.
//!
//! [`AsymmetricEpoch`] and [`Qsbr`] need neither std nor a heap; `EpochSwap` is behind the default
//! feature `crossbeam`.
#![cfg_attr(not(feature = "crossbeam"), no_std)]

mod asymmetric_epoch;
#[cfg(feature = "crossbeam")]
mod epoch_swap;
mod grace;
mod qsbr;

pub use asymmetric_epoch::AsymmetricEpoch;
#[cfg(feature = "crossbeam")]
pub use epoch_swap::{EpochSwap, EpochWalk, Pin};
pub use qsbr::Qsbr;
