//! The one module that names `core`, `std`, `loom` and `shuttle`: atomics, locks, cells and waits.
//!
//! Schemes take their atomics, locks, cells and versions from here. So under `--cfg loom` the model checker explores
//! the same code that runs otherwise. Public, because schemes of other crates are modelled through this module. The
//! page of the macro `model!` (feature `model`) says what to use in place of which item of `std`.
//!
//! | file | compiled | content |
//! |---|---|---|
//! | `atomic` | always | [`atomic`]: atomics and fences of `core`, loom or shuttle |
//! | `backoff` | always | [`Backoff`]: a wait for another thread |
//! | `hideable` | with `alloc` | [`HideableSlice`]: a slice that can be emptied after a fork |
//! | `hint` | always | hints to the compiler |
//! | `cell` | always; **checked by loom** | [`UnsafeCell`]: a cell of `core`, whose accesses the models check |
//! | `take_cell` | always | [`TakeCell`]: a value in a static that is taken once |
//! | `version_box` | with `alloc`; **checked by loom** | [`VersionBox`]: memory of a version, which the models check |
//! | `track` | always; **empty except under loom** | [`Track`]: memory whose accesses the models check |
//! | `mutant` | always; **empty except under loom** | [`or_mutant!`](crate::or_mutant): deliberate faults |
//! | `traced` | **loom only** | loom's atomics and locks, with a log of each step |
//! | `control` | **shuttle only** | which thread a scheduler stops, and which one waits |

pub mod atomic;
mod backoff;
mod cell;
#[cfg(all(feature = "std", shuttle))]
pub mod control;
#[cfg(feature = "alloc")]
mod hideable;
pub(crate) mod hint;
mod mutant;
mod take_cell;
#[cfg(loom)]
pub mod traced;
mod track;
#[cfg(feature = "alloc")]
mod version_box;

/// Results of locks, the same for `std`'s and loom's.
#[cfg(feature = "std")]
pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
/// Locks: `std`'s, or under the models loom's. Without `std` there is [`Locked`].
#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(all(feature = "std", shuttle, not(loom)))]
pub use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(loom)]
pub use traced::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(feature = "lock_api")]
pub use crate::locking::LockApi;
pub use crate::locking::{Locked, RawLock, Spin};
pub use backoff::Backoff;
pub use cell::UnsafeCell;
#[cfg(feature = "alloc")]
pub use hideable::HideableSlice;
#[cfg(loom)]
#[doc(hidden)]
pub use mutant::is_mutant;
pub use take_cell::TakeCell;
pub use track::Track;
#[cfg(feature = "alloc")]
pub use version_box::{VersionBox, VersionRef};

/// Atomics that no model explores: for what is set once a process, or read in debug builds only.
pub(crate) mod unmodelled {
    #[cfg(all(feature = "std", target_os = "linux", not(any(loom, shuttle))))]
    pub(crate) use core::sync::atomic::AtomicU8;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
}

/// The number of the calling thread: unique among live threads, and never 0. `None` without `std`, where threads have
/// no numbers.
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
        // Fails in the destructors of a thread that ends, once the thread-local is gone.
        HERE.try_with(|here| core::ptr::from_ref(here).addr()).ok()
    }
    #[cfg(not(any(feature = "std", loom, shuttle)))]
    None
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
pub use crate::or_mutant;
pub use const_fn;
