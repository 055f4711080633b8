//! The state of a pageblock, in one word.

use core::ops::Range;

use super::{
    extent::Extent,
    limits::{PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER},
    migrate_group::{MigrateGroup, Mobility},
};

/// A snapshot of one pageblock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pageblock {
    /// Its free frames, isolated or not. Frames in per-CPU pages are not free.
    pub free: usize,
    /// Its frames that the zone manages.
    pub managed: usize,
    /// The mobility that it serves.
    pub mobility: Mobility,
    /// True if its free frames are isolated: not allocated.
    pub isolated: bool,
}

/// The state of a pageblock: its counts of free and managed frames, its key in the free index, and its extent.
///
/// ```text
///   bits 0..10 free | 10 stale | 11..15 hint | 15..17 group | 17 isolated | 20..30 managed | 30..64 extent
/// ```
///
/// The extent says which frames are managed, where their number leaves that open: see [`Extent`]. The hint is the order
/// of the largest free block. While the word is stale the hint may be too low: order-0 frames are freed without a check
/// of their neighbours. A pageblock without free frames has no hint.
///
/// Group and hint are the key of the index set that the pageblock is in. So a new state is stored with
/// `FreeFrames::set_state`, which moves the pageblock between the sets. Only a word with the same key and stale bit
/// may be stored directly. Module `migrate_group` lists when the group changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PageblockState(pub(super) u64);

const COUNT: u64 = 0x3ff;
const STALE: u64 = 1 << 10;
const HINT_SHIFT: u32 = 11;
const HINT: u64 = 0xf << HINT_SHIFT;
const GROUP_SHIFT: u32 = 15;
const GROUP: u64 = 3 << GROUP_SHIFT;
const ISOLATED: u64 = 1 << 17;
const MANAGED_SHIFT: u32 = 20;
const EXTENT_SHIFT: u32 = 30;

impl PageblockState {
    /// No managed frame.
    pub(super) const EMPTY: Self = Self(HINT | (MigrateGroup::Small as u64) << GROUP_SHIFT);

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

    /// True if the free count may lack order-0 frames that were freed.
    ///
    /// Such frees only set bits. They are confined to stale pageblocks that are not isolated and whose frames are all
    /// managed: then no check of the frame and no other count depends on the word.
    #[inline]
    pub(super) fn is_undercounted(self) -> bool {
        const WHOLE: u64 = (PAGEBLOCK_FRAMES as u64) << MANAGED_SHIFT;
        // All three conditions in one mask and one comparison: this is on the path of every bulk free.
        self.0 & (STALE | ISOLATED | COUNT << MANAGED_SHIFT) == STALE | WHOLE
    }

    #[inline]
    pub(super) fn is_isolated(self) -> bool {
        self.0 & ISOLATED != 0
    }

    pub(super) fn group(self) -> MigrateGroup {
        MigrateGroup::from_bits(self.0 >> GROUP_SHIFT)
    }

    /// The order of the largest free block that is known; `None` if no frame is free.
    pub(super) fn hint(self) -> Option<u8> {
        // All four bits set is no order.
        let hint = ((self.0 & HINT) >> HINT_SHIFT) as u8;
        (hint < 0xf).then_some(hint)
    }

    /// One more free frame, whose neighbours were not checked.
    #[inline]
    pub(super) fn with_one_freed(self) -> Self {
        // The free count is in the lowest bits, and below its maximum: the carry stays within it.
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

    pub(super) fn with_group(self, group: MigrateGroup) -> Self {
        Self(self.0 & !GROUP | (group as u64) << GROUP_SHIFT)
    }

    pub(super) fn with_isolated(self, isolated: bool) -> Self {
        Self(if isolated { self.0 | ISOLATED } else { self.0 & !ISOLATED })
    }

    /// The set of the free index that contains the pageblock: none if it is isolated or has no free frame.
    pub(super) fn index_key(self) -> Option<(MigrateGroup, u8)> {
        if self.is_isolated() { None } else { self.hint().map(|hint| (self.group(), hint)) }
    }
}

/// Divides a range of frames by pageblock: the pageblock, and the part of the range within it.
pub(super) fn parts(frames: Range<u32>) -> impl Iterator<Item = (usize, Range<usize>)> {
    // Only the first and the last part can be shorter than a pageblock.
    let (start, end) = (frames.start as usize, frames.end as usize);
    (start / PAGEBLOCK_FRAMES..end.div_ceil(PAGEBLOCK_FRAMES)).map(move |block| {
        let base = block * PAGEBLOCK_FRAMES;
        (block, start.max(base) - base..end.min(base + PAGEBLOCK_FRAMES) - base)
    })
}

/// Divides a range of frames of one pageblock into blocks, each as large as alignment and range allow.
pub(super) fn blocks_of(mut part: Range<usize>) -> impl Iterator<Item = (usize, u8)> {
    core::iter::from_fn(move || {
        // A block is limited by the rest of the range, by the alignment of its start, and by the pageblock.
        let length = part.end.checked_sub(part.start)?.checked_ilog2()?;
        let order = length.min(part.start.trailing_zeros()).min(PAGEBLOCK_ORDER.into()) as u8;
        let start = part.start;
        part.start += 1 << order;
        Some((start, order))
    })
}
