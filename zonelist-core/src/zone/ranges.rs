//! Frames that come, go, or are put out of reach: what memory hotplug is made of.

use core::ops::Range;

use super::{
    Mobility, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, RangeError, Zone,
    frames::Frames,
    group::Group,
    line::{self, Line},
    managed::NoBitmap,
};
use crate::RawLock;

impl<L: RawLock> Zone<'_, L> {
    /// Takes frames into the zone, free; those of isolated pageblocks stay out of reach.
    ///
    /// Zones of one [`PageAllocator`](crate::PageAllocator) do so one at a time, and none takes what another manages. A
    /// zone that is by itself knows of no other: those that an allocator is made of are compared then.
    ///
    /// # Errors
    /// Some are out of the span, or the zone's already, free or in use, or another's; or there is no memory to note
    /// which frames of a pageblock are managed. Nothing has changed.
    pub fn add(&self, pfns: Range<u64>) -> Result<(), RangeError> {
        self.with_family(|zones| {
            let others = zones.iter().filter(|other| other.id != self.id);
            let taken = others.filter_map(|other| Some((other.first_managed(&pfns)?, other.id)));
            match taken.min() {
                Some((pfn, zone)) => Err(RangeError::Owned { pfn, zone }),
                None => self.take_in(&pfns),
            }
        })
    }

    fn take_in(&self, pfns: &Range<u64>) -> Result<(), RangeError> {
        let range = self.numbers(pfns)?;
        let add = |frames: &mut Frames<'_>| {
            frames.add(range.clone())?;
            self.watch().note_managed(&range);
            Ok(())
        };
        self.changing_managed(add).map_err(|error| self.placed(error))
    }

    /// Takes frames out of the zone, such as what is reserved at start, or what is unplugged.
    ///
    /// # Errors
    /// Some are not free, or there is no memory to note which frames of a pageblock are managed; nothing has changed.
    /// Frames of isolated pageblocks may be free too.
    pub fn withdraw(&self, pfns: Range<u64>) -> Result<(), RangeError> {
        let range = self.numbers(&pfns)?;
        let withdraw = |frames: &mut Frames<'_>| {
            frames.withdraw(range.clone())?;
            self.watch().note_unmanaged(&range);
            Ok(())
        };
        self.changing_managed(withdraw).map_err(|error| self.placed(error))
    }

    /// Puts whole pageblocks out of reach: what is free in them, or comes free, is neither counted
    /// nor handed out, nor merged with what lies beside it. Pages in caches are not free yet.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span, or one of them is isolated already.
    pub fn isolate(&self, pfns: Range<u64>) -> Result<(), RangeError> {
        self.set_isolated(&pfns, true)
    }

    /// Puts isolated pageblocks back into reach.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span, or one of them is not isolated.
    pub fn rejoin(&self, pfns: Range<u64>) -> Result<(), RangeError> {
        self.set_isolated(&pfns, false)
    }

    fn set_isolated(&self, pfns: &Range<u64>, isolated: bool) -> Result<(), RangeError> {
        let blocks = self.pageblocks(pfns)?;
        self.changing(|frames| frames.set_isolated(blocks, isolated)).map_err(|error| self.placed(error))
    }

    /// Says what whole pageblocks are for from now on: what is free in them goes to such requests first.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span.
    pub fn set_mobility(&self, pfns: Range<u64>, mobility: Mobility) -> Result<(), RangeError> {
        let blocks = self.pageblocks(&pfns)?;
        self.changing(|frames| frames.set_mobility(blocks, mobility));
        Ok(())
    }

    pub(super) fn numbers(&self, pfns: &Range<u64>) -> Result<Range<u32>, RangeError> {
        let &Range { start, end } = pfns;
        let outside = RangeError::Outside { start, end, span: (self.span.start, self.span.end) };
        let last = end.checked_sub(1).filter(|&last| last >= start).ok_or(outside)?;
        Ok(self.number(start).ok_or(outside)?..self.number(last).ok_or(outside)? + 1)
    }

    /// The pageblocks of a range that covers nothing else of the span.
    fn pageblocks(&self, pfns: &Range<u64>) -> Result<Range<usize>, RangeError> {
        let numbers = self.numbers(pfns)?;
        let at_edge = |pfn: u64| pfn % PAGEBLOCK_FRAMES as u64 == 0 || pfn == self.span.start || pfn == self.span.end;
        if !at_edge(pfns.start) || !at_edge(pfns.end) {
            return Err(RangeError::Unaligned { start: pfns.start, end: pfns.end });
        }
        Ok(numbers.start as usize / PAGEBLOCK_FRAMES..(numbers.end as usize).div_ceil(PAGEBLOCK_FRAMES))
    }

    /// An error that names a frame by its number, with the frame instead.
    fn placed(&self, error: RangeError) -> RangeError {
        match error {
            RangeError::NotFree { pfn } => RangeError::NotFree { pfn: self.base + pfn },
            RangeError::Managed { pfn } => RangeError::Managed { pfn: self.base + pfn },
            RangeError::Scattered { pfn } => RangeError::Scattered { pfn: self.base + pfn },
            RangeError::Isolation { pfn, isolated } => RangeError::Isolation { pfn: self.base + pfn, isolated },
            other => other,
        }
    }
}

/// What a range of frames within one pageblock is: the block, and the frames' numbers in it.
pub(super) fn parts(frames: Range<u32>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let (start, end) = (frames.start as usize, frames.end as usize);
    (start / PAGEBLOCK_FRAMES..end.div_ceil(PAGEBLOCK_FRAMES)).map(move |block| {
        let base = block * PAGEBLOCK_FRAMES;
        (block, start.max(base) - base..end.min(base + PAGEBLOCK_FRAMES) - base)
    })
}

/// The runs that frames of one pageblock are made of, each as long as its place allows.
fn runs(mut part: Range<usize>) -> impl Iterator<Item = (usize, u8)> {
    core::iter::from_fn(move || {
        let length = part.end.checked_sub(part.start)?.checked_ilog2()?;
        let order = length.min(part.start.trailing_zeros()).min(PAGEBLOCK_ORDER.into()) as u8;
        let start = part.start;
        part.start += 1 << order;
        Some((start, order))
    })
}

impl From<NoBitmap> for RangeError {
    /// By the number of the pageblock's first frame.
    fn from(short: NoBitmap) -> Self {
        Self::Scattered { pfn: (short.block * PAGEBLOCK_FRAMES) as u64 }
    }
}

impl Frames<'_> {
    /// Takes frames into the zone, free; those of an isolated pageblock stay out of reach.
    pub(super) fn add(&mut self, frames: Range<u32>) -> Result<(), RangeError> {
        self.furnished()?;
        if let Some(frame) = self.first_that(true, frames.clone()) {
            return Err(RangeError::Managed { pfn: frame.into() });
        }
        self.plan_range(frames.clone(), true)?;
        for (block, part) in parts(frames) {
            self.set_managed(block, &self.managed_with(block, part.clone(), true));
            self.set_free(block, part);
        }
        Ok(())
    }

    /// A pageblock's managed frames, once these are among them or are not.
    fn managed_with(&self, block: usize, part: Range<usize>, managed: bool) -> Line {
        if part.len() == PAGEBLOCK_FRAMES {
            return [if managed { u64::MAX } else { 0 }; 8];
        }
        let mut there = self.managed_in(block);
        let change = |(row, bits): (&mut u64, u64)| *row = if managed { *row | bits } else { *row & !bits };
        there.iter_mut().zip(line::of(part)).for_each(change);
        there
    }

    /// Whether there are bitmaps for frames to become managed, or not to be any more.
    fn plan_range(&self, frames: Range<u32>, managed: bool) -> Result<(), NoBitmap> {
        let mut plan = self.plan();
        let mut in_part = parts(frames).filter(|(_, part)| part.len() < PAGEBLOCK_FRAMES);
        in_part
            .try_for_each(|(block, part)| self.plan_managed(&mut plan, block, &self.managed_with(block, part, managed)))
    }

    fn furnished(&self) -> Result<(), RangeError> {
        if self.is_none() { Err(RangeError::Vacant) } else { Ok(()) }
    }

    /// The first frame of a range that is not free.
    pub(super) fn first_in_use(&self, frames: Range<u32>) -> Option<u32> {
        if self.is_none() {
            return Some(frames.start);
        }
        parts(frames).find_map(|(block, part)| {
            let taken = self.line(block).map(|row| !row);
            let first = line::first(&line::and(&taken, &line::of(part)))?;
            Some((block * PAGEBLOCK_FRAMES + first) as u32)
        })
    }

    /// Frees frames of a block, none of them free, and renews its hint.
    pub(super) fn set_free(&mut self, block: usize, part: Range<usize>) {
        let state = self.block(block);
        let Some(line) = self.lines.get_mut(block) else { return };
        runs(part.clone()).for_each(|(start, order)| line::set(line, start, order));
        *self.free_of(state) += part.len();
        self.put(block, state.with_free(state.free() + part.len()));
        self.renew(block);
    }

    /// Takes frames of a block away, all of them free, and renews its hint.
    pub(super) fn set_taken(&mut self, block: usize, part: Range<usize>) {
        let state = self.block(block);
        let Some(line) = self.lines.get_mut(block) else { return };
        runs(part.clone()).for_each(|(start, order)| line::clear(line, start, order));
        *self.free_of(state) -= part.len();
        self.put(block, state.with_free(state.free() - part.len()));
        self.renew(block);
    }

    /// Takes frames out of the zone, all of them free.
    pub(super) fn withdraw(&mut self, frames: Range<u32>) -> Result<(), RangeError> {
        self.furnished()?;
        if let Some(frame) = self.first_in_use(frames.clone()) {
            return Err(RangeError::NotFree { pfn: frame.into() });
        }
        self.plan_range(frames.clone(), false)?;
        for (block, part) in parts(frames) {
            // First they are free no longer: a free frame is a managed one.
            self.set_taken(block, part.clone());
            self.set_managed(block, &self.managed_with(block, part, false));
        }
        Ok(())
    }

    /// Puts whole pageblocks out of reach, or back into it.
    pub(super) fn set_isolated(&mut self, blocks: Range<usize>, isolated: bool) -> Result<(), RangeError> {
        self.furnished()?;
        if let Some(block) = blocks.clone().find(|&block| self.block(block).is_isolated() == isolated) {
            return Err(RangeError::Isolation { pfn: (block * PAGEBLOCK_FRAMES) as u64, isolated });
        }
        for block in blocks {
            let state = self.block(block);
            *self.free_of(state) -= state.free();
            let state = state.with_isolated(isolated);
            *self.free_of(state) += state.free();
            self.put(block, state);
        }
        Ok(())
    }

    /// Says what pageblocks are for from now on.
    pub(super) fn set_mobility(&mut self, blocks: Range<usize>, mobility: Mobility) {
        if !self.is_none() {
            blocks.for_each(|block| self.put(block, self.block(block).with_group(Group::of(0, mobility))));
        }
    }
}
