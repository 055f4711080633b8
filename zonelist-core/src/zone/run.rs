//! Contiguous frames of any number and alignment.

use core::ops::Range;

use super::{FreeError, PAGEBLOCK_FRAMES, Zone, frames::Frames, line, ranges::parts};
use crate::RawLock;

impl<'m, L: RawLock> Zone<'m, L> {
    /// Takes the lowest free run of so many frames whose first is a multiple of `align`, a power of
    /// two. Searches the whole zone with its lock held.
    ///
    /// Its frames count as handed out one by one: [`Zone::free_run`] takes back any part of it.
    pub fn alloc_run(&self, frames: usize, align: u64) -> Option<u64> {
        if frames == 0 || !align.is_power_of_two() {
            return None;
        }
        let take = |state: &mut Frames<'m>| {
            let run = state.take_run(frames, align, self.base);
            #[cfg(feature = "checked")]
            run.into_iter().for_each(|start| (start..start + frames as u32).for_each(|f| state.handed_out.note(f, 0)));
            run
        };
        self.changing(take).map(|frame| self.pfn(frame))
    }

    /// Gives a run back.
    ///
    /// # Errors
    /// It cannot have been handed out; nothing has changed.
    pub fn free_run(&self, pfns: Range<u64>) -> Result<(), FreeError> {
        let range = self.numbers(&pfns).map_err(|_| FreeError::NoSuchFrame)?;
        self.changing(|frames| {
            #[cfg(feature = "checked")]
            range.clone().try_for_each(|frame| frames.handed_out.check(frame, 0))?;
            frames.give_run(range.clone())?;
            #[cfg(feature = "checked")]
            range.for_each(|frame| frames.handed_out.forget(frame));
            Ok(())
        })
    }
}

impl Frames<'_> {
    /// The lowest run of so many free frames in reach whose number, counted from the zone's base,
    /// is `first` plus a multiple of `align`.
    fn find_run(&self, frames: usize, first: usize, align: usize) -> Option<usize> {
        let end = self.lines.len() * PAGEBLOCK_FRAMES;
        let mut start = first;
        while start.checked_add(frames)? <= end {
            match self.obstacle(start..start + frames) {
                None => return Some(start),
                // Nothing that covers the last obstacle will do.
                Some(frame) => start = start.checked_add((frame + 1 - start).checked_next_multiple_of(align)?)?,
            }
        }
        None
    }

    /// The last frame of a range that is not free and in reach.
    fn obstacle(&self, range: Range<usize>) -> Option<usize> {
        let mut end = range.end;
        while end > range.start {
            let (block, row) = ((end - 1) / PAGEBLOCK_FRAMES, (end - 1) / 64 * 64);
            if self.block(block).is_isolated() {
                return Some(end - 1);
            }
            let word = self.line(block)[row / 64 % 8];
            let below = u64::MAX >> (63 - (end - 1 - row));
            let taken = !word & below;
            if taken != 0 {
                let frame = row + 63 - taken.leading_zeros() as usize;
                return (frame >= range.start).then_some(frame);
            }
            end = row;
        }
        None
    }

    /// Takes a run; `offset` is what to add to a frame's number before it is to be a multiple of `align`.
    pub(super) fn take_run(&mut self, frames: usize, align: u64, offset: u64) -> Option<u32> {
        let first = usize::try_from(offset.checked_next_multiple_of(align)? - offset).ok()?;
        let start = self.find_run(frames, first, usize::try_from(align).ok()?)?;
        let run = u32::try_from(start).ok()?..u32::try_from(start + frames).ok()?;
        parts(run.clone()).for_each(|(block, part)| self.set_taken(block, part));
        Some(run.start)
    }

    /// Gives a run back, or any part of one.
    pub(super) fn give_run(&mut self, range: Range<u32>) -> Result<(), FreeError> {
        for (block, part) in parts(range.clone()) {
            let wanted = line::of(part);
            if line::count(&line::and(&wanted, self.line(block))) > 0 {
                return Err(FreeError::AlreadyFree);
            }
            if line::and(&wanted, &self.managed_in(block)) != wanted {
                return Err(FreeError::NoSuchFrame);
            }
        }
        parts(range).for_each(|(block, part)| self.set_free(block, part));
        Ok(())
    }
}
