//! Publication of zonelists by grace periods.
//!
//! [`AsymmetricEpoch`] and [`Qsbr`] need neither std nor a heap. They are one implementation, [`DoubleBuffered`], with
//! two reader protocols. `EpochSwap` and `ArcSwap` swap whole versions; they are behind the default features
//! `crossbeam` and `arc-swap`.
#![cfg_attr(not(any(feature = "arc-swap", feature = "crossbeam")), no_std)]

#[cfg(all(feature = "arc-swap", not(loom)))]
mod arc_swap;
mod asymmetric_epoch;
mod double_buffered;
#[cfg(feature = "crossbeam")]
mod epoch_swap;
mod qsbr;

#[cfg(all(feature = "arc-swap", not(loom)))]
pub use arc_swap::{ArcSwap, HeldVersion, RegisteredThread};
pub use asymmetric_epoch::{AsymmetricEpoch, CriticalSections};
pub use double_buffered::{DoubleBuffered, Protocol};
#[cfg(feature = "crossbeam")]
pub use epoch_swap::{EpochSwap, EpochWalk, PinnedVersion};
pub use qsbr::{Qsbr, QuiescentStates};
