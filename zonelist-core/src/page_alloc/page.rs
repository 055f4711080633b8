//! An allocated block, in one word.

use core::{fmt, num::NonZeroU64};

use crate::{
    Mobility,
    zone::{MAX_ORDER, PFN_BITS, PFN_LIMIT},
};

/// An allocated block of `2^order` page frames.
///
/// It is one word: returned in a register, stored in a table of words, and `Option<Page>` is no larger. A copy does not
/// keep the block allocated: the block may be freed through any copy, once. The order is one that a zone can have, and
/// the frame is a multiple of the block's length.
///
/// ```text
///   bits 0..44 frame | 44..57 number of the zone in its allocator | 57 movable | 58..62 order | 62 zero | 63 one
/// ```
///
/// An allocator numbers its zones after those of the last allocator that was created, so that no allocator takes
/// another's page for its own. There are 8192 numbers. A number is reused only after that many zones have been created
/// since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(NonZeroU64);

const ZONE_SHIFT: u32 = PFN_BITS;
const ZONE_MASK: u64 = 0x1fff;
/// The exclusive limit of zone numbers.
pub(super) const ZONE_NUMBERS: usize = ZONE_MASK as usize + 1;
const TAG_SHIFT: u32 = 57;
const TAG_MASK: u64 = 0x1f;
const ONE: u64 = 1 << 63;

/// The order and mobility of a page, which number the stacks of the per-CPU pages. Always below [`Tag::LIMIT`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag(u8);

impl Tag {
    /// The tag of unmovable single pages.
    pub(super) const FIRST: Self = Self(0);

    /// The exclusive limit of tags.
    pub(super) const LIMIT: usize = TAG_MASK as usize + 1;

    /// The tag of an order and mobility. Of an order above 15, the high bits are lost.
    pub(super) const fn new(order: u8, mobility: Mobility) -> Self {
        Self((order << 1 | mobility as u8) & TAG_MASK as u8)
    }

    /// The tags of all orders and mobilities.
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
    /// The page of these parts. The frame must be below the limit; `zone_number` has 13 bits.
    #[inline(always)]
    pub(super) fn of(pfn: u64, zone_number: usize, tag: Tag) -> Self {
        // The masks change no valid part: they keep a wrong one from the bits of others.
        Self(Self::first(tag).0 | (zone_number as u64 & ZONE_MASK) << ZONE_SHIFT | pfn & (PFN_LIMIT - 1))
    }

    /// The page of a tag at frame 0 of zone number 0.
    pub(super) const fn first(tag: Tag) -> Self {
        Self(NonZeroU64::new(ONE | (tag.0 as u64) << TAG_SHIFT).unwrap())
    }

    /// The page of the same zone and tag that is `frames` frames higher.
    #[inline(always)]
    pub(super) const fn plus(self, frames: u32) -> Self {
        // SAFETY: the highest bit of a page is set and the next one is clear, so no sum with 32 bits carries out to 0.
        Self(unsafe { NonZeroU64::new_unchecked(self.0.get() + frames as u64) })
    }

    /// The number of frames from another page to this one. Very large if this page is lower, or of another zone or tag.
    #[inline(always)]
    pub(super) const fn minus(self, other: Self) -> u64 {
        self.0.get().wrapping_sub(other.0.get())
    }

    /// The page of a word of [`Page::word`]; `None` if the word is no page.
    ///
    /// The page need not be allocated: [`LocalHandle::free`](super::LocalHandle::free) documents what a free does then.
    #[must_use]
    pub const fn from_word(word: u64) -> Option<Self> {
        let Some(page) = NonZeroU64::new(word) else { return None };
        let page = Self(page);
        // A page is aligned to its length, and the bit below the highest is unused.
        let is_page = word >> 62 == ONE >> 62 && page.order() <= MAX_ORDER;
        if is_page && page.pfn() % (1 << page.order()) == 0 { Some(page) } else { None }
    }

    /// The word of the page.
    #[must_use]
    #[inline]
    pub const fn word(self) -> u64 {
        self.0.get()
    }

    /// The first page frame of the block.
    #[must_use]
    #[inline(always)]
    pub const fn pfn(self) -> u64 {
        self.0.get() & (PFN_LIMIT - 1)
    }

    /// The order of the block, which has `2^order` page frames.
    #[must_use]
    #[inline]
    pub const fn order(self) -> u8 {
        self.tag().order()
    }

    /// The mobility of the request.
    #[must_use]
    pub const fn mobility(self) -> Mobility {
        self.tag().mobility()
    }

    /// The order and mobility.
    #[inline(always)]
    pub(super) const fn tag(self) -> Tag {
        Tag((self.0.get() >> TAG_SHIFT & TAG_MASK) as u8)
    }

    /// The number of the zone, as pages carry it.
    #[inline(always)]
    pub(super) const fn zone_number(self) -> usize {
        (self.0.get() >> ZONE_SHIFT & ZONE_MASK) as usize
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
    fn a_page_returns_the_parts_it_was_made_of() {
        for (pfn, zone_number) in [(0, 0), (PFN_LIMIT - 1, 0x1fff), (0x1234_5678, 77)] {
            for order in 0..=crate::zone::MAX_ORDER {
                for mobility in Mobility::ALL {
                    let pfn = pfn >> order << order;
                    let page = Page::of(pfn, zone_number, Tag::new(order, mobility));
                    assert_eq!(
                        (page.pfn(), page.zone_number(), page.order(), page.mobility()),
                        (pfn, zone_number, order, mobility)
                    );
                    assert_eq!(Page::from_word(page.word()), Some(page));
                }
            }
        }
        assert_eq!((Page::from_word(0), Page::from_word(5), Page::from_word(3 << 62)), (None, None, None));
    }

    #[test]
    fn a_word_with_an_invalid_order_or_alignment_is_no_page() {
        let word = |order: u64, pfn: u64| ONE | order << 58 | pfn;
        for order in 0..16 {
            for pfn in [0, 1, 512, 1024, 1 << 20, PFN_LIMIT - 1024, PFN_LIMIT - 1] {
                let is_page = order <= 10 && pfn % (1 << order) == 0;
                assert_eq!(Page::from_word(word(order, pfn)).is_some(), is_page, "order {order} at {pfn}");
            }
        }
    }
}
