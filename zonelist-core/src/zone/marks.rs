//! Watermarks and reserves, and the test of a request against them.
//!
//! Source: Linux 4.14 to 6.1 `mm/page_alloc.c: __zone_watermark_ok`, without CMA, the reserve for
//! atomic requests of higher orders, and boosts. Free pages are the zone's own, not those in caches.

use core::ops::Range;

use crate::{
    Urgency, ZoneKind,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        unmodelled,
    },
};

/// What a zone keeps back, in pages. All zero for a zone that gives its last page to anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Below it only urgent requests are served.
    pub min: u64,
    /// Below it reclaim is woken, and requests look elsewhere first.
    pub low: u64,
    /// Up to it reclaim goes on.
    pub high: u64,
    /// On top of the mark, by the highest kind that a request would take: the row `protection` of
    /// `/proc/zoneinfo`, by [`ZoneKind::index`].
    pub reserve: [u64; ZoneKind::COUNT],
}

/// Which mark a request is tested against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Against {
    /// The low mark, as every request is at first.
    Low,
    /// The min mark, or what the urgency leaves of it.
    Min(Urgency),
}

/// A zone's marks and its count of free pages, where everybody can look at them without its lock.
///
/// The first line is all that an allocation of a single page needs.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Watch {
    free: AtomicUsize,
    /// For each highest kind, the low mark and the reserve.
    low_floor: [AtomicUsize; ZoneKind::COUNT],
    low: AtomicUsize,
    min: AtomicUsize,
    high: AtomicUsize,
    managed: AtomicUsize,
    /// A run of managed frames, by their numbers, the longest that was noted: the first in the upper half of the
    /// word, the one behind the last in the lower half. Where a word has no 64 bits, it is not kept.
    run: AtomicUsize,
    reserve: [AtomicUsize; ZoneKind::COUNT],
    /// Free pages in isolated pageblocks, to say so. Not of the models' atomics: it orders nothing.
    isolated: unmodelled::AtomicUsize,
}

/// No mark or reserve counts for more than so many pages: at least as many as a zone can have, 2^31.
const LIMIT: usize = if usize::BITS > 32 { usize::MAX / 8 } else { 1 << 31 };

impl Watch {
    pub(super) fn new() -> Self {
        let row = || core::array::from_fn(|_| AtomicUsize::new(0));
        let zero = || AtomicUsize::new(0);
        Self {
            free: zero(),
            low_floor: row(),
            low: zero(),
            min: zero(),
            high: zero(),
            managed: zero(),
            run: zero(),
            reserve: row(),
            isolated: unmodelled::AtomicUsize::new(0),
        }
    }

    /// Free pages. A count that is being changed is the one before or after.
    #[inline(always)]
    pub(crate) fn free(&self) -> usize {
        self.free.load(Relaxed)
    }

    /// Only with the zone's lock held, so that an old count never replaces a new one.
    #[inline]
    pub(super) fn set_free(&self, free: usize) {
        self.free.store(free, Relaxed);
    }

    /// Free pages in isolated pageblocks: an estimate of the moment.
    pub(crate) fn isolated(&self) -> usize {
        self.isolated.load(Relaxed)
    }

    /// Only with the zone's lock held.
    #[inline]
    pub(super) fn set_isolated(&self, isolated: usize) {
        // It changes seldom, and stands on a line that others read.
        if self.isolated() != isolated {
            self.isolated.store(isolated, Relaxed);
        }
    }

    pub(crate) fn managed(&self) -> usize {
        self.managed.load(Relaxed)
    }

    /// Only with the zone's lock held.
    #[inline]
    pub(super) fn set_managed(&self, managed: usize) {
        // It changes seldom, and stands on a line that others read.
        if self.managed() != managed {
            self.managed.store(managed, Relaxed);
        }
    }

    /// Whether these frames are managed, as far as can be said without the zone's lock. If not, the lock has to be taken.
    ///
    /// Relaxed: a frame in use is managed for as long as it is, and a thread that learns of it from its user sees
    /// the run as it was noted before the frame was handed out, or a later one.
    #[inline]
    pub(crate) fn surely_manages(&self, frames: &Range<u32>) -> bool {
        let run = self.run();
        run.start <= frames.start && frames.end <= run.end
    }

    #[cfg(target_pointer_width = "64")]
    #[inline]
    fn run(&self) -> Range<u32> {
        let run = self.run.load(Relaxed);
        (run >> 32) as u32..run as u32
    }

    #[cfg(target_pointer_width = "64")]
    fn set_run(&self, run: &Range<u32>) {
        self.run.store((run.start as usize) << 32 | run.end as usize, Relaxed);
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn run(&self) -> Range<u32> {
        0..0
    }

    #[cfg(not(target_pointer_width = "64"))]
    fn set_run(&self, _: &Range<u32>) {}

    /// Notes that frames are managed from now on. Only with the zone's lock held.
    pub(super) fn note_managed(&self, frames: &Range<u32>) {
        let run = self.run();
        if !run.is_empty() && frames.start <= run.end && run.start <= frames.end {
            self.set_run(&(run.start.min(frames.start)..run.end.max(frames.end)));
        } else if frames.len() > run.len() {
            self.set_run(frames);
        }
    }

    /// Notes that frames are no longer managed, some of them or all. Only with the zone's lock held.
    pub(super) fn note_unmanaged(&self, frames: &Range<u32>) {
        let run = self.run();
        if frames.start < run.end && run.start < frames.end {
            let (below, above) = (run.start..frames.start.max(run.start), frames.end.min(run.end)..run.end);
            self.set_run(if below.len() < above.len() { &above } else { &below });
        }
    }

    pub(super) fn set(&self, marks: &Marks) {
        // So far below the largest number that a floor and a block do not overflow, and no less than all pages there are.
        let pages = |count: u64| usize::try_from(count).unwrap_or(LIMIT).min(LIMIT);
        self.min.store(pages(marks.min), Relaxed);
        self.low.store(pages(marks.low), Relaxed);
        self.high.store(pages(marks.high), Relaxed);
        for ((reserve, floor), &pages_back) in self.reserve.iter().zip(&self.low_floor).zip(&marks.reserve) {
            reserve.store(pages(pages_back), Relaxed);
            floor.store(pages(marks.low.saturating_add(pages_back)), Relaxed);
        }
    }

    pub(super) fn get(&self) -> Marks {
        let pages = |count: &AtomicUsize| count.load(Relaxed) as u64;
        let mut reserve = [0; ZoneKind::COUNT];
        reserve.iter_mut().zip(&self.reserve).for_each(|(to, from)| *to = pages(from));
        Marks { min: pages(&self.min), low: pages(&self.low), high: pages(&self.high), reserve }
    }

    /// What must be left, at least one page more, by a request up to that kind.
    #[inline]
    pub(crate) fn floor(&self, highest: ZoneKind, against: Against) -> usize {
        match against {
            Against::Low => self.low_floor[highest.index()].load(Relaxed),
            Against::Min(urgency) => {
                let min = urgency.reduced(self.min.load(Relaxed) as u64) as usize;
                let reserve = self.reserve[highest.index()].load(Relaxed);
                // Two limits are more than a word of 32 bits can count.
                if usize::BITS > 32 { min + reserve } else { min.saturating_add(reserve).min(LIMIT) }
            }
        }
    }

    pub(crate) fn low(&self) -> usize {
        self.low.load(Relaxed)
    }

    /// Whether a block of that order may be taken: as if only its first page counted, more than the floor is free.
    pub(crate) fn allows(&self, order: u8, highest: ZoneKind, against: Against) -> bool {
        // A block of more frames than can be counted is more than there are.
        let frames = 1_usize.checked_shl(order.into()).unwrap_or(usize::MAX);
        self.free() > self.floor(highest, against).saturating_add(frames - 1)
    }

    /// The same, of a block of so many pages beyond its first, as no more than a zone's longest block has.
    #[inline(always)]
    pub(crate) fn allows_beyond(&self, further: usize, highest: ZoneKind, against: Against) -> bool {
        self.free() > self.floor(highest, against) + further
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_mark_or_reserve_is_too_high_for_the_longest_zone() {
        let watch = Watch::new();
        watch.set_free(1 << 31);
        let all = Urgency::ALL.map(Against::Min).into_iter().chain([Against::Low]);
        for (mark, reserve) in [(1 << 31, 1 << 31), (u64::MAX, u64::MAX), (0, 1 << 31), (0, u64::MAX)] {
            watch.set(&Marks { min: mark, low: mark, high: mark, reserve: [reserve; ZoneKind::COUNT] });
            for against in all.clone() {
                assert!(!watch.allows(0, ZoneKind::Normal, against) && !watch.allows(10, ZoneKind::Normal, against));
            }
        }
        watch.set(&Marks { min: (1 << 31) - 1, low: (1 << 31) - 1, ..Marks::default() });
        for against in [Against::Low, Against::Min(Urgency::default())] {
            assert!(watch.allows(0, ZoneKind::Normal, against) && !watch.allows(1, ZoneKind::Normal, against));
        }
    }
}
