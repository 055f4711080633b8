//! Mobility, and the migrate-type groups by which pages are kept apart.

/// Whether the content of a page can be migrated. Pages of one mobility share pageblocks, as of Linux' migrate types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Mobility {
    /// The address of the page is in use: the page has to stay.
    Unmovable = 0,
    /// The content can be copied elsewhere, and all references to it can be updated.
    Movable = 1,
}

impl Mobility {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Unmovable, Self::Movable];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Unmovable => Self::Movable,
            Self::Movable => Self::Unmovable,
        }
    }
}

/// The allocations that a pageblock serves.
///
/// Unmovable pages are kept apart from movable ones, and of these large blocks from small ones. A pageblock with two
/// or four blocks in it becomes free as a whole sooner than one with a hundred, unless small blocks are scattered over
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum MigrateGroup {
    Unmovable = 0,
    Small = 1,
    Large = 2,
}

/// The lowest order of a large movable block: a quarter of a pageblock. Of orders 5 to 9, tried on 24 random
/// histories, this one left the most pageblocks free as a whole.
const LARGE: u8 = 7;

impl MigrateGroup {
    pub(super) const COUNT: usize = 3;

    /// The group of a block of an order and mobility.
    pub(super) fn of(order: u8, mobility: Mobility) -> Self {
        match mobility {
            Mobility::Unmovable => Self::Unmovable,
            Mobility::Movable if order >= LARGE => Self::Large,
            Mobility::Movable => Self::Small,
        }
    }

    /// The group of the two lowest bits. Total: the bits come from a pageblock's word.
    pub(super) fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Self::Unmovable,
            1 => Self::Small,
            // 3 is never stored.
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
