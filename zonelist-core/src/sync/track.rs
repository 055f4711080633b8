//! Plain memory as the models see it.

use super::const_fn;

/// A marker of memory that loom checks like plain memory: its reads and writes must be ordered.
///
/// Empty at run time. Under loom, the model fails on a write that is not ordered behind every read and write before it,
/// and on a read that is not ordered behind every write before it. Slots alone would not show such faults: loom never
/// moves an atomic load behind a later store.
#[derive(Debug)]
pub struct Track {
    #[cfg(loom)]
    cell: loom::cell::UnsafeCell<()>,
}

impl Track {
    const_fn! {
        /// Memory without an access so far.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                #[cfg(loom)]
                cell: loom::cell::UnsafeCell::new(()),
            }
        }
    }

    /// Records a read of the memory.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn read(&self) {
        #[cfg(loom)]
        {
            super::traced::before_plain();
            self.cell.with(|_| ());
        }
    }

    /// Records a write to the memory, or that it is about to be freed.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn write(&self) {
        #[cfg(loom)]
        {
            super::traced::before_plain();
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
