//! Memory hotplug of a zone: adds, removes, isolates and finds frames.

use core::ops::Range;

use super::{
    allocator::Zone, error::RangeError, free_frames::FreeFrames, limits::PAGEBLOCK_FRAMES, migrate_group::Mobility,
};
#[cfg(feature = "alloc")]
use super::{backing::Backing, bitmap::PageblockBitmap};
use crate::{Pfn, ids::Order, locking::RawLock};

impl<'m, L: RawLock> Zone<'m, L> {
    /// Adds frames, which are free from then on. Frames of isolated pageblocks stay isolated.
    ///
    /// Zones of one [`PageAllocator`](crate::PageAllocator) add frames one at a time, and no zone adds a frame that
    /// another one manages. A zone without an allocator is not compared with other zones: an allocator compares its
    /// zones when it is made.
    ///
    /// # Errors
    /// A frame is outside the span, managed already, or managed by another zone; or there is no memory to record which
    /// frames of a pageblock are managed. Nothing has changed.
    pub fn add(&self, pfns: Range<Pfn>) -> Result<(), RangeError> {
        // The lock of the set is held over the check and the addition: no other zone adds the same frames in between.
        self.with_zone_set(|zones| {
            let others = zones.iter().filter(|other| other.id != self.id);
            let taken = others.filter_map(|other| Some((other.first_managed(&pfns)?, other.id)));
            match taken.min() {
                Some((pfn, zone)) => Err(RangeError::Owned { pfn, zone }),
                None => self.add_unowned(&pfns),
            }
        })
    }

    /// Adds frames that no other zone manages.
    fn add_unowned(&self, pfns: &Range<Pfn>) -> Result<(), RangeError> {
        let range = self.numbers(pfns)?;
        let add = |frames: &mut FreeFrames<'_>| {
            frames.add(self.base, range.clone())?;
            // Within the lock, as every store of the range, so that no store is lost.
            self.watermark_counters().note_managed(&range);
            Ok(())
        };
        self.change_managed(add)
    }

    /// Removes frames, such as memory that is reserved at boot or unplugged.
    ///
    /// # Errors
    /// A frame is not free, or there is no memory to record which frames of a pageblock are managed; nothing has
    /// changed. Free frames of isolated pageblocks can be removed too.
    pub fn remove(&self, pfns: Range<Pfn>) -> Result<(), RangeError> {
        let range = self.numbers(&pfns)?;
        let remove = |frames: &mut FreeFrames<'_>| {
            frames.remove(self.base, range.clone())?;
            self.watermark_counters().note_unmanaged(&range);
            Ok(())
        };
        self.change_managed(remove)
    }

    /// Isolates whole pageblocks. Their free frames, also those freed later, are neither counted nor allocated, nor
    /// merged with blocks outside. Pages in the per-CPU pages are not free yet.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span, or one of them is isolated already.
    pub fn isolate(&self, pfns: Range<Pfn>) -> Result<(), RangeError> {
        self.set_isolated(&pfns, true)
    }

    /// Ends the isolation of pageblocks: their free frames are allocated again.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span, or one of them is not isolated.
    pub fn unisolate(&self, pfns: Range<Pfn>) -> Result<(), RangeError> {
        self.set_isolated(&pfns, false)
    }

    fn set_isolated(&self, pfns: &Range<Pfn>, isolated: bool) -> Result<(), RangeError> {
        let blocks = self.pageblocks(pfns)?;
        self.with_frames(|frames| frames.set_isolated(self.base, blocks, isolated))
    }

    /// Sets the mobility of whole pageblocks: requests of that mobility prefer their free frames from then on.
    ///
    /// # Errors
    /// The range is not of whole pageblocks within the span.
    pub fn set_mobility(&self, pfns: Range<Pfn>, mobility: Mobility) -> Result<(), RangeError> {
        let blocks = self.pageblocks(&pfns)?;
        self.with_frames(|frames| frames.set_mobility(blocks, mobility));
        Ok(())
    }

    /// The first frame of a range that is not free, isolated or not; `None` if all are free.
    ///
    /// # Errors
    /// The range is not within the span.
    pub fn first_in_use(&self, pfns: Range<Pfn>) -> Result<Option<Pfn>, RangeError> {
        let range = self.numbers(&pfns)?;
        Ok(self.frames.with(|frames| frames.first_in_use(range)).map(|frame| self.pfn(frame)))
    }

    /// True if the zone manages a frame: the frame is free or allocated, neither in a hole nor reserved.
    ///
    /// Takes the lock, unless the frame is in the longest range of managed frames that is known.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Pfn, Zone, ZoneId, ZoneKind, sync::Spin, zone::Order};
    /// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// let zone = Zone::boxed(id, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// zone.add(Pfn::range(0..700))?;
    /// zone.remove(Pfn::range(300..301))?;
    /// let hole = Pfn::new(300);
    /// assert!(zone.manages(hole - 1) && !zone.manages(hole) && !zone.manages(Pfn::new(700)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn manages(&self, pfn: Pfn) -> bool {
        self.number(pfn).is_some_and(|frame| self.manages_all(frame..frame + 1))
    }

    /// True if the zone manages all frames of a range, given by their numbers.
    pub(crate) fn manages_all(&self, frames: Range<u32>) -> bool {
        // Most frames are in the longest managed range: they cost one load, and no lock.
        self.watermark_counters().surely_manages(&frames)
            || self.frames.with(|state| state.first_where_managed_is(false, frames)).is_none()
    }

    /// The first frame of a range that the zone manages.
    pub(crate) fn first_managed(&self, pfns: &Range<Pfn>) -> Option<Pfn> {
        self.first_where_managed_is(true, pfns)
    }

    /// The first frame of a range, within the span, that the zone does not manage.
    #[cfg(feature = "alloc")]
    pub(crate) fn first_unmanaged(&self, pfns: &Range<Pfn>) -> Option<Pfn> {
        self.first_where_managed_is(false, pfns)
    }

    fn first_where_managed_is(&self, managed: bool, pfns: &Range<Pfn>) -> Option<Pfn> {
        let within = pfns.start.max(self.span.start)..pfns.end.min(self.span.end);
        let frames = self.numbers(&within).ok()?;
        self.frames.with(|state| state.first_where_managed_is(managed, frames)).map(|frame| self.pfn(frame))
    }

    /// Changes which frames are managed.
    ///
    /// If a zone on the heap lacks bitmaps, the pool grows, and the change is retried.
    pub(super) fn change_managed<T>(
        &self,
        mut change: impl FnMut(&mut FreeFrames<'m>) -> Result<T, RangeError>,
    ) -> Result<T, RangeError> {
        // Other threads may use the new bitmaps first, so the change is retried until it fits or the heap is full.
        loop {
            match self.with_frames(&mut change) {
                Err(RangeError::Scattered { .. }) if self.grow_bitmaps()? => {}
                outcome => return outcome,
            }
        }
    }

    /// Doubles the bitmaps of a zone on the heap. False for a zone in given memory.
    #[cfg(feature = "alloc")]
    fn grow_bitmaps(&self) -> Result<bool, RangeError> {
        let Some(count) = self.frames.with(|frames| frames.bitmaps_on_heap()) else { return Ok(false) };
        // The heap is called outside the lock: it may itself allocate from this zone.
        let more = Backing::zeroed([0; 8], (2 * count).max(4));
        let more = more.map_err(|_| RangeError::Heap { bytes: (2 * count).max(4) * size_of::<PageblockBitmap>() })?;
        // The old bitmaps, which `grow` returns, are freed outside the lock too.
        drop(self.frames.with(|frames| frames.managed_bitmaps.grow(more)));
        Ok(true)
    }

    #[cfg(not(feature = "alloc"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the signature is that with a heap")]
    fn grow_bitmaps(&self) -> Result<bool, RangeError> {
        Ok(false)
    }

    /// The pageblocks of a range that contains no other frame of the span.
    fn pageblocks(&self, pfns: &Range<Pfn>) -> Result<Range<usize>, RangeError> {
        let numbers = self.numbers(pfns)?;
        // The span may start and end within a pageblock: its ends count as edges of one.
        let at_edge = |pfn: Pfn| pfn.is_aligned(Order::PAGEBLOCK) || pfn == self.span.start || pfn == self.span.end;
        if !at_edge(pfns.start) || !at_edge(pfns.end) {
            return Err(RangeError::Unaligned { start: pfns.start, end: pfns.end });
        }
        Ok(numbers.start as usize / PAGEBLOCK_FRAMES..(numbers.end as usize).div_ceil(PAGEBLOCK_FRAMES))
    }
}
