//! Detection of a second use of a value while it is in use, in debug builds.

use crate::sync::unmodelled::AtomicUsize;
#[cfg(debug_assertions)]
use crate::sync::unmodelled::Ordering::Relaxed;

/// The thread that uses a value, if one does. No model explores this.
///
/// Without debug assertions the field is neither read nor written. It is there in every build, so that a scheme has the
/// same size in all of them.
#[derive(Debug)]
pub(crate) struct Busy {
    /// The number of a thread, `FREE`, or `UNKNOWN`.
    #[cfg_attr(not(debug_assertions), expect(dead_code, reason = "for debug assertions"))]
    user: AtomicUsize,
}

const FREE: usize = 0;

/// In use by a thread without a number.
#[cfg(debug_assertions)]
const UNKNOWN: usize = usize::MAX;

/// The number of the calling thread. Under shuttle no thread has one: its scheduler finds a thread that waits for
/// itself.
#[cfg(debug_assertions)]
fn me() -> usize {
    #[cfg(all(feature = "alloc", not(shuttle)))]
    return crate::sync::this_thread().unwrap_or(UNKNOWN);
    #[cfg(not(all(feature = "alloc", not(shuttle))))]
    UNKNOWN
}

impl Busy {
    /// Not in use.
    pub(crate) const fn new() -> Self {
        Self { user: AtomicUsize::new(FREE) }
    }

    /// Checks that a wait for the end of the use can end.
    ///
    /// # Panics
    /// The calling thread itself uses the value, and would wait for ever. Only in debug builds, and with `std`.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn wait_for_others_only(&self, complaint: &'static str) {
        #[cfg(debug_assertions)]
        {
            // Relaxed: only this thread stores its own number, and it reads its own stores.
            let user = self.user.load(Relaxed);
            assert!(user != me() || user == UNKNOWN, "{complaint}");
        }
        #[cfg(not(debug_assertions))]
        let _ = complaint;
    }

    /// Ends a use whose thread is gone: for the child of a fork.
    pub(crate) fn clear(&self) {
        #[cfg(debug_assertions)]
        self.user.store(FREE, Relaxed);
    }
}

/// A use of a value, which ends when this is dropped.
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
    /// Another use is under way; that one goes on. Only in debug builds: in others, the two uses are not kept apart.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn new(busy: &'p Busy, complaint: &'static str) -> Self {
        #[cfg(debug_assertions)]
        {
            // Relaxed: the lock that excludes uses orders this too. If that lock is broken, one of two uses still finds
            // the other, since both are exchanges of one word.
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
