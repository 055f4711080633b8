//! The outcome of a soak test: counts, and inconsistencies of the zones at the end.

use std::ops::Add;

use serde::Serialize;

/// A deliberate fault of one thread, which the report must notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A page is freed while it is held, so that a second thread gets it.
    Doubled,
    /// A page is dropped without a free.
    Lost,
}

/// Counts of what the threads of a soak test did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Allocated blocks.
    pub allocations: u64,
    /// Refused requests, as is expected when memory is short.
    pub refused: u64,
    /// Refused requests for the reserved zone.
    pub wrongful_failures: u64,
    /// Blocks freed by a thread other than the one that allocated them.
    pub remote_frees: u64,
    /// Frees that the allocator refused.
    pub frees_refused: u64,
    /// Handles that were dropped and replaced.
    pub handles: u64,
    /// Handles that were leaked.
    pub handles_leaked: u64,
    /// Drains of other threads' per-CPU pages.
    pub drains: u64,
    /// Pages that these drains moved to their zones.
    pub pages_drained: u64,
    /// Times that a zone was kept out of all per-CPU pages.
    pub uncached: u64,
    /// Times that such a zone nevertheless had a page in per-CPU pages.
    #[serde(rename = "uncached_in_vain")]
    pub uncached_failed: u64,
    /// Published versions.
    pub publishes: u64,
}

/// Inconsistencies of the zones at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Leftovers {
    /// Managed pages that are not free.
    pub pages_lost: u64,
    /// Free pages beyond those that their zones manage.
    pub pages_gained: u64,
    /// Misdirected frees: blocks in per-CPU pages that were not allocated.
    #[serde(rename = "strays")]
    pub misdirected: u64,
    /// Zones whose free blocks are not those that they began with.
    pub zones_changed: u64,
}

/// The outcome of a soak test under one scheme.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcome {
    /// What the threads did.
    #[serde(flatten)]
    pub counts: Counts,
    /// Page frames whose recorded holder was not the expected one at an allocation or a free.
    pub pages_doubled: u64,
    /// Inconsistencies of the zones at the end.
    #[serde(flatten)]
    pub left: Leftovers,
    /// A message about the first such page frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_doubled: Option<String>,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            allocations: self.allocations + other.allocations,
            refused: self.refused + other.refused,
            wrongful_failures: self.wrongful_failures + other.wrongful_failures,
            remote_frees: self.remote_frees + other.remote_frees,
            frees_refused: self.frees_refused + other.frees_refused,
            handles: self.handles + other.handles,
            handles_leaked: self.handles_leaked + other.handles_leaked,
            drains: self.drains + other.drains,
            pages_drained: self.pages_drained + other.pages_drained,
            uncached: self.uncached + other.uncached,
            uncached_failed: self.uncached_failed + other.uncached_failed,
            publishes: self.publishes + other.publishes,
        }
    }
}
