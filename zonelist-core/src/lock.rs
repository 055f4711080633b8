//! A value behind a lock, and the lock's kind as a parameter: a kernel brings one that masks interrupts.

use core::{cell::UnsafeCell, fmt};

use crate::sync::{
    Backoff, Track,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, unmodelled,
};

/// A kind of lock.
///
/// # Safety
/// From the return of [`RawLock::lock`], or of a [`RawLock::try_lock`] that had it, to the call of
/// [`RawLock::unlock`], nobody else has it; and all that was done before an unlock is seen by the
/// next who has the lock. [`RawLock::try_lock`] waits for nobody.
///
/// `lock` and `try_lock` may panic as long as the lock is not taken, and what they were called for is then not done.
/// `unlock` must not. None of the three may use what it locks, and a lock of an allocator's zones must not use
/// the allocator.
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
///
/// In the child of a fork, a lock whose holder stayed behind is held for ever: what this library locks has calls
/// for that ([`Published::after_fork`](crate::publish::Published::after_fork) and its like), a lock of one's own has none.
pub struct Locked<T, L = Spin> {
    raw: L,
    /// Whether the holder of `raw` was left behind by a fork: then `spare` is the lock.
    lost: unmodelled::AtomicBool,
    spare: SpareLock,
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
            Self { raw, lost, spare, track: Track::new(), value: UnsafeCell::new(value) }
        }
    }

    /// Waits for the lock and uses the value. A panic gives the lock back.
    #[inline]
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.held(self.hold(), use_it)
    }

    /// Uses the value if nobody else does.
    #[inline]
    pub fn try_with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.held(self.try_hold()?, use_it))
    }

    /// The value, which nobody else can be using.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn held<R>(&self, _hold: Hold<'_, L>, use_it: impl FnOnce(&mut T) -> R) -> R {
        self.track.write();
        // SAFETY: the lock is ours until `_hold` goes.
        use_it(unsafe { &mut *self.value.get() })
    }

    /// Waits for the lock, and keeps it for as long as what this returns lives.
    #[inline]
    pub(crate) fn hold(&self) -> Hold<'_, L> {
        if self.is_lost() {
            return self.hold_spare();
        }
        Hold(Holds::Raw { raw: &self.raw, held: Some(self.raw.lock()) })
    }

    /// The same, if nobody else has the lock.
    #[inline]
    fn try_hold(&self) -> Option<Hold<'_, L>> {
        if self.is_lost() {
            return self.try_hold_spare();
        }
        Some(Hold(Holds::Raw { raw: &self.raw, held: Some(self.raw.try_lock()?) }))
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
        // Acquire: pairs with the release in `Hold::drop`.
        let free = self.spare.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        free.then(|| Hold(Holds::Spare(&self.spare)))
    }

    /// Whether a fork has left the lock's holder behind.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed)
    }

    /// In the child of a fork: if somebody who is no more has the lock, what he may have left half done is replaced, and
    /// the lock is free. Returns whether that was so.
    ///
    /// # Safety
    /// No other thread of this process uses the lock meanwhile, and whoever holds it never goes on. Where `renew` gives
    /// no value, the one that is there is whole wherever its holder was stopped. It is not dropped.
    pub(crate) unsafe fn abandon(&self, renew: impl FnOnce() -> Option<T>) -> bool {
        let lost = self.try_hold().is_none();
        if lost {
            if let Some(value) = renew() {
                // SAFETY: nobody else uses it, as the caller promises.
                unsafe { self.value.get().write(value) };
            }
            self.spare.store(false, Relaxed);
            // Release: whoever finds it lost finds the value renewed.
            self.lost.store(true, Release);
        }
        lost
    }
}

impl<T, L> fmt::Debug for Locked<T, L> {
    /// Not the value, which somebody may be using.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

/// A lock that is held. Given back when this goes.
pub(crate) struct Hold<'l, L: RawLock>(Holds<'l, L>);

enum Holds<'l, L: RawLock> {
    Raw { raw: &'l L, held: Option<L::Held> },
    Spare(&'l SpareLock),
}

impl<L: RawLock> Drop for Hold<'_, L> {
    #[inline]
    fn drop(&mut self) {
        match &mut self.0 {
            Holds::Raw { raw, held } => {
                if let Some(held) = held.take() {
                    // SAFETY: made with the lock held, and dropped once.
                    unsafe { raw.unlock(held) };
                }
            }
            // Release: pairs with the acquire in `try_hold_spare`.
            Holds::Spare(spare) => spare.store(false, Release),
        }
    }
}

impl<L: RawLock> fmt::Debug for Hold<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}
