//! Sizes of pageblocks and spans.

use core::ops::Range;

use crate::ids::{Order, Pfn};

/// The number of [`Order::PAGEBLOCK`], for the arithmetic of bitmaps and indexes.
pub(super) const PAGEBLOCK_ORDER: u8 = Order::PAGEBLOCK.number();

/// Frames of a pageblock.
pub const PAGEBLOCK_FRAMES: usize = 1 << PAGEBLOCK_ORDER;

/// The exclusive upper bound of page frame numbers.
pub(crate) const PFN_LIMIT: Pfn = Pfn::new(1 << PFN_BITS);

/// Bits of a page frame number.
pub(crate) const PFN_BITS: u32 = 44;

/// True if a zone can have this span.
pub(super) const fn is_span(span: &Range<Pfn>) -> bool {
    // The operators of `Pfn` are not const.
    let (start, end) = (span.start.number(), span.end.number());
    start < end && end <= PFN_LIMIT.number() && end - start <= 1 << 31
}
