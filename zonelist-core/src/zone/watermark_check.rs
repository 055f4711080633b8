//! A zone's watermarks and reserves, and the check of a request against them.
//!
//! Source: Linux 4.14 to 6.1 `mm/page_alloc.c: __zone_watermark_ok`, without CMA, the reserve for atomic requests of
//! higher orders, and boosts. Pages in the per-CPU pages are not free.
//!
//! ```text
//! floor    = low watermark + reserve[highest kind]                          WatermarkLevel::Low
//!            min watermark, reduced by urgency + reserve[highest kind]      WatermarkLevel::Min
//! allowed  = free pages - (2^order - 1) > floor
//! ```

use core::ops::Range;

use super::urgency::Urgency;
use crate::{
    ZoneKind,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        unmodelled,
    },
};

/// The watermarks and lowmem reserves of a zone, in pages. If all are 0, every request may take the last page.
///
/// The fields min, low and high are those of [`Watermarks`](crate::topology::Watermarks), which are computed from a
/// machine's sizes. They are repeated here, rather than contained as one field: `zone.watermarks().low` would become
/// `zone.watermarks().watermarks.low`. The reserves differ as well: the topology computes one for each kind that the
/// machine has, and a zone stores one for every kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ZoneWatermarks {
    /// With fewer free pages only urgent requests are served.
    pub min: u64,
    /// With fewer free pages reclaim starts, and requests try other zones first.
    pub low: u64,
    /// With as many free pages reclaim stops.
    pub high: u64,
    /// Pages to leave on top of the watermark, for each highest kind that a request accepts, indexed by
    /// [`ZoneKind::index`]: the row `protection` of `/proc/zoneinfo`.
    pub reserve: [u64; ZoneKind::COUNT],
}

/// The watermark that a request is checked against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WatermarkLevel {
    /// The low watermark: the first attempt of every request.
    Low,
    /// The min watermark, or what the urgency leaves of it.
    Min(Urgency),
}

/// A zone's watermarks and its counts of pages, readable without its lock.
///
/// All accesses are relaxed: each value is an estimate of a moment, and no other data is reached through it. Stores of
/// counts are ordered among themselves by the zone's lock. The first cache line is all that an allocation of order 0
/// reads.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct WatermarkCounters {
    free: AtomicUsize,
    /// For each highest kind, the low watermark plus the reserve.
    low_floor: [AtomicUsize; ZoneKind::COUNT],
    low: AtomicUsize,
    min: AtomicUsize,
    high: AtomicUsize,
    managed: AtomicUsize,
    /// A range of managed frames, by their numbers, the longest that was noted: its start in the upper half of the
    /// word, its end in the lower half. Empty where a word has less than 64 bits.
    managed_range: AtomicUsize,
    reserve: [AtomicUsize; ZoneKind::COUNT],
    /// Free pages in isolated pageblocks, for errors and statistics. Not an atomic of the models: it orders nothing.
    isolated: unmodelled::AtomicUsize,
}

/// The upper bound of watermarks and reserves as stored: at least the largest number of pages of a zone, 2^31.
const LIMIT: usize = if usize::BITS > 32 { usize::MAX / 8 } else { 1 << 31 };

impl WatermarkCounters {
    pub(super) fn new() -> Self {
        let by_kind = || core::array::from_fn(|_| AtomicUsize::new(0));
        let zero = || AtomicUsize::new(0);
        Self {
            free: zero(),
            low_floor: by_kind(),
            low: zero(),
            min: zero(),
            high: zero(),
            managed: zero(),
            managed_range: zero(),
            reserve: by_kind(),
            isolated: unmodelled::AtomicUsize::new(0),
        }
    }

    /// Free pages: the count before or after any change that is in progress.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.free.load(Relaxed)
    }

    /// Stores the free pages. The caller holds the zone's lock, so that an old count never replaces a new one.
    #[inline]
    pub(super) fn set_free(&self, free: usize) {
        self.free.store(free, Relaxed);
    }

    /// Free pages in isolated pageblocks: an estimate.
    pub(crate) fn isolated(&self) -> usize {
        self.isolated.load(Relaxed)
    }

    /// Stores the free pages in isolated pageblocks. The caller holds the zone's lock.
    #[inline]
    pub(super) fn set_isolated(&self, isolated: usize) {
        // The value changes rarely: a store of the same value would take the cache line away from its readers.
        if self.isolated() != isolated {
            self.isolated.store(isolated, Relaxed);
        }
    }

    /// Managed pages.
    pub(crate) fn managed(&self) -> usize {
        self.managed.load(Relaxed)
    }

    /// Stores the managed pages. The caller holds the zone's lock.
    #[inline]
    pub(super) fn set_managed(&self, managed: usize) {
        // The value changes rarely: a store of the same value would take the cache line away from its readers.
        if self.managed() != managed {
            self.managed.store(managed, Relaxed);
        }
    }

    /// True if these frames are certainly managed. If false, the answer needs the zone's lock.
    ///
    /// Relaxed, as the store in `set_managed_range`: an allocated frame is managed for as long as it is allocated. A
    /// thread that got the frame from its user sees the range as noted before the allocation, or a later range. If the
    /// range lacks the frame, the caller takes the lock, and nothing else is wrong.
    #[inline]
    pub(crate) fn surely_manages(&self, frames: &Range<u32>) -> bool {
        let range = self.managed_range();
        range.start <= frames.start && frames.end <= range.end
    }

    #[cfg(target_pointer_width = "64")]
    #[inline]
    fn managed_range(&self) -> Range<u32> {
        // Pairs with the store in `set_managed_range`: one word, so that both ends are of one range.
        let range = self.managed_range.load(Relaxed);
        (range >> 32) as u32..range as u32
    }

    #[cfg(target_pointer_width = "64")]
    fn set_managed_range(&self, range: &Range<u32>) {
        // Both ends in one store, so that a reader never sees the ends of two ranges. Pairs with the load in
        // `managed_range`.
        self.managed_range.store((range.start as usize) << 32 | range.end as usize, Relaxed);
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn managed_range(&self) -> Range<u32> {
        0..0
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn set_managed_range(&self, _: &Range<u32>) {}

    /// Notes that frames became managed. The caller holds the zone's lock.
    pub(super) fn note_managed(&self, frames: &Range<u32>) {
        // The range is extended if the two touch. Else the longer one is kept, since it answers for more frames.
        let range = self.managed_range();
        if !range.is_empty() && frames.start <= range.end && range.start <= frames.end {
            self.set_managed_range(&(range.start.min(frames.start)..range.end.max(frames.end)));
        } else if frames.len() > range.len() {
            self.set_managed_range(frames);
        }
    }

    /// Notes that some or all of these frames are no longer managed. The caller holds the zone's lock.
    pub(super) fn note_unmanaged(&self, frames: &Range<u32>) {
        let range = self.managed_range();
        if frames.start < range.end && range.start < frames.end {
            // The parts below and above stay managed: the longer part is kept.
            let (below, above) = (range.start..frames.start.max(range.start), frames.end.min(range.end)..range.end);
            self.set_managed_range(if below.len() < above.len() { &above } else { &below });
        }
    }

    /// Stores watermarks and reserves, each on its own: a concurrent check may see some old and some new values.
    pub(super) fn set(&self, watermarks: &ZoneWatermarks) {
        // The bound is low enough that a floor plus a block does not overflow, and at least all pages of a zone.
        let pages = |count: u64| usize::try_from(count).unwrap_or(LIMIT).min(LIMIT);
        self.min.store(pages(watermarks.min), Relaxed);
        self.low.store(pages(watermarks.low), Relaxed);
        self.high.store(pages(watermarks.high), Relaxed);
        for ((reserve, floor), &pages_back) in self.reserve.iter().zip(&self.low_floor).zip(&watermarks.reserve) {
            reserve.store(pages(pages_back), Relaxed);
            floor.store(pages(watermarks.low.saturating_add(pages_back)), Relaxed);
        }
    }

    /// The watermarks and reserves, as stored.
    pub(super) fn get(&self) -> ZoneWatermarks {
        let pages = |count: &AtomicUsize| count.load(Relaxed) as u64;
        let mut reserve = [0; ZoneKind::COUNT];
        reserve.iter_mut().zip(&self.reserve).for_each(|(to, from)| *to = pages(from));
        ZoneWatermarks { min: pages(&self.min), low: pages(&self.low), high: pages(&self.high), reserve }
    }

    /// The number of free pages below which, or at which, a request is refused; its highest kind is `highest`.
    #[inline]
    pub(crate) fn floor(&self, highest: ZoneKind, level: WatermarkLevel) -> usize {
        match level {
            // Precomputed: one load for the first attempt of every request.
            WatermarkLevel::Low => self.low_floor[highest.index()].load(Relaxed),
            WatermarkLevel::Min(urgency) => {
                let min = urgency.reduced(self.min.load(Relaxed) as u64) as usize;
                let reserve = self.reserve[highest.index()].load(Relaxed);
                // On 32 bits the sum of two bounds overflows a word. On 64 bits it does not: no check is needed.
                if usize::BITS > 32 { min + reserve } else { min.saturating_add(reserve).min(LIMIT) }
            }
        }
    }

    /// The low watermark.
    pub(crate) fn low(&self) -> usize {
        self.low.load(Relaxed)
    }

    /// True if a block of an order may be allocated: more than the floor is free, all pages of the block but the first
    /// not counted.
    pub(crate) fn allows(&self, order: u8, highest: ZoneKind, level: WatermarkLevel) -> bool {
        // A block of more frames than can be counted is larger than any zone.
        let frames = 1_usize.checked_shl(order.into()).unwrap_or(usize::MAX);
        self.free() > self.floor(highest, level).saturating_add(frames - 1)
    }

    /// True if a block with `further` pages beyond its first may be allocated. The block is at most as large as the
    /// largest of any zone.
    #[inline(always)]
    pub(crate) fn allows_beyond(&self, further: usize, highest: ZoneKind, level: WatermarkLevel) -> bool {
        // No overflow: `LIMIT` bounds watermarks and reserves, and `further` is less than 2^10.
        self.free() > self.floor(highest, level) + further
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_watermark_or_reserve_is_too_high_for_the_largest_zone() {
        let counters = WatermarkCounters::new();
        counters.set_free(1 << 31);
        let all = Urgency::ALL.map(WatermarkLevel::Min).into_iter().chain([WatermarkLevel::Low]);
        for (pages, reserve) in [(1 << 31, 1 << 31), (u64::MAX, u64::MAX), (0, 1 << 31), (0, u64::MAX)] {
            let reserve = [reserve; ZoneKind::COUNT];
            counters.set(&ZoneWatermarks { min: pages, low: pages, high: pages, reserve });
            for level in all.clone() {
                assert!(!counters.allows(0, ZoneKind::Normal, level) && !counters.allows(10, ZoneKind::Normal, level));
            }
        }
        counters.set(&ZoneWatermarks { min: (1 << 31) - 1, low: (1 << 31) - 1, ..ZoneWatermarks::default() });
        for level in [WatermarkLevel::Low, WatermarkLevel::Min(Urgency::default())] {
            assert!(counters.allows(0, ZoneKind::Normal, level) && !counters.allows(1, ZoneKind::Normal, level));
        }
    }
}
