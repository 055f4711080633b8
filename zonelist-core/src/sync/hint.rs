//! Hints to the compiler that `core` has only since a newer Rust than the one that these packages ask for.

/// ZoneWatermarks the branch that calls it as the unlikely one, as `core::hint::cold_path` does since Rust 1.95.
///
/// A call of it is removed. What stays is where the compiler puts the branch: behind the others.
#[cold]
#[inline]
pub(crate) const fn cold_path() {}
