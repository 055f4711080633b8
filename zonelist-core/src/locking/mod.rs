//! Product code that excludes: a value behind a lock of the caller's kind, and the detection of re-entry.
//!
//! Apart from `sync`, most of which is the kit of the models: tools that leave `sync` out must not leave this out.

pub(crate) mod in_use;
pub(crate) mod lock;
#[cfg(feature = "lock_api")]
mod lock_api;

pub use lock::{Locked, RawLock, Spin};
#[cfg(feature = "lock_api")]
pub use lock_api::LockApi;
