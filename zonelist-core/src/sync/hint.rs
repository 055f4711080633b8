//! Hints to the compiler that `core` has only in newer versions of Rust than these packages require.

/// Hint that the branch with this call is the unlikely one, as `core::hint::cold_path` since Rust 1.95.
///
/// The compiler removes the call, and puts the branch behind the others.
#[cold]
#[inline]
pub(crate) const fn cold_path() {}
