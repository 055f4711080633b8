//! Which frames of each pageblock a zone manages, to the frame.
//!
//! Nearly every pageblock is managed as a whole or not at all, and of the others nearly all have one
//! run of managed frames, or all frames but one run: the boundaries of such an extent fit into the
//! pageblock's own word. Any other pattern is a bitmap of 64 bytes in a pool. A zone in memory that
//! the caller gave has as many of these as that memory had room for; the pool of a zone on the heap
//! grows.
//!
//! So metadata stays at 0.15 byte a frame, and yet a frame that the zone does not have is distinguished from
//! one that is in use. Nothing here is looked at while a pageblock is managed as a whole.

use core::ops::Range;

use super::{
    PAGEBLOCK_FRAMES, RangeError, Zone,
    block::Block,
    frames::Frames,
    line::{self, Line},
    memory::Memory,
    ranges::parts,
};
use crate::RawLock;

/// Which frames of a pageblock are managed.
///
/// ```text
///   bits 0..2 kind | one run, or all but one run: 2..12 start, 12..22 end | in a bitmap: 2..34 its number
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// All of them or none, as their number says.
    Uniform,
    /// Those from the first boundary to before the second.
    Run(u16, u16),
    /// All but those.
    AllBut(u16, u16),
    /// As the bitmap of that number says.
    Bitmap(u32),
}

/// A boundary is at most the number of a pageblock's frames.
const BOUNDARY_BITS: u32 = 10;
const BOUNDARY: u64 = (1 << BOUNDARY_BITS) - 1;

impl Extent {
    pub(super) fn from_bits(bits: u64) -> Self {
        let (kind, rest) = (bits & 3, bits >> 2);
        let (start, end) = ((rest & BOUNDARY) as u16, (rest >> BOUNDARY_BITS & BOUNDARY) as u16);
        match kind {
            0 => Self::Uniform,
            1 => Self::Run(start, end),
            2 => Self::AllBut(start, end),
            _ => Self::Bitmap(rest as u32),
        }
    }

    pub(super) fn bits(self) -> u64 {
        let boundaries = |start: u16, end: u16| (u64::from(start) | u64::from(end) << BOUNDARY_BITS) << 2;
        match self {
            Self::Uniform => 0,
            Self::Run(start, end) => 1 | boundaries(start, end),
            Self::AllBut(start, end) => 2 | boundaries(start, end),
            Self::Bitmap(number) => 3 | u64::from(number) << 2,
        }
    }

    /// The extent of these frames; `None` if only a bitmap can tell.
    fn of(frames: &Line) -> Option<Self> {
        let count = line::count(frames);
        if count == 0 || count == PAGEBLOCK_FRAMES {
            return Some(Self::Uniform);
        }
        let missing = frames.map(|row| !row);
        let as_run = |frames: &Line, count: usize| {
            let (first, last) = (line::first(frames)?, line::last(frames)?);
            (last + 1 - first == count).then_some((first as u16, last as u16 + 1))
        };
        let run = as_run(frames, count).map(|(start, end)| Self::Run(start, end));
        run.or_else(|| as_run(&missing, PAGEBLOCK_FRAMES - count).map(|(start, end)| Self::AllBut(start, end)))
    }
}

/// Bitmaps for the pageblocks that need one. Those in no use are a chain.
pub(super) struct Bitmaps<'m> {
    bitmaps: Memory<'m, Line>,
    /// The first of the chain; each has the number of the next in its first word.
    next: u32,
    /// How many there are in the chain.
    spare: usize,
}

/// The end of the chain.
const END: u32 = u32::MAX;

impl<'m> Bitmaps<'m> {
    pub(super) fn new(bitmaps: Memory<'m, Line>) -> Self {
        let mut pool = Self { bitmaps: Memory::Given(&mut []), next: END, spare: 0 };
        // A number is below the end of the chain, however much memory there is.
        let count = bitmaps.len().min(END as usize);
        pool.bitmaps = bitmaps;
        (0..count as u32).rev().for_each(|number| pool.give_back(number));
        pool
    }

    pub(super) fn into_memory(self) -> Memory<'m, Line> {
        self.bitmaps
    }

    pub(super) fn spare(&self) -> usize {
        self.spare
    }

    fn get(&self, number: u32) -> Line {
        self.bitmaps.get(number as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, number: u32, to: &Line) {
        if let Some(bitmap) = self.bitmaps.get_mut(number as usize) {
            *bitmap = *to;
        }
    }

    fn take(&mut self) -> Option<u32> {
        let number = self.next;
        let bitmap = self.bitmaps.get(number as usize)?;
        (self.next, self.spare) = (bitmap[0] as u32, self.spare.saturating_sub(1));
        Some(number)
    }

    fn give_back(&mut self, number: u32) {
        if let Some(bitmap) = self.bitmaps.get_mut(number as usize) {
            bitmap[0] = self.next.into();
            (self.next, self.spare) = (number, self.spare + 1);
        }
    }

    /// Replaces the memory by more of it, and returns what there was. Bitmaps keep their numbers.
    #[cfg(feature = "alloc")]
    pub(super) fn grow(&mut self, mut bitmaps: Memory<'m, Line>) -> Memory<'m, Line> {
        let before = self.bitmaps.len();
        if bitmaps.len() <= before {
            return bitmaps;
        }
        bitmaps.iter_mut().zip(self.bitmaps.iter()).for_each(|(to, from)| *to = *from);
        let old = core::mem::replace(&mut self.bitmaps, bitmaps);
        let end = self.bitmaps.len().min(END as usize);
        (before..end).rev().for_each(|number| self.give_back(number as u32));
        old
    }
}

/// There is no bitmap for as many pageblocks as need one. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoBitmap {
    /// The first pageblock that has none.
    pub(super) block: usize,
}

/// A change of which frames are managed, looked at before it is made: every bitmap that it takes is there.
pub(super) struct Plan {
    spare: usize,
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// Whether the zone manages a frame: free or in use, but neither in a hole nor reserved. Takes the lock, unless
    /// the frame is of the longest run of managed ones that the zone had when frames last came or went.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Spin, Zone, ZoneId, ZoneKind};
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// let zone = Zone::boxed(id, 0..4096, 10, Spin::new())?;
    /// zone.add(0..700)?;
    /// zone.withdraw(300..301)?;
    /// assert!(zone.manages(299) && !zone.manages(300) && !zone.manages(700));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn manages(&self, pfn: u64) -> bool {
        self.number(pfn).is_some_and(|frame| self.manages_all(frame..frame + 1))
    }

    /// Whether the zone manages all of these frames, by their numbers.
    pub(crate) fn manages_all(&self, frames: Range<u32>) -> bool {
        self.watch().surely_manages(&frames) || self.frames.with(|state| state.first_that(false, frames)).is_none()
    }

    /// The first of some frames that the zone manages.
    pub(crate) fn first_managed(&self, pfns: &Range<u64>) -> Option<u64> {
        self.first_that(true, pfns)
    }

    /// The first of some frames that it does not, of those within its span.
    #[cfg(feature = "alloc")]
    pub(crate) fn first_unmanaged(&self, pfns: &Range<u64>) -> Option<u64> {
        self.first_that(false, pfns)
    }

    fn first_that(&self, managed: bool, pfns: &Range<u64>) -> Option<u64> {
        let within = pfns.start.max(self.span.start)..pfns.end.min(self.span.end);
        let frames = self.numbers(&within).ok()?;
        self.frames.with(|state| state.first_that(managed, frames)).map(|frame| self.pfn(frame))
    }

    /// Changes which frames are managed. Where a zone on the heap lacks bitmaps for that, it gets more, and tries again.
    pub(super) fn changing_managed<T>(
        &self,
        mut change: impl FnMut(&mut Frames<'m>) -> Result<T, RangeError>,
    ) -> Result<T, RangeError> {
        loop {
            match self.changing(&mut change) {
                Err(RangeError::Scattered { .. }) if self.grow_bitmaps()? => {}
                outcome => return outcome,
            }
        }
    }

    /// Doubles the bitmaps of a zone on the heap, outside its lock. Says whether it is such a zone.
    #[cfg(feature = "alloc")]
    fn grow_bitmaps(&self) -> Result<bool, RangeError> {
        let Some(count) = self.frames.with(|frames| frames.bitmaps_on_heap()) else { return Ok(false) };
        let more = Memory::zeroed([0; 8], (2 * count).max(4));
        let more = more.map_err(|_| RangeError::Heap { bytes: (2 * count).max(4) * size_of::<Line>() })?;
        // What there was before is dropped outside the lock as well.
        drop(self.frames.with(|frames| frames.bitmaps.grow(more)));
        Ok(true)
    }

    #[cfg(not(feature = "alloc"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "with a heap it is another")]
    fn grow_bitmaps(&self) -> Result<bool, RangeError> {
        Ok(false)
    }
}

impl Frames<'_> {
    /// How many bitmaps there are, if the metadata is on the heap, where there can be more.
    #[cfg(feature = "alloc")]
    fn bitmaps_on_heap(&self) -> Option<usize> {
        matches!(self.lines, Memory::Owned(_)).then(|| self.bitmaps.bitmaps.len())
    }

    /// The managed frames of a pageblock.
    pub(super) fn managed_in(&self, block: usize) -> Line {
        let state = Block(self.word(block));
        match state.extent() {
            Extent::Uniform => [if state.managed() > 0 { u64::MAX } else { 0 }; 8],
            Extent::Run(start, end) => line::of(start.into()..end.into()),
            Extent::AllBut(start, end) => line::of(start.into()..end.into()).map(|row| !row),
            Extent::Bitmap(number) => self.bitmaps.get(number),
        }
    }

    /// Whether a frame is managed.
    #[inline]
    pub(super) fn manages(&self, frame: u32) -> bool {
        let state = Block(self.word(frame as usize / PAGEBLOCK_FRAMES));
        state.managed() == PAGEBLOCK_FRAMES || state.managed() > 0 && self.manages_in_part(frame)
    }

    #[cold]
    #[inline(never)]
    fn manages_in_part(&self, frame: u32) -> bool {
        line::has(&self.managed_in(frame as usize / PAGEBLOCK_FRAMES), frame as usize % PAGEBLOCK_FRAMES)
    }

    /// The first frame of a range that is managed, or is not.
    pub(super) fn first_that(&self, managed: bool, frames: Range<u32>) -> Option<u32> {
        parts(frames).find_map(|(block, part)| {
            let first = match Block(self.word(block)).managed() {
                0 if managed => return None,
                PAGEBLOCK_FRAMES if !managed => return None,
                0 | PAGEBLOCK_FRAMES => part.start,
                _ => {
                    let there = self.managed_in(block);
                    let wanted = if managed { there } else { there.map(|row| !row) };
                    line::first(&line::and(&wanted, &line::of(part)))?
                }
            };
            Some((block * PAGEBLOCK_FRAMES + first) as u32)
        })
    }

    /// Begins a change of which frames are managed.
    pub(super) fn plan(&self) -> Plan {
        Plan { spare: self.bitmaps.spare() }
    }

    /// Sees to it that there is a bitmap for what a pageblock's managed frames will be, if that takes one.
    pub(super) fn plan_managed(&self, plan: &mut Plan, block: usize, managed: &Line) -> Result<(), NoBitmap> {
        let has_one = matches!(Block(self.word(block)).extent(), Extent::Bitmap(_));
        if Extent::of(managed).is_none() && !has_one {
            plan.spare = plan.spare.checked_sub(1).ok_or(NoBitmap { block })?;
        }
        Ok(())
    }

    /// Says which frames of a pageblock are managed, as planned.
    pub(super) fn set_managed(&mut self, block: usize, managed: &Line) {
        let state = self.block(block);
        let had = match state.extent() {
            Extent::Bitmap(number) => Some(number),
            _ => None,
        };
        let extent = match (Extent::of(managed), had) {
            (Some(extent), had) => {
                had.into_iter().for_each(|number| self.bitmaps.give_back(number));
                Some(extent)
            }
            (None, Some(number)) => Some(Extent::Bitmap(number)),
            (None, None) => self.bitmaps.take().map(Extent::Bitmap),
        };
        // Planned, so that there is one.
        let Some(extent) = extent else { return };
        if let Extent::Bitmap(number) = extent {
            self.bitmaps.set(number, managed);
        }
        let count = line::count(managed);
        self.managed = (self.managed + count).saturating_sub(state.managed());
        self.put(block, state.with_managed(count).with_extent(extent));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn frames_of(line: &Line) -> Vec<usize> {
        (0..PAGEBLOCK_FRAMES).filter(|&frame| line::has(line, frame)).collect()
    }

    proptest! {
        /// Frames come and go by ranges, in more pageblocks than there are bitmaps: each is known as what it is, and
        /// what has no bitmap is refused and changes nothing.
        #[test]
        fn every_frame_is_known(changes in prop::collection::vec((0_usize..4, 0_usize..512, 1_usize..40, any::<bool>()), 1..80)) {
            let zeroed = |count| Memory::Owned(vec![[0; 8]; count].into_boxed_slice());
            let words = |count| Memory::Owned(vec![0; count].into_boxed_slice());
            let sets = words(super::super::shelves::Shelves::words(4));
            let mut frames = Frames::new(zeroed(4), words(4), sets, zeroed(2));
            let mut naive = vec![[0_u64; 8]; 4];
            let mut refused = 0;
            for (block, start, len, come) in changes {
                let range = line::of(start..(start + len).min(512));
                let mut next = naive[block];
                next.iter_mut().zip(range).for_each(|(row, bits)| *row = if come { *row | bits } else { *row & !bits });
                match frames.plan_managed(&mut frames.plan(), block, &next) {
                    Ok(()) => {
                        frames.set_managed(block, &next);
                        naive[block] = next;
                    }
                    Err(short) => {
                        prop_assert_eq!((short.block, frames.bitmaps.spare()), (block, 0));
                        refused += 1;
                    }
                }
                for (block, there) in naive.iter().enumerate() {
                    prop_assert_eq!(&frames.managed_in(block), there);
                    prop_assert_eq!(frames.block(block).managed(), frames_of(there).len());
                }
                for frame in [0, start as u32, 511] {
                    let at = (block * PAGEBLOCK_FRAMES) as u32 + frame;
                    prop_assert_eq!(frames.manages(at), line::has(&naive[block], frame as usize));
                }
                let all: Vec<usize> = naive.iter().enumerate().flat_map(|(block, line)| {
                    frames_of(line).into_iter().map(move |frame| block * PAGEBLOCK_FRAMES + frame)
                }).collect();
                prop_assert_eq!(frames.managed, all.len());
                prop_assert_eq!(frames.first_that(true, 0..2048), all.first().map(|&frame| frame as u32));
                let hole = (0..2048).find(|frame| !all.contains(frame));
                prop_assert_eq!(frames.first_that(false, 0..2048), hole.map(|frame| frame as u32));
            }
            // With more of them, nothing is refused, and what is known stays known.
            drop(frames.bitmaps.grow(zeroed(4)));
            for (block, there) in naive.iter().enumerate() {
                prop_assert_eq!(&frames.managed_in(block), there);
            }
            prop_assert!(refused == 0 || frames.bitmaps.spare() > 0);
        }
    }

    #[test]
    fn an_extent_gives_back_what_it_was_made_of() {
        for extent in [Extent::Uniform, Extent::Run(0, 512), Extent::AllBut(511, 512), Extent::Bitmap(u32::MAX - 1)] {
            assert_eq!(Extent::from_bits(extent.bits()), extent);
            assert!(extent.bits() < 1 << 34, "it fits behind the count");
        }
    }
}
