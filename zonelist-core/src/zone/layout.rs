//! The size of a zone's metadata.

use core::ops::Range;

use super::{free_index::FreeIndex, limits::PAGEBLOCK_FRAMES};
use crate::ids::{Order, Pfn};

/// Words of a pageblock for the feature `checked`.
#[cfg(feature = "checked")]
pub(super) const CHECKED: usize = super::handed_out::WORDS;
#[cfg(not(feature = "checked"))]
pub(super) const CHECKED: usize = 0;

/// The size of a span's metadata.
pub(super) struct Layout {
    /// The frame that number 0 stands for: the span's start, rounded down to a multiple of the largest block.
    pub(super) base: Pfn,
    /// The number of pageblocks from the base on.
    pub(super) blocks: usize,
}

impl Layout {
    /// The layout of a span that [`is_span`](super::limits::is_span) admits.
    pub(super) const fn of(span: &Range<Pfn>) -> Self {
        let base = span.start.align_down(Order::MAX);
        // The operators of `Pfn` are not const.
        let frames = span.end.number() - base.number();
        Self { base, blocks: frames.div_ceil(PAGEBLOCK_FRAMES as u64) as usize }
    }

    /// Words of all parts, and up to seven more to align the first part with a cache line.
    pub(super) const fn words(&self) -> usize {
        // Of each pageblock: eight words of free bits, one of state, and what the feature `checked` needs.
        self.blocks * (8 + 1 + CHECKED) + FreeIndex::words(self.blocks) + 8 * self.bitmaps() + 7
    }

    /// The least number of bitmaps for pageblocks whose managed frames are scattered.
    ///
    /// The number keeps the metadata at 0.15 byte a frame. More words are room for more bitmaps.
    const fn bitmaps(&self) -> usize {
        1 + self.blocks / 128
    }
}
