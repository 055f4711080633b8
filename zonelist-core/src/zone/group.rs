//! What keeps together: pages that are likely to go together, or never.

use super::Mobility;

/// The pages that a pageblock serves.
///
/// Pages that cannot be moved keep apart from those that can, and among these large blocks from
/// small ones: a pageblock with two or four blocks in it comes free as a whole sooner than one with a
/// hundred, if no small ones are strewn over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Group {
    Unmovable = 0,
    Small = 1,
    Large = 2,
}

/// Movable blocks from this order on are large ones: a quarter of a pageblock. Orders from 5 to 9 were
/// tried on 24 random histories; this one left the most pageblocks whole.
const LARGE: u8 = 7;

impl Group {
    pub(super) const COUNT: usize = 3;

    /// Where a block of that order and mobility belongs.
    pub(super) fn of(order: u8, mobility: Mobility) -> Self {
        match mobility {
            Mobility::Unmovable => Self::Unmovable,
            Mobility::Movable if order >= LARGE => Self::Large,
            Mobility::Movable => Self::Small,
        }
    }

    /// The group of those bits, of which only the two lowest count.
    pub(super) fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Self::Unmovable,
            1 => Self::Small,
            _ => Self::Large,
        }
    }

    pub(super) fn mobility(self) -> Mobility {
        if self == Self::Unmovable { Mobility::Unmovable } else { Mobility::Movable }
    }

    /// The other group of the same mobility, if there is one.
    pub(super) fn sibling(self) -> Option<Self> {
        match self {
            Self::Unmovable => None,
            Self::Small => Some(Self::Large),
            Self::Large => Some(Self::Small),
        }
    }

    /// The groups of a mobility.
    pub(super) fn all(mobility: Mobility) -> &'static [Self] {
        match mobility {
            Mobility::Unmovable => &[Self::Unmovable],
            Mobility::Movable => &[Self::Small, Self::Large],
        }
    }
}
