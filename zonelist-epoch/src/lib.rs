// Links of the README as links of this page: of two definitions, the first one counts.
//! [`AsymmetricEpoch`]: crate::AsymmetricEpoch
//! [`Qsbr`]: crate::Qsbr
//! [`EpochSwap`]: crate::EpochSwap
//! [`ArcSwap`]: crate::ArcSwap
//! [`DoubleBuffered`]: crate::DoubleBuffered
#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(feature = "arc-swap", feature = "crossbeam")),
    allow(rustdoc::broken_intra_doc_links, reason = "what is not built is not linked")
)]
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
