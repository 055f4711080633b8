//! That a handle is not used from within an operation of its own: told in debug builds.

#[cfg(debug_assertions)]
use crate::sync::unmodelled::{AtomicBool, Ordering::Relaxed};

/// Whether an operation of a handle is under way. Takes no room and does nothing without debug assertions.
#[derive(Debug)]
pub(super) struct Busy {
    #[cfg(debug_assertions)]
    busy: AtomicBool,
}

impl Busy {
    pub(super) const fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            busy: AtomicBool::new(false),
        }
    }

    /// Forgets an operation that never ends: for a child of a fork.
    pub(super) fn clear(&self) {
        #[cfg(debug_assertions)]
        self.busy.store(false, Relaxed);
    }
}

/// An operation that is under way, until this goes.
#[derive(Debug)]
pub(crate) struct InUse<'p> {
    #[cfg(debug_assertions)]
    busy: &'p AtomicBool,
    #[cfg(not(debug_assertions))]
    busy: core::marker::PhantomData<&'p ()>,
}

impl<'p> InUse<'p> {
    /// Begins an operation.
    ///
    /// # Panics
    /// Another one of the same handle is under way: a signal handler, interrupt or callback uses the handle that it
    /// has interrupted. Only in debug builds; in others what it has at hand is then damaged.
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(busy: &'p Busy) -> Self {
        #[cfg(debug_assertions)]
        {
            let busy = &busy.busy;
            // Only this thread looks at it.
            assert!(
                !busy.load(Relaxed),
                "a handle is used from within an operation of its own; expected another handle"
            );
            busy.store(true, Relaxed);
            Self { busy }
        }
        #[cfg(not(debug_assertions))]
        {
            let Busy {} = busy;
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
