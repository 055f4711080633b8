//! Mobility, and the migrate-type groups by which pages are kept apart.
//!
//! Each pageblock is in one group. It prefers to serve requests of that group, and its pages of other groups stay where
//! they are when the group changes. A pageblock changes its group in these cases only, always through its state word
//! (`FreeFrames::set_state`), which also moves it to the index sets of the new group:
//!
//! ```text
//! at first                        Small
//! a request takes frames of it    steal_if_half_free in `buddy`: the request's group,
//!                                     if the pageblock was picked from another group, and
//!                                     it is free as a whole (same mobility), or half of it is free (other mobility)
//! a refill of order 0             as a request; of the other mobility at most one pageblock for each call,
//!                                     and none if a pageblock of the same mobility served part of it (alloc_bulk)
//! Zone::set_mobility              Small or Unmovable, as the caller says
//! Zone::set_boot_layout           Unmovable, if a frame of it stays allocated
//! ```
//!
//! A free, an isolation and a change of managed frames leave the group as it is.

/// Whether the content of a page can be migrated. Pages of one mobility share pageblocks, as do those of one migrate
/// type in Linux.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Mobility {
    /// The address of the page is in use: the page has to stay.
    Unmovable = 0,
    /// The content can be copied elsewhere, and all references to it can be updated.
    Movable = 1,
}

impl Mobility {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::Unmovable, Self::Movable];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Unmovable => Self::Movable,
            Self::Movable => Self::Unmovable,
        }
    }
}

/// The requests that a pageblock serves first: its mobility, and for movable pages the size of blocks.
///
/// Unmovable pages are kept apart from movable ones, and large movable blocks from small ones. A pageblock with two or
/// four blocks in use becomes free as a whole sooner than one with a hundred, unless small blocks are scattered over
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

    /// The group of the two lowest bits, as a state word has them. Defined for every value.
    pub(super) fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            // The discriminants, as `with_group` of a state word stores them.
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
