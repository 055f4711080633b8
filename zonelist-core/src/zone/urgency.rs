//! The urgency of a request: how far below the min watermark it may allocate.

use core::{
    fmt,
    ops::{BitOr, BitOrAssign},
};

/// The reasons for which a request may allocate below the min watermark. Reasons combine.
///
/// ```
/// use zonelist_core::zone::Urgency;
/// // As in Linux 4.14 to 6.1: half for high priority, a quarter of the rest for a request that
/// // cannot wait, half of the rest for the victim of an out-of-memory kill.
/// let below = |urgency: Urgency| urgency.reduced(8294);
/// assert_eq!(below(Urgency::NONE), 8294);
/// assert_eq!(below(Urgency::HIGH), 4147);
/// assert_eq!(below(Urgency::HIGH.and(Urgency::NON_BLOCKING)), 3111);
/// assert_eq!(below(Urgency::HIGH | Urgency::OUT_OF_MEMORY), 2074);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Urgency(u8);

impl Urgency {
    /// None: the request stops at the min watermark.
    pub const NONE: Self = Self(0);
    /// High priority (`__GFP_HIGH`).
    pub const HIGH: Self = Self(1);
    /// Cannot wait for reclaim, as in an interrupt (`ALLOC_HARDER`).
    pub const NON_BLOCKING: Self = Self(2);
    /// The victim of an out-of-memory kill, which needs memory to exit (`ALLOC_OOM`).
    pub const OUT_OF_MEMORY: Self = Self(4);

    /// Every combination, for tables and tests.
    pub const ALL: [Self; 8] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// The union.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if it contains all of the other.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The min watermark, in pages, that applies to a request of this urgency.
    #[must_use]
    pub const fn reduced(self, min: u64) -> u64 {
        // `min - min / 2` and not `min / 2`: as Linux rounds.
        let min = if self.has(Self::HIGH) { min - min / 2 } else { min };
        if self.has(Self::OUT_OF_MEMORY) {
            min - min / 2
        } else if self.has(Self::NON_BLOCKING) {
            min - min / 4
        } else {
            min
        }
    }
}

impl BitOr for Urgency {
    type Output = Self;

    /// The union, as [`Urgency::and`].
    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOrAssign for Urgency {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.and(other);
    }
}

impl fmt::Debug for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            [(Self::HIGH, "high"), (Self::NON_BLOCKING, "non-blocking"), (Self::OUT_OF_MEMORY, "out of memory")];
        let names = names.into_iter().filter(|name| self.has(name.0)).map(|name| name.1);
        f.write_str("Urgency")?;
        f.debug_set().entries(names).finish()
    }
}
