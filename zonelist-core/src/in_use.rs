//! That something is not used from within a use of it: debug builds catch it.

#[cfg(debug_assertions)]
use crate::sync::unmodelled::{AtomicBool, Ordering::Relaxed};

/// Whether something is in use. Takes no room and does nothing without debug assertions. No model explores it.
#[derive(Debug)]
pub(crate) struct Busy {
    #[cfg(debug_assertions)]
    busy: AtomicBool,
}

impl Busy {
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            busy: AtomicBool::new(false),
        }
    }

    /// Forgets a use that never ends: for a child of a fork.
    pub(crate) fn clear(&self) {
        #[cfg(debug_assertions)]
        self.busy.store(false, Relaxed);
    }
}

/// A use that goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse<'p> {
    #[cfg(debug_assertions)]
    busy: &'p AtomicBool,
    #[cfg(not(debug_assertions))]
    busy: core::marker::PhantomData<&'p ()>,
}

impl<'p> InUse<'p> {
    /// Begins a use.
    ///
    /// # Panics
    /// Another use is under way, and goes on. Only in debug builds: in others, what the two do to the thing is not kept
    /// apart.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn new(busy: &'p Busy, complaint: &'static str) -> Self {
        #[cfg(debug_assertions)]
        {
            // Relaxed: what keeps uses apart orders this too, and where it fails to, one of the two finds the other.
            let was_busy = busy.busy.swap(true, Relaxed);
            assert!(!was_busy, "{complaint}");
            Self { busy: &busy.busy }
        }
        #[cfg(not(debug_assertions))]
        {
            let (Busy {}, _) = (busy, complaint);
            Self { busy: core::marker::PhantomData }
        }
    }
}

impl Drop for InUse<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        self.busy.store(false, Relaxed);
    }
}
