//! What is known of a pageblock, in one word.

use super::{group::Group, managed::Extent};

/// The frames of a pageblock that are free and that are managed, and what it is good for.
///
/// ```text
///   bits 0..10 free | 10 stale | 11..15 hint | 15..17 group | 17 isolated | 20..30 managed | 30..64 extent
/// ```
///
/// The extent says which frames are managed, where that does not follow from their number: see [`Extent`].
/// The hint is the order of the longest free run, or a lower one while the word is stale: single
/// frames are freed without looking at their neighbours. A block without a free frame has no hint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Block(pub(super) u64);

const COUNT: u64 = 0x3ff;
const STALE: u64 = 1 << 10;
const HINT_SHIFT: u32 = 11;
const HINT: u64 = 0xf << HINT_SHIFT;
const GROUP_SHIFT: u32 = 15;
const GROUP: u64 = 3 << GROUP_SHIFT;
const ISOLATED: u64 = 1 << 17;
const MANAGED_SHIFT: u32 = 20;
const EXTENT_SHIFT: u32 = 30;

impl Block {
    /// Without any frame yet.
    pub(super) const EMPTY: Self = Self(HINT | (Group::Small as u64) << GROUP_SHIFT);

    #[inline]
    pub(super) fn free(self) -> usize {
        (self.0 & COUNT) as usize
    }

    pub(super) fn managed(self) -> usize {
        (self.0 >> MANAGED_SHIFT & COUNT) as usize
    }

    #[inline]
    pub(super) fn is_stale(self) -> bool {
        self.0 & STALE != 0
    }

    /// Whether single frames were freed that it does not count: possible once it is stale, of a
    /// block in reach whose frames are all managed.
    #[inline]
    pub(super) fn is_behind(self) -> bool {
        const WHOLE: u64 = (crate::zone::PAGEBLOCK_FRAMES as u64) << MANAGED_SHIFT;
        self.0 & (STALE | ISOLATED | COUNT << MANAGED_SHIFT) == STALE | WHOLE
    }

    #[inline]
    pub(super) fn is_isolated(self) -> bool {
        self.0 & ISOLATED != 0
    }

    pub(super) fn group(self) -> Group {
        Group::from_bits(self.0 >> GROUP_SHIFT)
    }

    /// The longest free run that is known of, if any frame is free.
    pub(super) fn hint(self) -> Option<u8> {
        let hint = ((self.0 & HINT) >> HINT_SHIFT) as u8;
        (hint < 0xf).then_some(hint)
    }

    /// With one more free frame, whose neighbours nobody has looked at.
    #[inline]
    pub(super) fn with_one_more(self) -> Self {
        Self((self.0 + 1) | STALE)
    }

    pub(super) fn with_free(self, free: usize) -> Self {
        Self(self.0 & !COUNT | free as u64)
    }

    pub(super) fn with_managed(self, managed: usize) -> Self {
        Self(self.0 & !(COUNT << MANAGED_SHIFT) | (managed as u64) << MANAGED_SHIFT)
    }

    /// Which frames are managed.
    pub(super) fn extent(self) -> Extent {
        Extent::from_bits(self.0 >> EXTENT_SHIFT)
    }

    pub(super) fn with_extent(self, extent: Extent) -> Self {
        Self(self.0 & ((1 << EXTENT_SHIFT) - 1) | extent.bits() << EXTENT_SHIFT)
    }

    pub(super) fn with_hint(self, hint: Option<u8>) -> Self {
        Self(self.0 & !HINT | u64::from(hint.unwrap_or(0xf)) << HINT_SHIFT)
    }

    pub(super) fn with_stale(self, stale: bool) -> Self {
        Self(if stale { self.0 | STALE } else { self.0 & !STALE })
    }

    pub(super) fn with_group(self, group: Group) -> Self {
        Self(self.0 & !GROUP | (group as u64) << GROUP_SHIFT)
    }

    pub(super) fn with_isolated(self, isolated: bool) -> Self {
        Self(if isolated { self.0 | ISOLATED } else { self.0 & !ISOLATED })
    }

    /// The set that the block is in, if it is in one.
    pub(super) fn shelf(self) -> Option<(Group, u8)> {
        if self.is_isolated() { None } else { self.hint().map(|hint| (self.group(), hint)) }
    }
}
