//! Changes of ranges of frames: added or removed, isolated or not, and the mobility of their pageblocks.

use core::ops::Range;

use super::{
    bitmap::{self, PageblockBitmap},
    error::RangeError,
    free_frames::FreeFrames,
    limits::PAGEBLOCK_FRAMES,
    managed::NoBitmap,
    migrate_group::{MigrateGroup, Mobility},
    pageblock::parts,
};
use crate::Pfn;

impl FreeFrames<'_> {
    /// Adds frames, which are free from then on; those of an isolated pageblock stay isolated. An error names a page
    /// frame, for which `base` is that of number 0.
    pub(super) fn add(&mut self, base: Pfn, frames: Range<u32>) -> Result<(), RangeError> {
        self.require_metadata()?;
        if let Some(frame) = self.first_where_managed_is(true, frames.clone()) {
            return Err(RangeError::Managed { pfn: base + u64::from(frame) });
        }
        // The last step that can fail: bitmaps are planned for all pageblocks before the first one changes.
        self.plan_range(frames.clone(), true).map_err(|short| short.at(base))?;
        for (block, part) in parts(frames) {
            // The frames become managed first: a free frame is a managed one.
            self.set_managed(block, &self.managed_with(block, part.clone(), true));
            self.set_free(block, part);
        }
        Ok(())
    }

    /// The managed frames of a pageblock, after those of a part became managed or unmanaged.
    fn managed_with(&self, block: usize, part: Range<usize>, managed: bool) -> PageblockBitmap {
        // As a rule whole pageblocks change: their extent needs no decoding.
        if part.len() == PAGEBLOCK_FRAMES {
            return [if managed { u64::MAX } else { 0 }; 8];
        }
        let mut there = self.managed_in(block);
        let change = |(word, bits): (&mut u64, u64)| *word = if managed { *word | bits } else { *word & !bits };
        there.iter_mut().zip(bitmap::of(part)).for_each(change);
        there
    }

    /// Plans bitmaps for frames that become managed or unmanaged.
    fn plan_range(&self, frames: Range<u32>, managed: bool) -> Result<(), NoBitmap> {
        let mut plan = self.begin_plan();
        // A pageblock that changes as a whole needs no bitmap. Only the first and the last can change in part.
        let mut in_part = parts(frames).filter(|(_, part)| part.len() < PAGEBLOCK_FRAMES);
        in_part.try_for_each(|(block, part)| {
            self.plan_pageblock(&mut plan, block, &self.managed_with(block, part, managed))
        })
    }

    fn require_metadata(&self) -> Result<(), RangeError> {
        if self.is_none() { Err(RangeError::NoMetadata) } else { Ok(()) }
    }

    /// The first frame of a range that is not free.
    pub(super) fn first_in_use(&self, frames: Range<u32>) -> Option<u32> {
        if self.is_none() {
            return Some(frames.start);
        }
        parts(frames).find_map(|(block, part)| {
            let taken = self.free_bitmap(block).map(|word| !word);
            let first = bitmap::first(&bitmap::and(&taken, &bitmap::of(part)))?;
            Some((block * PAGEBLOCK_FRAMES + first) as u32)
        })
    }

    /// Removes frames, all of them free. `base` is as for [`FreeFrames::add`].
    pub(super) fn remove(&mut self, base: Pfn, frames: Range<u32>) -> Result<(), RangeError> {
        self.require_metadata()?;
        if let Some(frame) = self.first_in_use(frames.clone()) {
            return Err(RangeError::NotFree { pfn: base + u64::from(frame) });
        }
        self.plan_range(frames.clone(), false).map_err(|short| short.at(base))?;
        for (block, part) in parts(frames) {
            // The free bits are cleared first: a free frame is a managed one.
            self.set_taken(block, part.clone());
            self.set_managed(block, &self.managed_with(block, part, false));
        }
        Ok(())
    }

    /// Isolates whole pageblocks, or ends their isolation. `base` is as for [`FreeFrames::add`].
    pub(super) fn set_isolated(&mut self, base: Pfn, blocks: Range<usize>, isolated: bool) -> Result<(), RangeError> {
        self.require_metadata()?;
        if let Some(block) = blocks.clone().find(|&block| self.state(block).is_isolated() == isolated) {
            return Err(RangeError::Isolation { pfn: base + (block * PAGEBLOCK_FRAMES) as u64, isolated });
        }
        for block in blocks {
            // The free frames move from one count to the other. `state` has the exact number: frames that were freed
            // without being counted in the word are in `free_count`.
            let state = self.state(block);
            *self.free_count_of(state) -= state.free();
            let state = state.with_isolated(isolated);
            *self.free_count_of(state) += state.free();
            self.set_state(block, state);
        }
        Ok(())
    }

    /// Sets the mobility that pageblocks serve.
    pub(super) fn set_mobility(&mut self, blocks: Range<usize>, mobility: Mobility) {
        if !self.is_none() {
            blocks.for_each(|block| self.set_state(block, self.state(block).with_group(MigrateGroup::of(0, mobility))));
        }
    }
}
