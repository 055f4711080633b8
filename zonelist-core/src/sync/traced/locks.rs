//! loom's locks and cell with a log of each operation.

use core::ops::{Deref, DerefMut};
use std::{
    panic::Location,
    sync::{LockResult, PoisonError},
};

use loom::sync as raw;

use super::{Log, SourceLocation, Step, after, before, born, membarrier::while_blocked, note, sink::Next};

/// Records an operation on a lock or cell, as a step of its own.
fn did(place: SourceLocation, object: usize, what: &'static str) {
    after(before(place, Next::Other), place, Step::Did { object, what });
}

/// An atomic that each thread accesses before it takes a lock and before it unlocks the lock.
///
/// An unlock is not a step for loom. Without this access no thread would ever find the lock taken, unless its holder
/// makes some other step.
type Held = raw::atomic::AtomicUsize;

/// A step that orders nothing, and that loom interleaves with the same step of other threads.
fn interleave(held: &Held) {
    held.fetch_add(0, raw::atomic::Ordering::Relaxed);
}

macro_rules! lock {
    ($lock:ident, $($method:ident, $try:ident, $guard:ident, $locked:literal;)+) => {
        #[doc = concat!("As [`std::sync::", stringify!($lock), "`].")]
        #[derive(Debug)]
        pub struct $lock<T> {
            object: usize,
            lock: raw::$lock<T>,
            held: Held,
        }

        impl<T> $lock<T> {
            /// A lock with this value.
            #[track_caller]
            #[must_use]
            pub fn new(value: T) -> Self {
                Self { object: born(Location::caller(), 0), lock: raw::$lock::new(value), held: Held::new(0) }
            }

            /// As `std`'s.
            ///
            /// # Errors
            /// Never: no lock of a model is poisoned.
            pub fn into_inner(self) -> LockResult<T> {
                self.lock.into_inner()
            }

            $(
                /// As `std`'s.
                ///
                /// # Errors
                /// Never: no lock of a model is poisoned.
                #[track_caller]
                pub fn $method(&self) -> LockResult<$guard<'_, T>> {
                    let place = Location::caller();
                    let actor = before(place, Next::Other);
                    interleave(&self.held);
                    let guard = match self.lock.$try() {
                        Ok(guard) => guard,
                        Err(_) => {
                            // Recorded before the wait, so that a timeline shows which thread waits.
                            note(actor, place, Step::Did { object: self.object, what: "is waited for" });
                            Log::wait();
                            while_blocked(|| self.lock.$method()).unwrap_or_else(PoisonError::into_inner)
                        }
                    };
                    after(actor, place, Step::Did { object: self.object, what: $locked });
                    Ok($guard { object: self.object, place, held: &self.held, guard: Some(guard) })
                }

                /// As `std`'s.
                ///
                /// # Errors
                /// Another thread holds the lock.
                #[track_caller]
                pub fn $try(&self) -> std::sync::TryLockResult<$guard<'_, T>> {
                    let place = Location::caller();
                    let actor = before(place, Next::Other);
                    interleave(&self.held);
                    let guard = self.lock.$try().ok();
                    let what = if guard.is_some() { $locked } else { "is held by another" };
                    after(actor, place, Step::Did { object: self.object, what });
                    let guard = guard.ok_or(std::sync::TryLockError::WouldBlock)?;
                    Ok($guard { object: self.object, place, held: &self.held, guard: Some(guard) })
                }
            )+
        }

        impl<T: Default> Default for $lock<T> {
            #[track_caller]
            fn default() -> Self {
                Self::new(T::default())
            }
        }

        $(
            /// As `std`'s.
            pub struct $guard<'l, T> {
                object: usize,
                place: SourceLocation,
                held: &'l Held,
                /// `None` only within the drop.
                guard: Option<raw::$guard<'l, T>>,
            }

            impl<T> Deref for $guard<'_, T> {
                type Target = T;

                fn deref(&self) -> &T {
                    self.guard.as_ref().unwrap_or_else(|| unreachable!("held until it is dropped"))
                }
            }

            impl<T> Drop for $guard<'_, T> {
                fn drop(&mut self) {
                    if std::thread::panicking() {
                        return;
                    }
                    interleave(self.held);
                    self.guard = None;
                    note(Log::actor(), self.place, Step::Did { object: self.object, what: "is unlocked" });
                }
            }

            impl<T: core::fmt::Debug> core::fmt::Debug for $guard<'_, T> {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    (**self).fmt(f)
                }
            }
        )+
    };
}
lock!(Mutex, lock, try_lock, MutexGuard, "is locked";);
lock!(
    RwLock,
    read, try_read, RwLockReadGuard, "is locked to read";
    write, try_write, RwLockWriteGuard, "is locked to write";
);

macro_rules! mutable {
    ($($guard:ident),+) => {
        $(impl<T> DerefMut for $guard<'_, T> {
            fn deref_mut(&mut self) -> &mut T {
                self.guard.as_mut().unwrap_or_else(|| unreachable!("held until it is dropped"))
            }
        })+
    };
}
mutable!(MutexGuard, RwLockWriteGuard);

/// The cell of [`UnsafeCell`](crate::sync::UnsafeCell) under loom.
#[derive(Debug)]
pub struct TracedCell<T> {
    object: usize,
    cell: loom::cell::UnsafeCell<T>,
}

impl<T> TracedCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self { object: born(Location::caller(), 0), cell: loom::cell::UnsafeCell::new(value) }
    }

    #[track_caller]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        did(Location::caller(), self.object, "is read");
        self.cell.with(read)
    }

    #[track_caller]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        did(Location::caller(), self.object, "is written");
        self.cell.with_mut(write)
    }

    pub(crate) fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl<T: Default> Default for TracedCell<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}
