//! A value behind a lock, and the lock's kind as a parameter: a kernel brings one that masks interrupts.

use core::{cell::UnsafeCell, fmt, marker::PhantomData};

use crate::{
    sync::in_use::{Busy, InUse},
    sync::{
        Backoff, Track,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        const_fn, unmodelled,
    },
};

/// A kind of lock.
///
/// # Safety
/// [`Locked`] hands out `&mut` references on the strength of all of this:
///
/// - **One holder.** From the return of [`lock`](RawLock::lock), or of a [`try_lock`](RawLock::try_lock) that took the lock,
///   to the call of [`unlock`](RawLock::unlock), neither call returns with the lock again: on no other thread, in no
///   handler that interrupts the holder, **and not on the holder's own thread**. A lock that lets its holder in again (a
///   *recursive* or *reentrant* mutex) is none: there `lock` has to wait for ever or to panic, and `try_lock` to fail.
/// - **Order.** All that was done before an unlock is seen by the next holder: acquire and release.
/// - **Each value is a lock of its own.** One may be taken while others are held.
/// - **No address.** While no call of it is under way, the lock may be moved and dropped, also while it is held: what
///   holds it can be leaked.
/// - **`unlock` does not panic**, and waits for nothing. `lock` and `try_lock` may panic as long as the lock is not taken;
///   what they were called for is then not done.
///
/// And for the library to get on:
///
/// - `try_lock` waits for nothing. In the child of a fork, a `try_lock` that fails means that a thread left behind has
///   the lock ([`Published::after_fork`](crate::publish::Published::after_fork)), and what it locks is given up.
/// - None of the three may use what it locks; a lock of an allocator's zones must not use the allocator.
///
/// What the library keeps to in return: `unlock` is called on the thread that took the lock, once, with what that got. Of
/// several locks that one call holds, each is given back before those that were taken before it.
///
/// In debug builds, `Locked` panics when a lock lets a second use in, on whatever thread, before it makes a second
/// reference: "the lock let a second holder in".
///
/// ```
/// use core::cell::Cell;
/// use zonelist_core::{Locked, RawLock, Spin};
///
/// // What a kernel's would do: mask interrupts first, and put the mask back last.
/// thread_local! { static MASKED: Cell<bool> = const { Cell::new(false) }; }
/// struct MasksInterrupts(Spin);
///
/// // SAFETY: `Spin` keeps all others out.
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
    /// What is put back at the unlock, such as an interrupt mask; `()` for most.
    type Held;

    /// Waits for the lock.
    fn lock(&self) -> Self::Held;

    /// Takes the lock if it is free.
    fn try_lock(&self) -> Option<Self::Held>;

    /// Gives it back.
    ///
    /// # Safety
    /// The caller has the lock, and `held` is what it got with it.
    unsafe fn unlock(&self, held: Self::Held);
}

/// A spin lock: tries again until it succeeds, with `std` yielding to the scheduler after a while.
///
/// Not for a handler that may interrupt its holder on the same CPU.
#[derive(Debug)]
pub struct Spin(AtomicBool);

impl Spin {
    const_fn! {
        /// A free lock.
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

// SAFETY: only one exchange finds false before the next store of false; it acquires what that store released.
unsafe impl RawLock for Spin {
    type Held = ();

    #[inline]
    fn lock(&self) {
        let mut backoff = Backoff::default();
        while self.try_lock().is_none() {
            // Looks before it tries again, so that those who wait leave the line to its holder.
            while self.0.load(Relaxed) {
                backoff.wait();
            }
        }
    }

    /// Loads first: an exchange would take the cache line from the holder, also if it fails.
    #[inline]
    fn try_lock(&self) -> Option<()> {
        if self.0.load(Relaxed) {
            return None;
        }
        // Acquire: pairs with the release in `unlock`.
        self.0.compare_exchange(false, true, Acquire, Relaxed).ok().map(drop)
    }

    #[inline]
    unsafe fn unlock(&self, (): ()) {
        self.0.store(false, Release);
    }
}

/// A value that one at a time may use.
///
/// To use it from within a use of it waits for ever, or for [`try_with`](Locked::try_with) fails: see [`RawLock`]. Debug
/// builds with `std` panic instead of waiting for ever. They tell threads of the system apart, and nothing finer: a lock that
/// switches to another task on the same thread while it waits needs a release build.
///
/// In the child of a fork, a lock whose holder stayed behind is held for ever: what this library locks has calls
/// for that ([`Published::after_fork`](crate::publish::Published::after_fork) and its like), a lock of one's own has none.
pub struct Locked<T, L = Spin> {
    raw: L,
    /// Whether the holder of `raw` was left behind by a fork: then `spare` is the lock.
    lost: unmodelled::AtomicBool,
    spare: SpareLock,
    /// Whether the value is in use: what the lock should see to.
    in_use: Busy,
    track: Track,
    value: UnsafeCell<T>,
}

/// A spin lock for the child of a fork. No model has one, so that none need explore it.
type SpareLock = unmodelled::AtomicBool;

// SAFETY: `with` and `try_with` hand out the value to one at a time, in whichever thread.
unsafe impl<T: Send, L: Sync> Sync for Locked<T, L> {}

impl<T, L: RawLock> Locked<T, L> {
    const_fn! {
        /// Puts the value behind the lock.
        #[must_use]
        pub const fn new(raw: L, value: T) -> Self {
            let (lost, spare) = (unmodelled::AtomicBool::new(false), SpareLock::new(false));
            Self { raw, lost, spare, in_use: Busy::new(), track: Track::new(), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock and uses the value. A panic gives the lock back.
    ///
    /// # Panics
    /// In debug builds, where the lock breaks its contract and lets a second holder in; with `std` also where the calling
    /// thread uses the value already.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.held(self.hold(), use_it)
    }

    /// Uses the value if the lock is free.
    ///
    /// # Panics
    /// In debug builds, where the lock breaks its contract and lets a second holder in.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn try_with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.held(self.try_hold()?, use_it))
    }

    /// The value, which the exclusive borrow makes accessible without the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn held<R>(&self, _hold: Hold<'_, L>, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.track.write();
        // SAFETY: the lock is held until `_hold` goes, and has one holder, this very thread included: no other reference to
        // the value is there.
        use_it(unsafe { &mut *self.value.get() })
    }

    /// Waits for the lock, and keeps it for as long as what this returns lives.
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

    /// The same, if the lock is free.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    fn try_hold(&self) -> Option<Hold<'_, L>> {
        if self.is_lost() {
            return self.try_hold_spare();
        }
        Some(self.note(Holds::Raw { raw: &self.raw, held: Some(self.raw.try_lock()?) }))
    }

    /// Notes that the value is in use. If it was already, the lock that was taken for it is given back, and the use before
    /// goes on.
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

    #[cold]
    fn try_hold_spare(&self) -> Option<Hold<'_, L>> {
        // Acquire: pairs with the release in `Holds::drop`.
        let free = self.spare.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        free.then(|| self.note(Holds::Spare(&self.spare)))
    }

    /// Whether a fork has left the lock's holder behind.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed)
    }

    /// For the child of a fork: if a thread that is gone holds the lock, replaces the value, which the thread may have left
    /// half written, and frees the lock. Returns whether that was so.
    ///
    /// # Safety
    /// No other thread of this process uses the lock meanwhile, and its holder never continues. If `renew` returns no value,
    /// the present one is whole wherever its holder was cut off. It is not dropped.
    pub(crate) unsafe fn abandon(&self, renew: impl FnOnce() -> Option<T>) -> bool {
        let lost = self.try_hold().is_none();
        if lost {
            if let Some(value) = renew() {
                // SAFETY: no other thread accesses the value, as the caller promises.
                unsafe { self.value.get().write(value) };
            }

            self.in_use.clear();
            self.spare.store(false, Relaxed);
            // Release: pairs with the acquire of the next owner, so that a thread that finds the lock lost sees the value renewed.
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

/// A lock that is held. Given back when this goes, on the thread that took it.
pub(crate) struct Hold<'l, L: RawLock> {
    // Fields are dropped in order: the value is not in use any more when the next holder comes.
    _in_use: InUse<'l>,
    _holds: Holds<'l, L>,
    /// Not sent to another thread.
    _here: PhantomData<*const ()>,
}

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
                    // SAFETY: made with the lock held, and dropped once.
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
    fn a_lock_whose_holder_is_no_more_is_replaced_and_its_value_not_in_use() {
        for renewed in [None, Some(2)] {
            let locked = Locked::new(Spin::new(), 1);
            core::mem::forget(locked.hold());
            // SAFETY: there is no other thread, and what held it is forgotten.
            assert!(unsafe { locked.abandon(|| renewed) });
            for use_it in [|value: &mut i32| *value; 2] {
                assert_eq!(locked.with(use_it), renewed.unwrap_or(1));
            }
            assert_eq!(locked.with(|_| locked.try_with(|_| ())), None, "the spare lock is as good");
        }
    }
}
