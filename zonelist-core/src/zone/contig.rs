//! Contiguous ranges of frames, of any length and alignment.

use core::ops::Range;

use super::{
    allocator::Zone, bitmap, error::FreeError, free_frames::FreeFrames, limits::PAGEBLOCK_FRAMES, pageblock::parts,
};
#[cfg(feature = "checked")]
use crate::ids::Order;
use crate::{Pfn, locking::RawLock};

impl<'m, L: RawLock> Zone<'m, L> {
    /// Allocates the lowest free range of a number of frames that starts at a multiple of `align`, a power of two.
    ///
    /// Cost: a search of the whole zone with its lock held. The frames count as allocated one by one:
    /// [`Zone::free_contig`] frees any part of the range.
    pub fn alloc_contig(&self, frames: usize, align: u64) -> Option<Pfn> {
        if frames == 0 || !align.is_power_of_two() {
            return None;
        }
        let alloc = |state: &mut FreeFrames<'m>| {
            let range = state.alloc_contig(frames, align, self.base.number());
            #[cfg(feature = "checked")]
            range.into_iter().for_each(|start| {
                (start..start + frames as u32).for_each(|frame| state.handed_out.note(frame, Order::ZERO));
            });
            range
        };
        self.with_frames(alloc).map(|frame| self.pfn(frame))
    }

    /// Frees a contiguous range, or part of one.
    ///
    /// # Errors
    /// A frame is not an allocated one (detected as by [`Zone::free`]); nothing has changed.
    pub fn free_contig(&self, pfns: Range<Pfn>) -> Result<(), FreeError> {
        let range = self.numbers(&pfns).map_err(|_| FreeError::NoSuchFrame)?;
        self.with_frames(|frames| {
            // Notes are checked before the free, and removed after it: an error must not change them.
            #[cfg(feature = "checked")]
            range.clone().try_for_each(|frame| frames.handed_out.check(frame, Order::ZERO))?;
            frames.free_contig(range.clone())?;
            #[cfg(feature = "checked")]
            range.for_each(|frame| frames.handed_out.forget(frame));
            Ok(())
        })
    }
}

impl FreeFrames<'_> {
    /// The lowest range of free frames whose start is `first` plus a multiple of `align`, isolated ones excluded.
    fn find_contig(&self, frames: usize, first: usize, align: usize) -> Option<usize> {
        let end = self.free_bitmaps.len() * PAGEBLOCK_FRAMES;
        let mut start = first;
        while start.checked_add(frames)? <= end {
            match self.last_obstacle(start..start + frames) {
                None => return Some(start),
                // Every range with the last obstacle in it fails too: the next candidate is the next aligned start
                // behind it.
                Some(frame) => start = start.checked_add((frame + 1 - start).checked_next_multiple_of(align)?)?,
            }
        }
        None
    }

    /// The last frame of a range that is not free, or isolated.
    fn last_obstacle(&self, range: Range<usize>) -> Option<usize> {
        // Backwards, a word at a time: `end` is the exclusive end of what is not searched yet.
        let mut end = range.end;
        while end > range.start {
            let (block, word_start) = ((end - 1) / PAGEBLOCK_FRAMES, (end - 1) / 64 * 64);
            if self.state(block).is_isolated() {
                return Some(end - 1);
            }
            let word = self.free_bitmap(block)[word_start / 64 % 8];
            let below = u64::MAX >> (63 - (end - 1 - word_start));
            let taken = !word & below;
            if taken != 0 {
                // The word may begin before the range. A frame before the range is no obstacle, and all others are
                // free.
                let frame = word_start + 63 - taken.leading_zeros() as usize;
                return (frame >= range.start).then_some(frame);
            }
            end = word_start;
        }
        None
    }

    /// Allocates a range. The number of its first frame plus `offset` is a multiple of `align`.
    pub(super) fn alloc_contig(&mut self, frames: usize, align: u64, offset: u64) -> Option<u32> {
        let first = usize::try_from(offset.checked_next_multiple_of(align)? - offset).ok()?;
        let start = self.find_contig(frames, first, usize::try_from(align).ok()?)?;
        let range = u32::try_from(start).ok()?..u32::try_from(start + frames).ok()?;
        parts(range.clone()).for_each(|(block, part)| self.set_taken(block, part));
        Some(range.start)
    }

    /// Frees a range, or part of one.
    pub(super) fn free_contig(&mut self, range: Range<u32>) -> Result<(), FreeError> {
        // All pageblocks are checked before the first one changes.
        for (block, part) in parts(range.clone()) {
            let wanted = bitmap::of(part);
            if bitmap::count(&bitmap::and(&wanted, self.free_bitmap(block))) > 0 {
                return Err(FreeError::AlreadyFree);
            }
            if bitmap::and(&wanted, &self.managed_in(block)) != wanted {
                return Err(FreeError::NoSuchFrame);
            }
        }
        parts(range).for_each(|(block, part)| self.set_free(block, part));
        Ok(())
    }
}
