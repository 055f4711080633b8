#![doc = include_str!("identity.md")]

// Not those of the models: they order nothing.
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Which instance it is. Kept in each build, so that sizes do not depend on that; looked at in debug builds alone.
#[derive(Debug)]
pub(crate) struct Identity {
    /// 0 until the instance has made something that is its own.
    number: AtomicU32,
}

/// Whose something is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// 0 if it is no instance's.
    of: u32,
}

/// The number of the last instance that was given one.
static LAST: AtomicU32 = AtomicU32::new(0);

impl Identity {
    pub(crate) const fn new() -> Self {
        Self { number: AtomicU32::new(0) }
    }

    /// For what this instance makes.
    pub(crate) fn mark(&self) -> Mark {
        if self.number.load(Relaxed) == 0 {
            let next = LAST.fetch_add(1, Relaxed).wrapping_add(1);
            // If another thread was first, its number is as good.
            let _ = self.number.compare_exchange(0, next, Relaxed, Relaxed);
        }
        Mark { of: self.number.load(Relaxed) }
    }

    /// Panics, in debug builds, if something is another instance's.
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
    /// No instance's.
    pub(crate) const NONE: Self = Self { of: 0 };
}
