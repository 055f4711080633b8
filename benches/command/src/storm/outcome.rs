//! The outcome of a storm: counts, and the tally of the walks.

use std::ops::Add;

use serde::Serialize;
use zonelist_core::conformance::Tally;

/// A deliberate fault of one thread, which the report must notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A page's pattern is overwritten.
    Damaged,
    /// A page is dropped without a free.
    Lost,
}

/// Counts of what the threads of a storm did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Times that the block went offline or online.
    pub toggles: u64,
    /// Times that the block could not go offline.
    pub refused: u64,
    /// Pages that migrated out of the block.
    pub migrations: u64,
    /// Successful allocations.
    pub allocations: u64,
    /// Allocations that another node served, since the requested node had no page to spare.
    pub fallbacks: u64,
    /// Requests that no zone served.
    pub failures: u64,
    /// Failed requests that never tried a zone which is on every version of their list.
    pub wrongful_failures: u64,
    /// Pages whose pattern had changed.
    pub patterns_damaged: u64,
    /// Pages that were not free at the end.
    pub pages_lost: u64,
}

/// The outcome of a storm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What the threads did.
    pub counts: Counts,
    /// Verdicts on the walks of the checker.
    pub walks: Tally,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            toggles: self.toggles + other.toggles,
            refused: self.refused + other.refused,
            migrations: self.migrations + other.migrations,
            allocations: self.allocations + other.allocations,
            fallbacks: self.fallbacks + other.fallbacks,
            failures: self.failures + other.failures,
            wrongful_failures: self.wrongful_failures + other.wrongful_failures,
            patterns_damaged: self.patterns_damaged + other.patterns_damaged,
            pages_lost: self.pages_lost + other.pages_lost,
        }
    }
}
