//! A page that is handed out: one word.

use core::{fmt, num::NonZeroU64};

use crate::{
    MAX_ORDER, Mobility,
    zone::{PFN_BITS, PFN_LIMIT},
};

/// A block of `2^order` page frames that an allocator handed out.
///
/// One word, so that it is returned in a register, kept in a table of words, and `Option<Page>` is
/// no larger. A copy does not keep the block: the holder of one may free it, once. Its order is one that a zone
/// can have, and its frame a multiple of its length.
///
/// ```text
///   bits 0..44 frame | 44..57 number of the zone in its allocator | 57 movable | 58..62 order | 63 one
/// ```
///
/// An allocator numbers its zones from where the last one that was made left off, so that a page of one is none of
/// another's. There are 8192 numbers: only when that many zones have been made since are they used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(NonZeroU64);

const SLOT_SHIFT: u32 = PFN_BITS;
const SLOT_MASK: u64 = 0x1fff;
/// Numbers of zones are below this.
pub(super) const SLOTS: usize = SLOT_MASK as usize + 1;
const TAG_SHIFT: u32 = 57;
const TAG_MASK: u64 = 0x1f;
const ONE: u64 = 1 << 63;

/// The mobility and order of a page, by which caches keep their stacks. Always below [`Tag::LIMIT`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag(u8);

impl Tag {
    /// Single pages that do not move.
    pub(super) const NONE: Self = Self(0);

    /// Tags are below this.
    pub(super) const LIMIT: usize = TAG_MASK as usize + 1;

    pub(super) const fn new(order: u8, mobility: Mobility) -> Self {
        Self((order << 1 | mobility as u8) & TAG_MASK as u8)
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=MAX_ORDER).flat_map(|order| Mobility::ALL.map(|mobility| Self::new(order, mobility)))
    }

    #[inline(always)]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn order(self) -> u8 {
        self.0 >> 1
    }

    pub(super) const fn mobility(self) -> Mobility {
        if self.0 & 1 != 0 { Mobility::Movable } else { Mobility::Unmovable }
    }
}

impl Page {
    /// The page of these parts; the frame is below the limit and the slot of 13 bits.
    #[inline(always)]
    pub(super) fn of(pfn: u64, slot: usize, tag: Tag) -> Self {
        Self(Self::first(tag).0 | (slot as u64 & SLOT_MASK) << SLOT_SHIFT | pfn & (PFN_LIMIT - 1))
    }

    /// Frame 0 of the zone in slot 0.
    pub(super) const fn first(tag: Tag) -> Self {
        Self(NonZeroU64::new(ONE | (tag.0 as u64) << TAG_SHIFT).unwrap())
    }

    /// The page so many frames further on, in the same zone.
    #[inline(always)]
    pub(super) const fn plus(self, frames: u32) -> Self {
        // SAFETY: the highest bit of a page is set and the next is not, so that no number of frames carries to 0.
        Self(unsafe { NonZeroU64::new_unchecked(self.0.get() + frames as u64) })
    }

    /// By how many frames it is further on than another; a very large number if it is before it, or of another zone or tag.
    #[inline(always)]
    pub(super) const fn minus(self, other: Self) -> u64 {
        self.0.get().wrapping_sub(other.0.get())
    }

    /// The page of a word that [`Page::word`] gave; `None` for a word that is none.
    ///
    /// It need not be one that is handed out: see [`LocalHandle::free`](super::LocalHandle::free) for what comes of freeing it.
    #[must_use]
    pub const fn from_word(word: u64) -> Option<Self> {
        let Some(page) = NonZeroU64::new(word) else { return None };
        let page = Self(page);
        let is_page = word >> 62 == ONE >> 62 && page.order() <= MAX_ORDER;
        if is_page && page.pfn() % (1 << page.order()) == 0 { Some(page) } else { None }
    }

    /// The word.
    #[must_use]
    #[inline]
    pub const fn word(self) -> u64 {
        self.0.get()
    }

    /// Its first frame.
    #[must_use]
    #[inline(always)]
    pub const fn pfn(self) -> u64 {
        self.0.get() & (PFN_LIMIT - 1)
    }

    /// It has `2^order` frames.
    #[must_use]
    #[inline]
    pub const fn order(self) -> u8 {
        self.tag().order()
    }

    /// What it was asked for.
    #[must_use]
    pub const fn mobility(self) -> Mobility {
        self.tag().mobility()
    }

    #[inline(always)]
    pub(super) const fn tag(self) -> Tag {
        Tag((self.0.get() >> TAG_SHIFT & TAG_MASK) as u8)
    }

    /// The number of its zone in its allocator.
    #[inline(always)]
    pub(super) const fn slot(self) -> usize {
        (self.0.get() >> SLOT_SHIFT & SLOT_MASK) as usize
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {:#x} of order {}", self.pfn(), self.order())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_back_what_it_was_made_of() {
        for (pfn, slot) in [(0, 0), (PFN_LIMIT - 1, 0x1fff), (0x1234_5678, 77)] {
            for order in 0..=crate::MAX_ORDER {
                for mobility in Mobility::ALL {
                    let pfn = pfn >> order << order;
                    let page = Page::of(pfn, slot, Tag::new(order, mobility));
                    assert_eq!((page.pfn(), page.slot(), page.order(), page.mobility()), (pfn, slot, order, mobility));
                    assert_eq!(Page::from_word(page.word()), Some(page));
                }
            }
        }
        assert_eq!((Page::from_word(0), Page::from_word(5), Page::from_word(3 << 62)), (None, None, None));
    }

    #[test]
    fn a_word_is_no_page_of_an_order_or_at_a_frame_that_there_can_be_none() {
        let word = |order: u64, pfn: u64| ONE | order << 58 | pfn;
        for order in 0..16 {
            for pfn in [0, 1, 512, 1024, 1 << 20, PFN_LIMIT - 1024, PFN_LIMIT - 1] {
                let is_page = order <= 10 && pfn % (1 << order) == 0;
                assert_eq!(Page::from_word(word(order, pfn)).is_some(), is_page, "order {order} at {pfn}");
            }
        }
    }
}
