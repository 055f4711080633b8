//! A sequence lock of the same protocol as the crate's, for `--cfg shuttle`, whose scheduler cannot enter the crate.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use zonelist_core::sync::{
    Backoff,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// A value that readers copy, and copy again if it was written meanwhile.
///
/// All orderings are SeqCst: shuttle explores no other, so that there are no pairs to name.
#[derive(Debug)]
pub(crate) struct SeqLock<T> {
    /// The sequence number: odd while the value is written.
    count: AtomicUsize,
    /// A lock of std, which the scheduler does not know: no thread is preempted while it holds this.
    value: Mutex<T>,
}

impl<T: Copy> SeqLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { count: AtomicUsize::new(0), value: Mutex::new(value) }
    }

    /// A copy of the value, which no write has changed meanwhile. Waits while the value is written.
    pub(crate) fn read(&self) -> T {
        let mut backoff = Backoff::default();
        loop {
            let before = self.count.load(SeqCst);
            let value = self.value();
            // Odd: a write was under way. Changed: a write began meanwhile.
            if before & 1 == 0 && self.count.load(SeqCst) == before {
                return value;
            }
            backoff.wait();
        }
    }

    /// Waits for other writers, and begins to write.
    pub(crate) fn lock_write(&self) -> Writing<'_, T> {
        let mut backoff = Backoff::default();
        loop {
            match self.try_lock_write() {
                Some(writing) => return writing,
                None => backoff.wait(),
            }
        }
    }

    /// Begins to write, unless another writer is under way.
    pub(crate) fn try_lock_write(&self) -> Option<Writing<'_, T>> {
        let before = self.count.load(SeqCst);
        // From even to odd: the value is locked until the drop makes the number even again.
        let locked = before & 1 == 0 && self.count.compare_exchange(before, before + 1, SeqCst, SeqCst).is_ok();
        locked.then(|| Writing { lock: self, value: self.value() })
    }

    fn value(&self) -> T {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write in progress: a copy of the value, stored and unlocked by the drop.
#[derive(Debug)]
pub(crate) struct Writing<'l, T: Copy> {
    lock: &'l SeqLock<T>,
    value: T,
}

impl<T: Copy> Deref for Writing<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Copy> DerefMut for Writing<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Copy> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        *self.lock.value.lock().unwrap_or_else(PoisonError::into_inner) = self.value;
        self.lock.count.fetch_add(1, SeqCst);
    }
}
