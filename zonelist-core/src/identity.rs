#![doc = include_str!("identity.md")]

// `core`'s atomics instead of those of the models: they order nothing, and add no interleavings.
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The number of one instance. Every build keeps it, so that sizes are the same in all; only debug builds check it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// 0 until the instance has made its first value.
    number: AtomicU32,
}

/// The instance that a value belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The number of the instance; 0 if the value belongs to none.
    of: u32,
}

/// The number that was assigned last.
static LAST: AtomicU32 = AtomicU32::new(0);

impl Identity {
    pub(crate) const fn new() -> Self {
        Self { number: AtomicU32::new(0) }
    }

    /// The mark for a value that this instance makes. Assigns the instance a number, if it has none yet.
    pub(crate) fn mark(&self) -> Mark {
        if self.number.load(Relaxed) == 0 {
            let next = LAST.fetch_add(1, Relaxed).wrapping_add(1);
            // If another thread has assigned a number meanwhile, that one is kept.
            let _ = self.number.compare_exchange(0, next, Relaxed, Relaxed);
        }
        Mark { of: self.number.load(Relaxed) }
    }

    /// Panics in debug builds, if the value belongs to another instance.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn check(&self, mark: Mark, what: &'static str) {
        debug_assert!(
            mark.of == 0 || mark.of == self.number.load(Relaxed),
            "{what} of another instance; expected one that this instance made"
        );
    }
}

impl Mark {
    /// The mark of a value that belongs to no instance.
    pub(crate) const NONE: Self = Self { of: 0 };
}
