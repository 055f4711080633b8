//! The identity of a writer lock.

use core::num::NonZeroUsize;

use crate::sync::unmodelled::{AtomicUsize, Ordering::Relaxed};

/// Identifies a writer lock: of two calls that are given equal ones, one ends before the other begins, and the later sees
/// all that the earlier did.
///
/// A scheme that several [`Published`](super::Published) share is called by several writers at once. By this it finds out
/// which of its calls exclude each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WriterLock(NonZeroUsize);

impl WriterLock {
    /// The number of the lock, which no other one in this process ever has.
    #[must_use]
    pub fn number(self) -> NonZeroUsize {
        self.0
    }

    /// One that no other lock has. `None` if each number is used.
    #[cold]
    pub(super) fn new() -> Option<Self> {
        static USED: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only the number counts.
        let used = USED.fetch_update(Relaxed, Relaxed, |used| used.checked_add(1)).ok()?;
        NonZeroUsize::new(used.wrapping_add(1)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_locks_have_one_number() {
        assert_ne!(WriterLock::new(), WriterLock::new());
    }
}
