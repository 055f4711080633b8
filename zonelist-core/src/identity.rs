#![doc = include_str!("identity.md")]

#[cfg(debug_assertions)]
use core::sync::atomic::{
    // Not those of the models: they order nothing.
    AtomicU32,
    Ordering::Relaxed,
};

/// Which instance it is, where debug assertions are on; else nothing at all.
#[derive(Debug)]
pub(crate) struct Identity {
    /// 0 until the instance has made something that is its own.
    #[cfg(debug_assertions)]
    number: AtomicU32,
}

/// Whose something is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// 0 if it is no instance's.
    #[cfg(debug_assertions)]
    of: u32,
}

/// The number of the last instance that was given one.
#[cfg(debug_assertions)]
static LAST: AtomicU32 = AtomicU32::new(0);

impl Identity {
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            number: AtomicU32::new(0),
        }
    }

    /// For what this instance makes.
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "with debug assertions it is another"))]
    pub(crate) fn mark(&self) -> Mark {
        #[cfg(debug_assertions)]
        if self.number.load(Relaxed) == 0 {
            let next = LAST.fetch_add(1, Relaxed).wrapping_add(1);
            // If another thread was first, its number is as good.
            let _ = self.number.compare_exchange(0, next, Relaxed, Relaxed);
        }
        Mark {
            #[cfg(debug_assertions)]
            of: self.number.load(Relaxed),
        }
    }

    /// Panics, where debug assertions are on, if something is another instance's.
    #[inline(always)]
    #[track_caller]
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "with debug assertions it is another"))]
    pub(crate) fn check(&self, mark: Mark, what: &'static str) {
        #[cfg(debug_assertions)]
        assert!(
            mark.of == 0 || mark.of == self.number.load(Relaxed),
            "{what} of another instance; expected one that this instance made"
        );
        let _ = (mark, what);
    }
}

impl Mark {
    /// No instance's.
    pub(crate) const NONE: Self = Self {
        #[cfg(debug_assertions)]
        of: 0,
    };
}
