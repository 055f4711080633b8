//! That something is not used from within a use of it: debug builds catch it.

use crate::sync::unmodelled::AtomicUsize;
#[cfg(debug_assertions)]
use crate::sync::unmodelled::Ordering::Relaxed;

/// Whether something is in use, and by which thread. Nothing reads or writes it without debug assertions; it is there all the
/// same, so that a scheme has one size in all builds. No model explores it.
#[derive(Debug)]
pub(crate) struct Busy {
    /// A thread's number, or that of none.
    #[cfg_attr(not(debug_assertions), expect(dead_code, reason = "for debug assertions"))]
    user: AtomicUsize,
}

const FREE: usize = 0;

/// In use by a thread that has no number.
#[cfg(debug_assertions)]
const UNKNOWN: usize = usize::MAX;

/// The calling thread's number. Under shuttle none has one: there it is for a scheduler to find what waits for itself.
#[cfg(debug_assertions)]
fn me() -> usize {
    #[cfg(all(feature = "alloc", not(shuttle)))]
    return crate::sync::this_thread().unwrap_or(UNKNOWN);
    #[cfg(not(all(feature = "alloc", not(shuttle))))]
    UNKNOWN
}

impl Busy {
    pub(crate) const fn new() -> Self {
        Self { user: AtomicUsize::new(FREE) }
    }

    /// For what is about to wait until it is free.
    ///
    /// # Panics
    /// The calling thread uses it, and so would wait for itself. Only in debug builds, and with `std`.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait_for_others_only(&self, complaint: &'static str) {
        #[cfg(debug_assertions)]
        {
            let user = self.user.load(Relaxed);
            assert!(user != me() || user == UNKNOWN, "{complaint}");
        }
        #[cfg(not(debug_assertions))]
        let _ = complaint;
    }

    /// Forgets a use that never ends: for a child of a fork.
    pub(crate) fn clear(&self) {
        #[cfg(debug_assertions)]
        self.user.store(FREE, Relaxed);
    }
}

/// A use that goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse<'p> {
    #[cfg(debug_assertions)]
    user: &'p AtomicUsize,
    #[cfg(not(debug_assertions))]
    user: core::marker::PhantomData<&'p ()>,
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
            let taken = busy.user.compare_exchange(FREE, me(), Relaxed, Relaxed);
            assert!(taken.is_ok(), "{complaint}");
            Self { user: &busy.user }
        }
        #[cfg(not(debug_assertions))]
        {
            let _ = (busy, complaint);
            Self { user: core::marker::PhantomData }
        }
    }
}

impl Drop for InUse<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        self.user.store(FREE, Relaxed);
    }
}
