//! Which frames of each pageblock a zone manages, to the frame.
//!
//! Nearly every pageblock is managed as a whole or not at all. Of the others, nearly all have one run of managed
//! frames, or all frames but one run: the boundaries of such an [`Extent`] fit into the state word of the pageblock.
//! Any other set is a bitmap of 64 bytes in a pool. A zone in given memory has as many bitmaps as the memory has room
//! for; the pool of a zone on the heap grows.
//!
//! So metadata stays at 0.15 byte a frame, and a frame in a hole still differs from an allocated frame. For a pageblock
//! that is managed as a whole, neither extent nor bitmap is read.

use core::ops::Range;

use super::{
    bitmap::{self, PageblockBitmap},
    error::RangeError,
    extent::Extent,
    free_frames::FreeFrames,
    limits::PAGEBLOCK_FRAMES,
    pageblock::{PageblockState, parts},
};
use crate::Pfn;

/// The pool has no bitmap for a pageblock that needs one. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoBitmap {
    /// The first pageblock without one.
    pub(super) block: usize,
}

impl NoBitmap {
    /// The error of a zone whose frames are numbered from `base`.
    pub(super) fn at(self, base: Pfn) -> RangeError {
        RangeError::Scattered { pfn: base + (self.block * PAGEBLOCK_FRAMES) as u64 }
    }
}

/// The plan of a change of managed frames, made before the change: reserves every bitmap that the change needs.
pub(super) struct Plan {
    /// Bitmaps of the pool that are not reserved.
    spare: usize,
}

impl FreeFrames<'_> {
    /// The number of bitmaps, if the metadata is on the heap and the pool can grow.
    #[cfg(feature = "alloc")]
    pub(super) fn bitmaps_on_heap(&self) -> Option<usize> {
        matches!(self.free_bitmaps, super::backing::Backing::Owned(_)).then(|| self.managed_bitmaps.len())
    }

    /// The managed frames of a pageblock.
    pub(super) fn managed_in(&self, block: usize) -> PageblockBitmap {
        let state = PageblockState(self.word(block));
        match state.extent() {
            Extent::Uniform => [if state.managed() > 0 { u64::MAX } else { 0 }; 8],
            Extent::Run(start, end) => bitmap::of(start.into()..end.into()),
            Extent::AllBut(start, end) => bitmap::of(start.into()..end.into()).map(|word| !word),
            Extent::Bitmap(number) => self.managed_bitmaps.get(number),
        }
    }

    /// True if a frame is managed.
    #[inline]
    pub(super) fn manages(&self, frame: u32) -> bool {
        // The managed count alone answers for a whole or empty pageblock; only a part needs the extent.
        let state = PageblockState(self.word(frame as usize / PAGEBLOCK_FRAMES));
        state.managed() == PAGEBLOCK_FRAMES || state.managed() > 0 && self.manages_in_part(frame)
    }

    #[cold]
    #[inline(never)]
    fn manages_in_part(&self, frame: u32) -> bool {
        bitmap::has(&self.managed_in(frame as usize / PAGEBLOCK_FRAMES), frame as usize % PAGEBLOCK_FRAMES)
    }

    /// The first managed frame of a range, or the first that is not managed.
    pub(super) fn first_where_managed_is(&self, managed: bool, frames: Range<u32>) -> Option<u32> {
        parts(frames).find_map(|(block, part)| {
            // The count of a uniform pageblock answers without its extent.
            let first = match PageblockState(self.word(block)).managed() {
                0 if managed => return None,
                PAGEBLOCK_FRAMES if !managed => return None,
                0 | PAGEBLOCK_FRAMES => part.start,
                _ => {
                    let there = self.managed_in(block);
                    let wanted = if managed { there } else { there.map(|word| !word) };
                    bitmap::first(&bitmap::and(&wanted, &bitmap::of(part)))?
                }
            };
            Some((block * PAGEBLOCK_FRAMES + first) as u32)
        })
    }

    /// Begins the plan of a change.
    pub(super) fn begin_plan(&self) -> Plan {
        Plan { spare: self.managed_bitmaps.spare() }
    }

    /// Plans the managed frames of a pageblock: reserves a bitmap if these need one.
    pub(super) fn plan_pageblock(
        &self,
        plan: &mut Plan,
        block: usize,
        managed: &PageblockBitmap,
    ) -> Result<(), NoBitmap> {
        // A bitmap that the pageblock has is used again. A bitmap that another pageblock will give back is not counted:
        // the change may reach that pageblock later.
        let has_one = matches!(PageblockState(self.word(block)).extent(), Extent::Bitmap(_));
        if Extent::of(managed).is_none() && !has_one {
            plan.spare = plan.spare.checked_sub(1).ok_or(NoBitmap { block })?;
        }
        Ok(())
    }

    /// Sets the managed frames of a pageblock, as planned.
    pub(super) fn set_managed(&mut self, block: usize, managed: &PageblockBitmap) {
        let state = self.state(block);
        let had = match state.extent() {
            Extent::Bitmap(number) => Some(number),
            _ => None,
        };
        // A pageblock that is not scattered any more gives its bitmap back; one that stays scattered keeps it.
        let extent = match (Extent::of(managed), had) {
            (Some(extent), had) => {
                had.into_iter().for_each(|number| self.managed_bitmaps.give_back(number));
                Some(extent)
            }
            (None, Some(number)) => Some(Extent::Bitmap(number)),
            (None, None) => self.managed_bitmaps.take().map(Extent::Bitmap),
        };
        // There is a bitmap, since the plan has reserved it.
        let Some(extent) = extent else { return };
        if let Extent::Bitmap(number) = extent {
            self.managed_bitmaps.set(number, managed);
        }
        let count = bitmap::count(managed);
        self.managed_count = (self.managed_count + count).saturating_sub(state.managed());
        self.set_state(block, state.with_managed(count).with_extent(extent));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::{super::backing::Backing, *};

    fn frames_of(set: &PageblockBitmap) -> Vec<usize> {
        (0..PAGEBLOCK_FRAMES).filter(|&frame| bitmap::has(set, frame)).collect()
    }

    proptest! {
        /// Ranges are added and removed, in more pageblocks than there are bitmaps: each frame is managed as it should
        /// be, and a change without a bitmap is refused and changes nothing.
        #[test]
        fn managed_frames_agree_with_one_bitmap_each(changes in prop::collection::vec((0_usize..4, 0_usize..512, 1_usize..40, any::<bool>()), 1..80)) {
            let zeroed = |count| Backing::Owned(vec![[0; 8]; count].into_boxed_slice());
            let words = |count| Backing::Owned(vec![0; count].into_boxed_slice());
            let index_words = words(super::super::free_index::FreeIndex::words(4));
            let mut frames = FreeFrames::new(zeroed(4), words(4), index_words, zeroed(2));
            let mut oracle = vec![[0_u64; 8]; 4];
            let mut refused = 0;
            for (block, start, len, added) in changes {
                let range = bitmap::of(start..(start + len).min(512));
                let mut next = oracle[block];
                next.iter_mut().zip(range).for_each(|(word, bits)| *word = if added { *word | bits } else { *word & !bits });
                match frames.plan_pageblock(&mut frames.begin_plan(), block, &next) {
                    Ok(()) => {
                        frames.set_managed(block, &next);
                        oracle[block] = next;
                    }
                    Err(short) => {
                        prop_assert_eq!((short.block, frames.managed_bitmaps.spare()), (block, 0));
                        refused += 1;
                    }
                }
                for (block, there) in oracle.iter().enumerate() {
                    prop_assert_eq!(&frames.managed_in(block), there);
                    prop_assert_eq!(frames.state(block).managed(), frames_of(there).len());
                }
                for frame in [0, start as u32, 511] {
                    let at = (block * PAGEBLOCK_FRAMES) as u32 + frame;
                    prop_assert_eq!(frames.manages(at), bitmap::has(&oracle[block], frame as usize));
                }
                let all: Vec<usize> = oracle.iter().enumerate().flat_map(|(block, set)| {
                    frames_of(set).into_iter().map(move |frame| block * PAGEBLOCK_FRAMES + frame)
                }).collect();
                prop_assert_eq!(frames.managed_count, all.len());
                prop_assert_eq!(frames.first_where_managed_is(true, 0..2048), all.first().map(|&frame| frame as u32));
                let hole = (0..2048).find(|frame| !all.contains(frame));
                prop_assert_eq!(frames.first_where_managed_is(false, 0..2048), hole.map(|frame| frame as u32));
            }
            // With more bitmaps, nothing is refused, and managed frames stay managed.
            drop(frames.managed_bitmaps.grow(zeroed(4)));
            for (block, there) in oracle.iter().enumerate() {
                prop_assert_eq!(&frames.managed_in(block), there);
            }
            prop_assert!(refused == 0 || frames.managed_bitmaps.spare() > 0);
        }
    }
}
