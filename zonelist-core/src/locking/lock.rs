//! A value behind a lock, with the kind of lock as a parameter: a kernel supplies one that masks interrupts.
//!
//! ```text
//!   with(use_it):                                   abandon(renew), in the child of a fork:
//!     if lost: take the spare lock                    if try_lock succeeds: not lost, unlock
//!     else: raw.lock()                                else: replace the value by renew()
//!     in debug builds: panic if in use                      spare = free
//!     use_it(&mut value)                                    lost = true        Release
//!     unlock
//! ```

use core::{cell::UnsafeCell, fmt, marker::PhantomData};

use crate::{
    locking::in_use::{Busy, InUse},
    sync::{
        Backoff, Track,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        const_fn, unmodelled,
    },
};

/// A kind of lock, without the value that it protects.
///
/// # Safety
/// [`Locked`] gives `&mut` references, and relies on all of this:
///
/// - **One holder.** From the return of [`lock`](RawLock::lock), or of a [`try_lock`](RawLock::try_lock) that took the
///   lock, to the call of [`unlock`](RawLock::unlock), neither call takes the lock again: on no other thread, in no
///   handler that interrupts the holder, **and not on the holder's own thread**. So a *recursive* or *reentrant* mutex
///   does not qualify. On the holder's thread, `lock` has to wait for ever or to panic, and `try_lock` has to fail.
/// - **Ordering.** `unlock` releases and both ways to take the lock acquire: the next holder sees all that was done
///   before.
/// - **Each value is a lock of its own.** One may be taken while others are held.
/// - **No address.** The lock may be moved and dropped while none of its calls is under way, even while it is held: its
///   guard can be leaked.
/// - **`unlock` does not panic**, and does not wait. `lock` and `try_lock` may panic as long as they do not take the
///   lock; the operation that called them is then not done.
///
/// Not for safety, but for progress:
///
/// - `try_lock` does not wait. In the child of a fork, a `try_lock` that fails means that a thread of the parent holds
///   the lock ([`Published::after_fork`](crate::publish::Published::after_fork)), and the locked value is given up.
/// - In the child of a prepared fork, `unlock` is called with waiters that do not exist there: a lock that passes itself on
///   to a waiter then stays held. [`Spin`] does not.
/// - None of the three methods may use the value behind the lock. A lock of an allocator's zones must not use the
///   allocator.
///
/// In return the library calls `unlock` once, on the thread that took the lock, with the `Held` that the thread got. Of
/// several locks that one call holds, the last one that was taken is unlocked first.
///
/// In debug builds, `Locked` panics when a lock admits a second use, on any thread, before it makes a second reference:
/// "the lock let a second holder in".
///
/// ```
/// use core::cell::Cell;
/// use zonelist_core::sync::{Locked, RawLock, Spin};
///
/// // As a kernel's lock: masks interrupts before the lock is taken, and restores the mask after the unlock.
/// thread_local! { static MASKED: Cell<bool> = const { Cell::new(false) }; }
/// struct MasksInterrupts(Spin);
///
/// // SAFETY: `Spin` has one holder at a time, and every call of the three methods goes to `Spin`.
/// unsafe impl RawLock for MasksInterrupts {
///     type Held = bool;
///     fn lock(&self) -> bool {
///         let before = MASKED.replace(true);
///         self.0.lock();
///         before
///     }
///     fn try_lock(&self) -> Option<bool> {
///         let before = MASKED.replace(true);
///         let held = self.0.try_lock();
///         if held.is_none() {
///             MASKED.set(before);
///         }
///         held.map(|()| before)
///     }
///     unsafe fn unlock(&self, before: bool) {
///         // SAFETY: the caller has the lock.
///         unsafe { self.0.unlock(()) };
///         MASKED.set(before);
///     }
/// }
///
/// let count = Locked::new(MasksInterrupts(Spin::new()), 0);
/// assert!(count.with(|count| { *count += 1; MASKED.get() }));
/// assert!(!MASKED.get());
/// ```
pub unsafe trait RawLock {
    /// The state to restore at the unlock, such as an interrupt mask; `()` for most locks.
    type Held;

    /// Waits for the lock, and takes it.
    fn lock(&self) -> Self::Held;

    /// Takes the lock if it is free, without a wait.
    fn try_lock(&self) -> Option<Self::Held>;

    /// Releases the lock.
    ///
    /// # Safety
    /// The caller holds the lock, and `held` is what the call that took the lock returned.
    unsafe fn unlock(&self, held: Self::Held);
}

/// A spin lock. With `std`, a long wait yields to the scheduler and then sleeps: see [`Backoff`](crate::sync::Backoff).
///
/// Not for use in a handler that may interrupt the holder on the same CPU: the handler would wait for ever.
#[derive(Debug)]
pub struct Spin(AtomicBool);

impl Spin {
    const_fn! {
        /// A lock that is free.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicBool::new(false))
        }
    }
}

impl Default for Spin {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: between two stores of false, only one exchange finds false. It acquires what the store before it released.
unsafe impl RawLock for Spin {
    type Held = ();

    #[inline]
    fn lock(&self) {
        let mut backoff = Backoff::default();
        while self.try_lock().is_none() {
            // Waits by loads alone: an exchange would take the cache line from the holder, again and again.
            while self.0.load(Relaxed) {
                backoff.wait();
            }
        }
    }

    /// Loads first: an exchange takes the cache line from the holder even when it fails.
    #[inline]
    fn try_lock(&self) -> Option<()> {
        if self.0.load(Relaxed) {
            return None;
        }
        // Acquire: pairs with the release in `unlock`: this holder sees what the holder before it did.
        self.0.compare_exchange(false, true, Acquire, Relaxed).ok().map(drop)
    }

    #[inline]
    unsafe fn unlock(&self, (): ()) {
        // Release: pairs with the acquire in `try_lock` of the next holder.
        self.0.store(false, Release);
    }
}

/// A value behind a lock: one thread at a time uses it.
///
/// A use from within a use of the same value waits for ever; [`try_with`](Locked::try_with) fails instead: see
/// [`RawLock`]. Debug builds with `std` panic instead of waiting for ever. They distinguish threads of the system, but
/// not tasks of one thread: a lock that switches to another task on the same thread while it waits needs a release
/// build.
///
/// In the child of a fork, a lock whose holder was another thread of the parent is held for ever. For the locks of this
/// library there are calls for that case ([`Published::after_fork`](crate::publish::Published::after_fork) and others).
/// For other uses of `Locked` there is none.
pub struct Locked<T, L = Spin> {
    raw: L,
    /// True in the child of a fork if a thread of the parent held `raw`: then `spare` is the lock.
    lost: unmodelled::AtomicBool,
    spare: SpareLock,
    /// The thread that uses the value, in debug builds: detects a lock with two holders.
    in_use: Busy,
    track: Track,
    value: UnsafeCell<T>,
}

/// A spin lock for the child of a fork. No model has a fork, so that none needs to explore this lock.
type SpareLock = unmodelled::AtomicBool;

// SAFETY: `with` and `try_with` give the value to one holder at a time, in any thread, which `T: Send` allows.
unsafe impl<T: Send, L: Sync> Sync for Locked<T, L> {}

impl<T, L: RawLock> Locked<T, L> {
    const_fn! {
        /// A value behind a lock, which must be free.
        #[must_use]
        pub const fn new(raw: L, value: T) -> Self {
            let (lost, spare) = (unmodelled::AtomicBool::new(false), SpareLock::new(false));
            Self { raw, lost, spare, in_use: Busy::new(), track: Track::new(), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock and uses the value. A panic of `use_it` releases the lock.
    ///
    /// # Panics
    /// In debug builds, if the lock breaks its contract and admits a second holder; with `std` also if the calling
    /// thread already uses the value.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.held(self.hold(), use_it)
    }

    /// Uses the value if the lock is free, without a wait.
    ///
    /// # Panics
    /// In debug builds, if the lock breaks its contract and admits a second holder.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn try_with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.held(self.try_hold()?, use_it))
    }

    /// The value. The exclusive reference excludes every other use.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Uses the value with the lock held.
    #[inline]
    fn held<R>(&self, _hold: Hold<'_, L>, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.track.write();
        // SAFETY: the lock is held until the drop of `_hold` and has one holder, also with respect to this thread. So
        // there is no other reference to the value.
        use_it(unsafe { &mut *self.value.get() })
    }

    /// Waits for the lock, and holds it until the returned guard is dropped.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn hold(&self) -> Hold<'_, L> {
        self.in_use.wait_for_others_only(
            "a thread waits for a lock that it holds itself; expected it to give the value back first",
        );
        if self.is_lost() {
            return self.hold_spare();
        }
        self.note(Holds::Raw { raw: &self.raw, held: Some(self.raw.lock()) })
    }

    /// Holds the lock until the returned guard is dropped, if the lock is free.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    fn try_hold(&self) -> Option<Hold<'_, L>> {
        if self.is_lost() {
            return self.try_hold_spare();
        }
        Some(self.note(Holds::Raw { raw: &self.raw, held: Some(self.raw.try_lock()?) }))
    }

    /// Records that the value is in use. If it already was, this panics and releases the lock taken for it; the earlier
    /// use goes on.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    fn note<'l>(&'l self, holds: Holds<'l, L>) -> Hold<'l, L> {
        let _in_use = InUse::new(
            &self.in_use,
            "the lock let a second holder in, while the value is in use; expected a `RawLock` that keeps all others out, \
             its holder's own thread included",
        );
        Hold { _in_use, _holds: holds, _here: PhantomData }
    }

    /// As [`hold`](Self::hold), of the spare lock.
    #[cold]
    fn hold_spare(&self) -> Hold<'_, L> {
        let mut backoff = Backoff::default();
        loop {
            match self.try_hold_spare() {
                Some(hold) => return hold,
                None => backoff.wait(),
            }
        }
    }

    /// As [`try_hold`](Self::try_hold), of the spare lock.
    #[cold]
    fn try_hold_spare(&self) -> Option<Hold<'_, L>> {
        // Acquire: pairs with the release in `Holds::drop` of the spare lock.
        let free = self.spare.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        free.then(|| self.note(Holds::Spare(&self.spare)))
    }

    /// True if [`abandon`](Self::abandon) has replaced the lock by the spare lock.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        // Relaxed: no use of the lock overlaps with the release store in `abandon`.
        self.lost.load(Relaxed)
    }

    /// Frees the lock in the child of a fork, if a thread that the child does not have holds it. Returns true if so.
    ///
    /// The value that this thread may have left half written is then replaced by that of `renew`.
    ///
    /// # Safety
    /// No other thread of this process uses the lock during the call, and the holder never runs again. If `renew`
    /// returns `None`, the current value is valid at whatever instruction its holder was stopped. The old value is not
    /// dropped.
    pub(crate) unsafe fn abandon(&self, renew: impl FnOnce() -> Option<T>) -> bool {
        let lost = self.try_hold().is_none();
        if lost {
            if let Some(value) = renew() {
                // SAFETY: the holder never runs again, and no other thread uses the value, as the caller promises.
                unsafe { self.value.get().write(value) };
            }

            self.in_use.clear();
            self.spare.store(false, Relaxed);
            // Release: the value is replaced before. `is_lost` loads relaxed, since no use of the lock overlaps with
            // this call: whatever keeps the later uses apart from it orders them behind it, too.
            self.lost.store(true, Release);
        }
        lost
    }
}

impl<T, L> fmt::Debug for Locked<T, L> {
    /// Without the value, which another thread may be using.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

/// A guard of a held lock. Its drop releases the lock, on the thread that took the lock.
pub(crate) struct Hold<'l, L: RawLock> {
    // Fields are dropped in this order: the use of the value ends before the lock is released.
    _in_use: InUse<'l>,
    _holds: Holds<'l, L>,
    /// Makes the guard neither `Send` nor `Sync`.
    _here: PhantomData<*const ()>,
}

/// Which lock a guard holds.
enum Holds<'l, L: RawLock> {
    Raw { raw: &'l L, held: Option<L::Held> },
    Spare(&'l SpareLock),
}

impl<L: RawLock> Drop for Holds<'_, L> {
    #[inline]
    fn drop(&mut self) {
        match self {
            Self::Raw { raw, held } => {
                if let Some(held) = held.take() {
                    // SAFETY: the guard is made with the lock held, and `held` is taken once.
                    unsafe { raw.unlock(held) };
                }
            }
            // Release: pairs with the acquire in `try_hold_spare`.
            Self::Spare(spare) => spare.store(false, Release),
        }
    }
}

impl<L: RawLock> fmt::Debug for Hold<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_lock_whose_holder_is_gone_is_replaced_and_its_value_not_in_use() {
        for renewed in [None, Some(2)] {
            let locked = Locked::new(Spin::new(), 1);
            core::mem::forget(locked.hold());
            // SAFETY: there is no other thread, and the guard of the holder is forgotten.
            assert!(unsafe { locked.abandon(|| renewed) });
            for use_it in [|value: &mut i32| *value; 2] {
                assert_eq!(locked.with(use_it), renewed.unwrap_or(1));
            }
            assert_eq!(locked.with(|_| locked.try_with(|_| ())), None, "the spare lock excludes too");
        }
    }
}
