//! A set of zones as the bits of one word.

use core::fmt;

use crate::sync::{
    atomic::{AtomicUsize, Ordering},
    const_fn,
};

/// A set of zones, and the table that a walk with this set reads: one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ZoneMask(pub(super) usize);

impl ZoneMask {
    /// No zone, in the first table.
    pub const NONE: Self = Self(0);

    /// No zone, in the second table.
    pub const SECOND: Self = Self(4);

    /// A mask of these bits without bit 0, which stands for the end of an order.
    #[must_use]
    pub const fn of(bits: usize) -> Self {
        Self(bits & !1)
    }

    /// The bits.
    #[must_use]
    #[inline(always)]
    pub const fn bits(self) -> usize {
        self.0
    }

    #[inline(always)]
    pub(super) fn has(self, slot: u32) -> bool {
        bit_of(self.0, slot)
    }
}

/// Formats the bits, in each base.
macro_rules! in_bases {
    ($($base:ident),*) => {
        $(impl fmt::$base for ZoneMask {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::$base::fmt(&self.0, f)
            }
        })*
    };
}
in_bases!(Binary, LowerHex, Octal, UpperHex);

/// True if `bits` contains the bit whose number is in the low byte of a slot.
#[inline(always)]
pub(super) fn bit_of(bits: usize, slot: u32) -> bool {
    bits >> (slot & (usize::BITS - 1)) & 1 != 0
}

/// A [`ZoneMask`] that readers load while the writer replaces it: one atomic word.
#[derive(Debug)]
pub struct AtomicZoneMask(AtomicUsize);

impl AtomicZoneMask {
    const_fn! {
        /// An atomic with this mask.
        #[must_use]
        pub const fn new(set: ZoneMask) -> Self {
            Self(AtomicUsize::new(set.0))
        }
    }

    /// Loads the mask.
    #[must_use]
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub fn load(&self, order: Ordering) -> ZoneMask {
        ZoneMask(self.0.load(order))
    }

    /// Replaces the mask.
    #[cfg_attr(loom, track_caller)]
    #[inline]
    pub fn store(&self, set: ZoneMask, order: Ordering) {
        self.0.store(set.0, order);
    }
}
