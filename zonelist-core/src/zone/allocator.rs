//! The zone: its lock, its counts, and blocks allocated and freed one at a time.

use core::{
    fmt,
    ops::Range,
    // Not the atomics of the models: the set that these form is accessed behind a lock that the models see.
    sync::atomic::{AtomicPtr, AtomicUsize},
};

use super::{
    backing::Backing,
    bitmap,
    counters::Counters,
    error::{FreeError, RangeError, ZoneError},
    free_frames::FreeFrames,
    free_index::FreeIndex,
    layout::{CHECKED, Layout},
    limits::{PAGEBLOCK_FRAMES, is_span},
    migrate_group::Mobility,
    pageblock::Pageblock,
    watermark_check::{WatermarkCounters, WatermarkLevel, ZoneWatermarks},
};
use crate::{
    Pfn, ZoneId, ZoneKind,
    ids::Order,
    locking::{Locked, RawLock, Spin},
    sync::or_mutant,
};

/// The page frames of one zone.
pub struct Zone<'m, L = Spin> {
    watermark_counters: WatermarkCounters,
    pub(super) id: ZoneId,
    pub(super) span: Range<Pfn>,
    /// The frame that number 0 stands for: a multiple of the largest block.
    pub(super) base: Pfn,
    pub(super) max_order: Order,
    pub(super) counters: Counters,
    pub(super) frames: Locked<FreeFrames<'m>, L>,
    pub(super) zone_set: ZoneSet<'m, L>,
}

/// A zone's reference to all zones of its allocator: see [`zone_set`](super::zone_set).
pub(super) struct ZoneSet<'m, L> {
    /// The first zone of the slice; null while the zone is in no set.
    pub(super) first: AtomicPtr<Zone<'m, L>>,
    /// In the first zone: the length of the slice.
    pub(super) count: AtomicUsize,
    /// In the first zone: held while a zone of the set adds frames.
    pub(super) adding: Locked<()>,
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// Words of metadata that [`Zone::new`] needs for a span; 0 for an invalid one.
    ///
    /// No more than 0.15 byte a frame and 600 bytes; with the feature `checked`, half a byte a frame more. Each eight
    /// words beyond these are room for one more pageblock whose managed frames are scattered: neither one run, nor all
    /// but one run ([`RangeError::Scattered`]).
    #[must_use]
    pub const fn words(span: Range<Pfn>) -> usize {
        if is_span(&span) { Layout::of(&span).words() } else { 0 }
    }

    /// A zone over a span of frames, none of which it manages yet, with its metadata in `words`.
    ///
    /// The span is fixed: it has to contain every frame that will ever be added. The largest block that the zone
    /// allocates has the order `max_order`.
    ///
    /// # Errors
    /// The span is empty or too long, or there are too few words.
    pub fn new(
        id: ZoneId,
        span: Range<Pfn>,
        max_order: Order,
        words: &'m mut [u64],
        lock: L,
    ) -> Result<Self, ZoneError> {
        // Every split is checked: with too few words, each fails with the same error and none panics.
        let layout = Self::check(id, &span)?;
        let (given, needed) = (words.len(), layout.words());
        let too_few = ZoneError::Memory { words: given, needed };
        // Free bitmaps come first, each on a cache line of its own.
        let skip = words.as_ptr().align_offset(64).min(7);
        let words = words.get_mut(skip..).filter(|words| words.len() >= needed - 7).ok_or(too_few)?;
        let (free_bitmaps, words) = words.split_at_mut_checked(8 * layout.blocks).ok_or(too_few)?;
        let (states, words) = words.split_at_mut_checked(layout.blocks).ok_or(too_few)?;
        let (index_words, words) = words.split_at_mut_checked(FreeIndex::words(layout.blocks)).ok_or(too_few)?;
        let (_checked, words) = words.split_at_mut_checked(CHECKED * layout.blocks).ok_or(too_few)?;
        // All words that are left are bitmaps for scattered pageblocks.
        let (free_bitmaps, managed_bitmaps) = (bitmap::from_words(free_bitmaps), bitmap::from_words(words));
        let frames = FreeFrames::new(
            Backing::Given(free_bitmaps),
            Backing::Given(states),
            Backing::Given(index_words),
            Backing::Given(managed_bitmaps),
        );
        #[cfg(feature = "checked")]
        let frames = FreeFrames { handed_out: super::handed_out::HandedOut::new(Backing::Given(_checked)), ..frames };
        Ok(Self::over(id, span, max_order, frames, lock))
    }

    /// A zone like that of [`Zone::new`], with its metadata on the heap.
    ///
    /// # Errors
    /// The span is empty or too long, or the heap has too little memory.
    #[cfg(feature = "alloc")]
    pub fn boxed(id: ZoneId, span: Range<Pfn>, max_order: Order, lock: L) -> Result<Self, ZoneError> {
        let frames = FreeFrames::on_heap(&Self::check(id, &span)?)?;
        Ok(Self::over(id, span, max_order, frames, lock))
    }

    /// Checks the span of a constructor.
    pub(super) fn check(zone: ZoneId, span: &Range<Pfn>) -> Result<Layout, ZoneError> {
        let &Range { start, end } = span;
        if is_span(span) { Ok(Layout::of(span)) } else { Err(ZoneError::Span { zone, start, end }) }
    }

    /// A zone over checked arguments, with the given metadata.
    pub(super) fn over(id: ZoneId, span: Range<Pfn>, max_order: Order, frames: FreeFrames<'m>, lock: L) -> Self {
        let base = Layout::of(&span).base;
        Self {
            watermark_counters: WatermarkCounters::new(),
            id,
            span,
            base,
            max_order,
            counters: Counters::new(),
            frames: Locked::new(lock, frames),
            zone_set: ZoneSet::none(),
        }
    }

    /// The zone's name: node and kind.
    #[must_use]
    pub fn id(&self) -> ZoneId {
        self.id
    }

    /// The frames that the zone can ever manage.
    #[must_use]
    pub fn span(&self) -> Range<Pfn> {
        self.span.clone()
    }

    /// The order of the largest block that the zone allocates.
    #[must_use]
    pub fn max_order(&self) -> Order {
        self.max_order
    }

    /// Free frames that are neither isolated nor in per-CPU pages. Takes no lock.
    #[must_use]
    #[inline]
    pub fn free_pages(&self) -> usize {
        self.watermark_counters.free()
    }

    /// Managed frames, free or not. Takes no lock.
    #[must_use]
    pub fn managed(&self) -> usize {
        self.watermark_counters.managed()
    }

    /// Maximal free blocks of each order, without isolated ones: the row of `/proc/buddyinfo`. Cost: a scan of all
    /// pageblocks, with the lock held.
    #[must_use]
    pub fn free_by_order(&self) -> [usize; Order::COUNT] {
        let mut counts = [0; Order::COUNT];
        self.frames.with(|frames| frames.count_by_order(self.max_order.number(), &mut counts));
        counts
    }

    /// A snapshot of a frame's pageblock; `None` for a frame outside the span.
    #[must_use]
    pub fn pageblock(&self, pfn: Pfn) -> Option<Pageblock> {
        let frame = self.number(pfn)?;
        self.frames.with(|frames| frames.pageblock(frame as usize / PAGEBLOCK_FRAMES))
    }

    /// Sets the watermarks and reserves.
    pub fn set_watermarks(&self, watermarks: &ZoneWatermarks) {
        self.watermark_counters.set(watermarks);
    }

    /// The current watermarks and reserves.
    #[must_use]
    pub fn watermarks(&self) -> ZoneWatermarks {
        self.watermark_counters.get()
    }

    /// True if the watermarks allow a block of an order to a request whose highest kind is `highest`. Takes no lock.
    /// There may still be no such block.
    #[must_use]
    pub fn allows(&self, order: Order, highest: ZoneKind, level: WatermarkLevel) -> bool {
        self.watermark_counters.allows(order, highest, level)
    }

    /// Allocates a block of `2^order` frames without a check of watermarks. Returns its first frame, a multiple of its
    /// size; `None` if there is no such block.
    pub fn alloc(&self, order: Order, mobility: Mobility) -> Option<Pfn> {
        if order > self.max_order {
            return None;
        }
        let alloc = |frames: &mut FreeFrames<'m>| {
            let frame = frames.alloc(order.number(), mobility);
            // Within the same lock: a free of the block by another thread finds its note.
            #[cfg(feature = "checked")]
            frame.into_iter().for_each(|frame| frames.handed_out.note(frame, order));
            frame
        };
        self.with_frames(alloc).map(|frame| self.pfn(frame))
    }

    /// Frees a block of [`Zone::alloc`].
    ///
    /// A block that a [`Page`](crate::Page) has is its owner's, to be freed by a handle. A zone can't tell such blocks
    /// from its own: code that relies on the [ownership of its pages](crate::Page#safety) lets no other code make this
    /// call for them.
    ///
    /// # Errors
    /// The block is not an allocated one; nothing has changed. Without the feature `checked`, a block that was
    /// never allocated is detected only if some of its frames are free or not managed.
    pub fn free(&self, pfn: Pfn, order: Order) -> Result<(), FreeError> {
        let max_order = self.max_order;
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        let frame = self.number(pfn).ok_or(FreeError::NoSuchFrame)?;
        self.with_frames(|frames| {
            // The note is removed only after the free has succeeded: an error must not change it.
            #[cfg(feature = "checked")]
            frames.handed_out.check(frame, order)?;
            frames.free(frame, order.number())?;
            #[cfg(feature = "checked")]
            frames.handed_out.forget(frame);
            Ok(())
        })
    }

    /// Changes the frames with the lock held, and stores their counts before the lock is released.
    #[inline]
    pub(super) fn with_frames<R>(&self, change: impl FnOnce(&mut FreeFrames<'m>) -> R) -> R {
        let result = self.frames.with(|frames| self.change_and_count(frames, change));
        or_mutant!(=> self.store_late(), "zone: counts stored too late");
        result
    }

    /// Changes the frames as [`Zone::with_frames`] does, unless the lock is held.
    #[inline]
    pub(super) fn try_with_frames<R>(&self, change: impl FnOnce(&mut FreeFrames<'m>) -> R) -> Option<R> {
        let result = self.frames.try_with(|frames| self.change_and_count(frames, change))?;
        or_mutant!(=> self.store_late(), "zone: counts stored too late");
        Some(result)
    }

    #[inline]
    fn change_and_count<R>(&self, frames: &mut FreeFrames<'m>, change: impl FnOnce(&mut FreeFrames<'m>) -> R) -> R {
        // Counts are stored once for the whole change: readers never see the steps of a bulk operation.
        let result = change(frames);
        // Within the lock: the next holder's store has to come after this one.
        or_mutant!(self.store_counts(frames) => (), "zone: counts stored too late");
        result
    }

    /// For the mutant: reads the count under the lock, and stores it after the lock is released.
    #[cfg(loom)]
    fn store_late(&self) {
        let free = self.frames.with(|frames| frames.free_count);
        self.watermark_counters.set_free(free);
    }

    #[inline(always)]
    fn store_counts(&self, frames: &FreeFrames<'m>) {
        self.watermark_counters.set_free(frames.free_count);
        self.watermark_counters.set_managed(frames.managed_count);
        self.watermark_counters.set_isolated(frames.isolated_count);
    }

    #[inline(always)]
    pub(crate) fn watermark_counters(&self) -> &WatermarkCounters {
        &self.watermark_counters
    }

    /// The page frame number of a frame that is numbered from the base.
    #[inline]
    pub(crate) fn pfn(&self, frame: u32) -> Pfn {
        self.base + u64::from(frame)
    }

    /// The number of a frame, counted from the base; `None` outside the span.
    #[inline(always)]
    pub(crate) fn number(&self, pfn: Pfn) -> Option<u32> {
        // Fits into 32 bits: a span has at most 2^31 frames, and base and span are less than one largest block apart.
        if self.span.contains(&pfn) { Some((pfn - self.base) as u32) } else { None }
    }

    /// The numbers of a range of frames.
    ///
    /// # Errors
    /// The range is empty or not within the span.
    pub(super) fn numbers(&self, pfns: &Range<Pfn>) -> Result<Range<u32>, RangeError> {
        let &Range { start, end } = pfns;
        let outside = RangeError::Outside { start, end, span: (self.span.start, self.span.end) };
        if start >= end {
            return Err(outside);
        }
        // The last frame is checked, and not the exclusive end, which may be the first number behind the span.
        Ok(self.number(start).ok_or(outside)?..self.number(end - 1).ok_or(outside)? + 1)
    }
}

impl<L> ZoneSet<'_, L> {
    fn none() -> Self {
        let (first, count) = (AtomicPtr::new(core::ptr::null_mut()), AtomicUsize::new(0));
        Self { first, count, adding: Locked::new(Spin::new(), ()) }
    }
}

impl<L> fmt::Debug for Zone<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { watermark_counters, id, span, max_order, .. } = self;
        let free = watermark_counters.free();
        f.debug_struct("Zone")
            .field("id", id)
            .field("span", span)
            .field("max_order", max_order)
            .field("free", &free)
            .finish_non_exhaustive()
    }
}
