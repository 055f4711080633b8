//! Numbers of memory blocks.

use core::fmt;

/// A memory block, by its number: block `n` has the page frames from `n` times a block's pages on.
///
/// The number is that of `/sys/devices/system/memory/memoryN`. It is no page frame number:
///
/// ```compile_fail,E0308
/// # use zonelist_core::{Pfn, hotplug::Operation};
/// let operation = Operation::Offline { block: Pfn::new(3) };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct BlockId(u64);

impl BlockId {
    /// The block with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    ///
    /// ```
    /// use zonelist_core::hotplug::BlockId;
    /// assert_eq!(BlockId::new(3).number(), 3);
    /// ```
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
