//! An allocated block, in one word.

use core::{fmt, num::NonZeroU64, ops::Range};

use crate::{
    Mobility, Pfn,
    ids::Order,
    zone::{PFN_BITS, PFN_LIMIT},
};

/// An allocated block of `2^order` page frames, which this value owns.
///
/// It is one word: returned in a register, and `Option<Page>` is no larger. The order is one that a zone can have, and
/// the frame is a multiple of the block's length.
///
/// ```text
///   bits 0..44 frame | 44..57 number of the zone in its allocator | 57 movable | 58..62 order | 62 zero | 63 one
/// ```
///
/// An allocator numbers its zones after those of the last allocator that was created, so that no allocator takes
/// another's page for its own. There are 8192 numbers. An allocator takes as many as the next power of two above the number
/// of its zones, from a multiple of that on: 2 for one zone, 4 for two. Behind the last number it begins anew, so a number
/// is reused after less than 8192 were taken since.
///
/// # Ownership
///
/// No other `Page` has one of the frames, and the allocator gives none of them to another request. A page ends with the
/// call that frees it, so it is not freed twice:
///
/// ```compile_fail,E0382
/// # use zonelist_core::{*, publish::{Platform, Scheme}, sync::Spin};
/// fn twice<S: Scheme, P: Platform>(local: &mut LocalHandle<'_, '_, S, P>, page: Page) {
///     let _ = local.free(page);
///     let _ = local.free(page);
/// }
/// ```
///
/// Nor can it be copied, or made up from a word:
///
/// ```compile_fail,E0277
/// fn copy(page: &zonelist_core::Page) -> zonelist_core::Page {
///     zonelist_core::Page::clone(page)
/// }
/// ```
///
/// ```compile_fail,E0133
/// let page = zonelist_core::Page::from_raw(1 << 63);
/// ```
///
/// A dropped page is leaked: its block stays allocated. There is no `Drop`, since a page does not refer to its
/// allocator.
///
/// # Safety
///
/// The library accesses no frame, so no page that it gets makes *it* access memory. What the unsafe functions that make
/// a page protect is other code: code that accesses the memory behind its pages (an `Arena`, a direct
/// map) may rely on the ownership above. [`Page::from_raw`] and
/// [`PageAllocator::page`](super::PageAllocator::page) have one contract: **the block is allocated, with that order, and
/// no other `Page` has one of its frames.**
///
/// A call that breaks this contract is undefined behaviour of the code that relies on it, and of nothing else. For the
/// allocator, the outcome of a free of such a page is defined: [`LocalHandle::free`](super::LocalHandle::free).
///
/// Two things are outside of what types can show, and are the duty of code that relies on ownership. It lets no other
/// code free by number ([`Zone::free`](crate::Zone::free) and its kin) frames which a page has. And it keeps no page until
/// the number of its zone is reused, which takes thousands of other allocators, or one of thousands of zones.
#[must_use = "a page that is dropped is leaked: its block stays allocated"]
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(PageWord);

/// The word of a page, which names a block and does not own it.
///
/// Per-CPU pages and movable entries keep words of the blocks that they own; a free is checked by the word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PageWord(NonZeroU64);

const FRAME_MASK: u64 = PFN_LIMIT.number() - 1;
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

    /// The tag of an order and mobility.
    pub(super) const fn new(order: Order, mobility: Mobility) -> Self {
        // The mask changes nothing, and shows the compiler the limit.
        Self((order.number() << 1 | mobility as u8) & TAG_MASK as u8)
    }

    /// The tags of all orders and mobilities.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Order::ALL.into_iter().flat_map(|order| Mobility::ALL.map(|mobility| Self::new(order, mobility)))
    }

    #[inline(always)]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn order(self) -> Order {
        // Valid: every tag is of `Tag::new`, or of a page, whose word was checked.
        Order::from_bits(self.0 >> 1)
    }

    pub(super) const fn mobility(self) -> Mobility {
        if self.0 & 1 != 0 { Mobility::Movable } else { Mobility::Unmovable }
    }
}

impl Page {
    /// The page of a word. The caller has the block, or lends the page by reference only.
    #[inline(always)]
    pub(super) const fn new(word: PageWord) -> Self {
        Self(word)
    }

    /// The word of the page, by which the page is named and not owned.
    #[inline(always)]
    pub(super) const fn word(&self) -> PageWord {
        self.0
    }

    /// Ends the page without a free, and returns its word, with which [`Page::from_raw`] makes it again: for tables of
    /// words, foreign code, and allocators that return addresses.
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::Order,
    /// #     zonelist::{NodeSpan, ZonelistsRef},
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// # zone.add(Pfn::range(0..4096))?;
    /// # let zonerefs = [Zoneref::new(normal)];
    /// # let lists = ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }])?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::of(lists))));
    /// # published.publish(lists)?;
    /// # let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// # let request = allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
    /// # let mut local = allocator.local()?;
    /// let page = local.alloc(normal.node(), &request)?;
    /// let pfn = page.pfn();
    /// let word = page.as_raw();
    /// let raw: u64 = page.into_raw();
    /// assert_eq!(raw, word);
    /// // SAFETY: the word is of `into_raw`, and is used once.
    /// let page = unsafe { Page::from_raw(raw) }.unwrap();
    /// assert_eq!(page.pfn(), pfn);
    /// local.free(page)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "a page whose word is lost is leaked: its block stays allocated"]
    #[inline]
    pub const fn into_raw(self) -> u64 {
        self.as_raw()
    }

    /// The page of a word of [`Page::into_raw`]; `None` if the word is of no page, as 0 is. [An example](Page::into_raw).
    ///
    /// # Safety
    /// The word is of `into_raw`, and its page was not made since. In general: the block is allocated, with that order,
    /// and no other `Page` has one of its frames. [What that protects](Page#safety).
    #[inline]
    pub const unsafe fn from_raw(raw: u64) -> Option<Self> {
        match PageWord::from_raw(raw) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// The word of the page, to name the page in a log or a table. The page stays the caller's.
    #[must_use]
    #[inline]
    pub const fn as_raw(&self) -> u64 {
        self.0.get()
    }

    /// The first page frame of the block.
    #[must_use]
    #[inline(always)]
    pub const fn pfn(&self) -> Pfn {
        self.0.pfn()
    }

    /// The page frames of the block.
    #[must_use]
    pub fn frames(&self) -> Range<Pfn> {
        self.pfn()..self.pfn() + self.order().pages()
    }

    /// The order of the block, which has `2^order` page frames.
    #[must_use]
    #[inline]
    pub const fn order(&self) -> Order {
        self.0.tag().order()
    }

    /// The mobility of the request.
    #[must_use]
    pub const fn mobility(&self) -> Mobility {
        self.0.tag().mobility()
    }
}

impl PageWord {
    /// The word of these parts. The frame must be below the limit; `zone_number` has 13 bits.
    #[inline(always)]
    pub(super) fn of(pfn: Pfn, zone_number: usize, tag: Tag) -> Self {
        // The masks change no valid part: they keep a wrong one from the bits of others.
        Self(Self::first(tag).0 | (zone_number as u64 & ZONE_MASK) << ZONE_SHIFT | pfn.number() & FRAME_MASK)
    }

    /// The word of a tag at frame 0 of zone number 0.
    pub(super) const fn first(tag: Tag) -> Self {
        Self(NonZeroU64::new(ONE | (tag.0 as u64) << TAG_SHIFT).unwrap())
    }

    /// The word that has this value; `None` if it is of no page.
    pub(super) const fn from_raw(raw: u64) -> Option<Self> {
        let Some(word) = NonZeroU64::new(raw) else { return None };
        let word = Self(word);
        // The bits may be those of no order, so that the tag is not valid yet.
        let Some(order) = Order::new(word.tag().0 >> 1) else { return None };
        // A page is aligned to its length, and the bit below the highest is unused.
        if raw >> 62 == ONE >> 62 && word.pfn().is_aligned(order) { Some(word) } else { None }
    }

    /// The word of the same zone and tag that is `frames` frames higher.
    #[inline(always)]
    pub(super) const fn plus(self, frames: u32) -> Self {
        // SAFETY: the highest bit of a page is set and the next one is clear, so no sum with 32 bits carries out to 0.
        Self(unsafe { NonZeroU64::new_unchecked(self.0.get() + frames as u64) })
    }

    /// The number of frames from another page to this one. Very large if this page is lower, of another zone or tag, or
    /// if there is no other page.
    #[inline(always)]
    pub(super) const fn minus(self, other: Option<Self>) -> u64 {
        // No page is 0, which represents `None`: the match takes no instruction.
        let other = match other {
            Some(other) => other.0.get(),
            None => 0,
        };
        self.0.get().wrapping_sub(other)
    }

    /// The words of the two halves; `None` of a single frame.
    pub(super) fn halves(self) -> Option<[Self; 2]> {
        let order = self.order().half()?;
        let lower = Self::of(self.pfn(), self.zone_number(), Tag::new(order, self.tag().mobility()));
        Some([lower, lower.plus(order.pages() as u32)])
    }

    /// The number of the word, for tables of words.
    #[inline(always)]
    pub(super) const fn get(self) -> u64 {
        self.0.get()
    }

    /// The first page frame of the block.
    #[inline(always)]
    pub(super) const fn pfn(self) -> Pfn {
        Pfn::new(self.0.get() & FRAME_MASK)
    }

    /// The order of the block.
    #[inline(always)]
    pub(super) const fn order(self) -> Order {
        self.tag().order()
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
        self.0.fmt(f)
    }
}

impl fmt::Debug for PageWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {:#x} of order {}", self.pfn(), self.order())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_page_returns_the_parts_it_was_made_of() {
        for (pfn, zone_number) in [(Pfn::new(0), 0), (PFN_LIMIT - 1, 0x1fff), (Pfn::new(0x1234_5678), 77)] {
            for order in Order::ALL {
                for mobility in Mobility::ALL {
                    let pfn = pfn.align_down(order);
                    let word = PageWord::of(pfn, zone_number, Tag::new(order, mobility));
                    let page = Page::new(word);
                    assert_eq!(
                        (page.pfn(), word.zone_number(), page.order(), page.mobility()),
                        (pfn, zone_number, order, mobility)
                    );
                    assert_eq!(page.as_raw(), word.get());
                    assert_eq!(PageWord::from_raw(page.into_raw()), Some(word));
                }
            }
        }
        assert_eq!((PageWord::from_raw(0), PageWord::from_raw(5), PageWord::from_raw(3 << 62)), (None, None, None));
        assert_eq!((size_of::<Page>(), size_of::<Option<Page>>()), (8, 8));
    }

    #[test]
    fn a_word_with_an_invalid_order_or_alignment_is_no_page() {
        let word = |order: u64, pfn: u64| ONE | order << 58 | pfn;
        let limit = PFN_LIMIT.number();
        for order in 0..16 {
            for pfn in [0, 1, 512, 1024, 1 << 20, limit - 1024, limit - 1] {
                let is_page = order <= 10 && pfn % (1 << order) == 0;
                assert_eq!(PageWord::from_raw(word(order, pfn)).is_some(), is_page, "order {order} at {pfn}");
            }
        }
    }

    #[test]
    fn halves_have_the_frames_of_the_block() {
        for order in Order::ALL {
            for mobility in Mobility::ALL {
                let word = PageWord::of(PFN_LIMIT - order.pages(), 0x1fff, Tag::new(order, mobility));
                let (Some([lower, upper]), Some(half_order)) = (word.halves(), order.half()) else {
                    assert_eq!(order, Order::ZERO);
                    continue;
                };
                assert_eq!((lower.pfn(), upper.pfn()), (word.pfn(), word.pfn() + half_order.pages()));
                for half in [lower, upper] {
                    assert_eq!((half.zone_number(), half.tag()), (0x1fff, Tag::new(half_order, mobility)));
                    assert_eq!(PageWord::from_raw(half.get()), Some(half));
                }
            }
        }
    }
}
