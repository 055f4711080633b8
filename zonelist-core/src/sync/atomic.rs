//! Atomics and fences: those of `core`, or loom's and shuttle's under the models.
//!
//! Under loom none of them has a `const` constructor, `get_mut` or `into_inner`. An array is made by
//! [`core::array::from_fn`], and a `Drop` reads by a relaxed load.

#[cfg(shuttle)]
pub use core::sync::atomic::compiler_fence;
#[cfg(not(any(loom, shuttle)))]
pub use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, compiler_fence, fence,
};
#[cfg(shuttle)]
pub use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};

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
