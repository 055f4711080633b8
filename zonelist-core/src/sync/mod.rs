//! The one place that says `core`, `std`, `loom` or `shuttle`.
//!
//! Schemes take their atomics, locks, cells and versions from here, so that under `--cfg loom` the model checker
//! explores the very code that otherwise runs. Public, because a scheme in another crate is modelled through it:
//! the page of the macro `model!` (feature `model`) says which to take in place of which.

/// Atomics and fences: `core`'s, or under the models loom's.
///
/// Under loom none of them has a `const` constructor, nor `get_mut` and `into_inner`: an array is made by
/// [`core::array::from_fn`], and a `Drop` reads by a relaxed load.
pub mod atomic {
    #[cfg(shuttle)]
    pub use core::sync::atomic::compiler_fence;
    #[cfg(not(any(loom, shuttle)))]
    pub use core::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, compiler_fence, fence,
    };
    #[cfg(shuttle)]
    pub use shuttle::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, fence,
    };

    #[cfg(loom)]
    pub use super::traced::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, compiler_fence, fence,
    };

    #[cfg(all(target_has_atomic = "64", not(any(loom, shuttle))))]
    pub use core::sync::atomic::AtomicU64;
    #[cfg(all(target_has_atomic = "64", shuttle))]
    pub use shuttle::sync::atomic::AtomicU64;

    #[cfg(loom)]
    pub use super::traced::AtomicU64;
}

/// What both give.
#[cfg(feature = "std")]
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
/// Locks: `std`'s, or under the models loom's. Without `std` there is [`Locked`](crate::Locked).
#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(all(feature = "std", shuttle, not(loom)))]
pub use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(loom)]
pub use traced::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Atomics that no model explores: what is set once for a process, or only in debug builds.
pub(crate) mod unmodelled {
    #[cfg(all(feature = "std", target_os = "linux", not(any(loom, shuttle))))]
    pub(crate) use core::sync::atomic::AtomicU8;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
}

mod cell;
#[cfg(all(feature = "std", shuttle))]
pub mod control;
#[cfg(feature = "alloc")]
mod cut;
pub(crate) mod hint;
pub(crate) mod in_use;
pub(crate) mod lock;
#[cfg(loom)]
pub mod traced;
#[cfg(feature = "alloc")]
mod version_box;

pub use cell::UnsafeCell;
#[cfg(feature = "alloc")]
pub use cut::CutSlice;
#[cfg(feature = "alloc")]
pub use version_box::{VersionBox, VersionRef};

/// A number that no other living thread has, and never 0. `None` without `std`, where threads have no names.
#[cfg(feature = "alloc")]
#[must_use]
pub(crate) fn this_thread() -> Option<usize> {
    #[cfg(loom)]
    return Some(traced::Log::actor() + 1);
    #[cfg(all(shuttle, not(loom)))]
    return Some(usize::from(shuttle::thread::current().id()) + 1);
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    {
        std::thread_local! {
            static HERE: u8 = const { 0 };
        }
        // In the destructors of a thread that ends there may be none any more.
        HERE.try_with(|here| core::ptr::from_ref(here).addr()).ok()
    }
    #[cfg(not(any(feature = "std", loom, shuttle)))]
    None
}

/// Waits a little for another thread.
///
/// Spins at first; with `std` it then yields, since the thread waited for may need this very CPU, and
/// in the end sleeps, 50 us at a time, since it has been taken off its own.
/// Under loom every turn yields, and a wait of more than three turns branches no further: two
/// threads that wait for a third could otherwise wake each other for ever.
#[derive(Debug, Default)]
pub struct Backoff {
    turns: u32,
}

impl Backoff {
    /// Turns spent spinning before the first yield; under loom, turns explored.
    #[cfg(all(any(feature = "std", loom), not(shuttle)))]
    const TURNS: u32 = if cfg!(loom) { 3 } else { 64 };

    /// The last turn that yields: some 100 us if no other thread wants the CPU.
    #[cfg(all(feature = "std", not(any(loom, shuttle))))]
    const YIELDS: u32 = Self::TURNS + 256;

    /// One turn of waiting.
    pub fn wait(&mut self) {
        self.turns = self.turns.saturating_add(1);
        #[cfg(loom)]
        {
            traced::Log::wait();
            if self.turns > Self::TURNS {
                loom::skip_branch();
            }
            loom::thread::yield_now();
        }
        #[cfg(shuttle)]
        {
            #[cfg(feature = "std")]
            control::Control::wait();
            shuttle::thread::yield_now();
        }
        #[cfg(not(any(loom, shuttle)))]
        {
            #[cfg(feature = "std")]
            if self.turns > Self::YIELDS {
                return std::thread::sleep(std::time::Duration::from_micros(50));
            } else if self.turns > Self::TURNS {
                return std::thread::yield_now();
            }
            core::hint::spin_loop();
        }
    }
}

/// What loom is to take for plain memory: reads and writes that must be ordered.
///
/// Nothing at run time. Under loom, a write that is not ordered behind every read and write before
/// it fails the model, and so does a read that is not ordered behind every write. Slots alone
/// would not show it: their atomic loads are never seen to move past a later store.
#[derive(Debug)]
pub struct Track {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

impl Track {
    const_fn! {
        /// Something without any access yet.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                #[cfg(loom)]
                cell: loom::cell::UnsafeCell::new(()),
            }
        }
    }

    /// Says that it is read.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn read(&self) {
        #[cfg(loom)]
        {
            traced::before_plain();
            self.cell.with(|_| ());
        }
    }

    /// Says that it is written, or about to be freed.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn write(&self) {
        #[cfg(loom)]
        {
            traced::before_plain();
            self.cell.with_mut(|_| ());
        }
    }
}

// SAFETY: the cell holds nothing, and loom checks every access to it.
#[cfg(loom)]
unsafe impl Sync for Track {}

impl Default for Track {
    fn default() -> Self {
        Self::new()
    }
}

/// An expression of product code, and the mutant that a model has to fail on: `or_mutant!(right => wrong, "name")`.
///
/// The mutant is compiled under loom only, and evaluated only in a run that asks for it by its name: evidence that the
/// models see what they claim to see. A mutant `true` or `false` is evaluated only if the right value is the other one.
/// A step that only the mutant takes is `or_mutant!(=> wrong, "name")`.
///
/// ```
/// let entered = 3;
/// assert_eq!(zonelist_core::or_mutant!(entered + 1 => entered, "example: not counted"), 4);
/// ```
#[cfg(not(loom))]
#[macro_export]
macro_rules! or_mutant {
    (=> $wrong:expr, $name:literal) => {};
    ($right:expr => $wrong:expr, $name:literal) => {
        $right
    };
}

#[cfg(loom)]
#[macro_export]
#[doc(hidden)]
macro_rules! or_mutant {
    (=> $wrong:expr, $name:literal) => {
        if $crate::sync::is_mutant($name) {
            $wrong;
        }
    };
    ($right:expr => false, $name:literal) => {
        ($right && !$crate::sync::is_mutant($name))
    };
    ($right:expr => true, $name:literal) => {
        ($right || $crate::sync::is_mutant($name))
    };
    ($right:expr => $wrong:expr, $name:literal) => {
        if $crate::sync::is_mutant($name) { $wrong } else { $right }
    };
}

/// True in a run that asks for the mutant of this name.
#[cfg(loom)]
#[doc(hidden)]
#[must_use]
pub fn is_mutant(name: &str) -> bool {
    traced::fault(name)
}

/// Defines a function that is `const`, except under loom, whose atomics have no const constructor.
#[macro_export]
#[doc(hidden)]
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub use const_fn;
pub use or_mutant;
