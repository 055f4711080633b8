//! The page allocator's counters of a zone, outside the zone's lock.

use crate::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    unmodelled::AtomicBool,
};

/// Outcomes of requests to a zone that no per-CPU pages count.
///
/// All but the last two are statistics: accesses are relaxed, and nothing depends on their values.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Served, but neither by a cache nor as the first zone of the list.
    pub(crate) fallbacks: AtomicUsize,
    /// Served by the zone itself, as there was no cache or it was empty.
    pub(crate) misses: AtomicUsize,
    /// Refused by the last walk of a request.
    pub(crate) failures: AtomicUsize,
    /// Misdirected frees: pages in a cache that turned out not to be allocated when the cache returned them.
    pub(crate) misdirected: AtomicUsize,
    /// The number of operations that currently forbid pages of the zone in caches.
    pub(super) uncached: AtomicUsize,
    /// True if the zone fell below its low watermark, and that is not reported yet.
    pub(crate) low_unreported: AtomicBool,
}

impl Counters {
    pub(super) fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        let low_unreported = AtomicBool::new(false);
        Self {
            fallbacks: zero(),
            misses: zero(),
            failures: zero(),
            misdirected: zero(),
            uncached: zero(),
            low_unreported,
        }
    }
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Relaxed);
}
