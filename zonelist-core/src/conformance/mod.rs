//! Conformance of schemes: the judge of recorded publishes and walks, and the tests that use it.
//!
//! The same code judges unit tests, stress runs and loom models, so that a guarantee means one thing. With `std` there
//! are also the tests that every scheme has to pass, and a stress load; under loom, the models.

#[cfg(all(feature = "std", not(loom)))]
pub mod basics;
#[cfg(all(feature = "std", shuttle))]
pub mod blocking;
#[cfg(not(shuttle))]
#[doc = include_str!("blocking.md")]
pub mod blocking {}
#[doc = include_str!("explored.md")]
pub mod explored {}
#[cfg(all(loom, feature = "model"))]
mod always_torn;
#[cfg(all(feature = "facts", target_os = "linux", not(any(loom, shuttle))))]
pub mod facts;
#[cfg(all(feature = "facts", target_os = "linux", not(any(loom, shuttle))))]
mod facts_macro;
mod history;
#[cfg(feature = "model")]
mod model_macro;
#[cfg(all(feature = "model", not(loom)))]
mod outer_build;
#[cfg(all(feature = "std", not(loom)))]
mod rolled_back;
#[cfg(feature = "std")]
mod rolls_back;
mod sample;
#[cfg(feature = "model")]
mod sources;
mod verdict;

#[cfg(all(loom, feature = "model"))]
pub mod models;
#[cfg(all(feature = "std", shuttle))]
pub mod progress;
#[cfg(all(feature = "std", not(loom)))]
mod stress;
#[cfg(all(feature = "std", not(loom)))]
mod unreliable;

#[cfg(all(feature = "model", not(loom)))]
pub use model_macro::{expect_explored, run_models};

/// Room for every list that the macro `model!` publishes.
pub const ROOM: crate::table::Capacity = crate::table::Capacity::new(1, 4).unwrap();

pub use history::{AsLists, History, HistoryError, Published, Span, Walked};
pub use sample::Sample;
#[cfg(all(feature = "std", not(loom)))]
pub use stress::{Load, Stress, StressError, run_stress};
#[cfg(all(feature = "std", not(loom)))]
pub use unreliable::Unreliable;
pub use verdict::{Tally, Verdict};
