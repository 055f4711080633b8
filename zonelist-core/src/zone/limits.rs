//! Sizes of blocks, pageblocks and spans.

/// The order of the largest block that a zone can allocate: `2^MAX_ORDER` frames.
pub const MAX_ORDER: u8 = 10;

/// The order of a pageblock: it has `2^PAGEBLOCK_ORDER` frames.
pub const PAGEBLOCK_ORDER: u8 = 9;

/// The number of orders, from 0 to the highest of any zone.
pub(crate) const ORDERS: usize = MAX_ORDER as usize + 1;

/// Frames of a pageblock.
pub const PAGEBLOCK_FRAMES: usize = 1 << PAGEBLOCK_ORDER;

/// The exclusive upper bound of page frame numbers.
pub(crate) const PFN_LIMIT: u64 = 1 << PFN_BITS;

/// Bits of a page frame number.
pub(crate) const PFN_BITS: u32 = 44;

/// True if a zone can have this span.
pub(super) const fn is_span(start: u64, end: u64) -> bool {
    start < end && end <= PFN_LIMIT && end - start <= 1 << 31
}
