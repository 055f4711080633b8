//! A value behind a lock, and the lock's kind as a parameter: a kernel brings one that masks interrupts.

use core::{cell::UnsafeCell, fmt};

use crate::sync::{
    Backoff, Track,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn,
};

/// A kind of lock.
///
/// # Safety
/// From the return of [`RawLock::lock`], or of a [`RawLock::try_lock`] that had it, to the call of
/// [`RawLock::unlock`], nobody else has it; and all that was done before an unlock is seen by the
/// next who has the lock.
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

    /// Takes the lock if nobody has it.
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
        /// A lock that nobody has.
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

    /// Looks first: an exchange would take the line from its holder, also in vain.
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
pub struct Locked<T, L = Spin> {
    raw: L,
    track: Track,
    value: UnsafeCell<T>,
}

// SAFETY: `with` and `try_with` hand out the value to one at a time, in whichever thread.
unsafe impl<T: Send, L: Sync> Sync for Locked<T, L> {}

impl<T, L: RawLock> Locked<T, L> {
    const_fn! {
        /// Puts the value behind the lock.
        #[must_use]
        pub const fn new(raw: L, value: T) -> Self {
            Self { raw, track: Track::new(), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock and uses the value. A panic gives the lock back.
    #[inline]
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.held(self.raw.lock(), use_it)
    }

    /// Uses the value if nobody else does.
    #[inline]
    pub fn try_with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.held(self.raw.try_lock()?, use_it))
    }

    /// The value, which nobody else can be using.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn held<R>(&self, held: L::Held, use_it: impl FnOnce(&mut T) -> R) -> R {
        let _unlock = Unlock { raw: &self.raw, held: Some(held) };
        self.track.write();
        // SAFETY: the lock is ours until `_unlock` goes.
        use_it(unsafe { &mut *self.value.get() })
    }
}

impl<T, L> fmt::Debug for Locked<T, L> {
    /// Not the value, which somebody may be using.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

struct Unlock<'l, L: RawLock> {
    raw: &'l L,
    held: Option<L::Held>,
}

impl<L: RawLock> Drop for Unlock<'_, L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // SAFETY: made with the lock held, and dropped once.
            unsafe { self.raw.unlock(held) };
        }
    }
}
