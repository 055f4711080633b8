//! The judge of all schemes: recorded publishes and walks in, verdicts out.
//!
//! The same code judges unit tests, stress runs and loom models, so that a guarantee means one thing.

mod history;
mod verdict;

#[cfg(loom)]
pub mod models;

pub use history::{AsLists, History, HistoryError, Published, Span, Walked};
pub use verdict::{Tally, Verdict};
