//! Statistics of an allocator's zones, also in the layouts of `/proc/buddyinfo` and `/proc/zoneinfo`.

use core::{fmt, ops::Range};

use super::{PageAllocator, PerCpuPages};
use crate::{
    Pfn, ZoneId, ZoneKind,
    ids::Order,
    publish::{Platform, Scheme},
    sync::atomic::Ordering::Relaxed,
    zone::ZoneWatermarks,
};

/// The statistics of one zone.
///
/// Requests are counted since the allocator was created, modulo the CPU's word. Values that other threads change at the
/// same time may be a little old.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneStats {
    /// The zone.
    pub zone: ZoneId,
    /// The span: the page frames that the zone can ever have.
    pub span: Range<Pfn>,
    /// Managed pages.
    pub managed: usize,
    /// Free pages of the zone, without per-CPU pages.
    pub free: usize,
    /// Free blocks of the zone, by order, without per-CPU pages.
    pub free_by_order: [usize; Order::COUNT],
    /// Per-CPU pages of all handles.
    pub cached: usize,
    /// Requests that a block of the per-CPU pages served.
    pub hits: usize,
    /// Requests that took the zone's lock.
    pub misses: usize,
    /// Requests that the zone served after another zone had refused them.
    pub fallbacks: usize,
    /// Requests that every zone of the list refused, this one included.
    pub failures: usize,
    /// Misdirected frees: blocks in per-CPU pages that turned out not to be allocated when they came back to the zone.
    pub misdirected: usize,
    /// The watermarks and reserves.
    pub watermarks: ZoneWatermarks,
}

impl<'m, S: Scheme, P: Platform> PageAllocator<'m, S, P> {
    /// The statistics of a zone; `None` if the allocator does not have it. Reads every pageblock.
    #[must_use]
    pub fn stats(&self, zone: ZoneId) -> Option<ZoneStats> {
        self.pool.zone_number(zone).and_then(|number| self.stats_of(number))
    }

    /// The statistics of the zone with that number.
    fn stats_of(&self, number: usize) -> Option<ZoneStats> {
        // Each value is read by itself, so a page that moves meanwhile may be counted twice or not at all.
        let (zone, caches) = (self.pool.zones.get(number)?, || self.pool.caches_of(number));
        let counters = zone.counters();
        Some(ZoneStats {
            zone: zone.id(),
            span: zone.span(),
            managed: zone.managed(),
            free: zone.free_pages(),
            free_by_order: zone.free_by_order(),
            cached: caches().map(PerCpuPages::pages).sum(),
            hits: caches().map(PerCpuPages::hits).fold(0, usize::wrapping_add),
            misses: counters.misses.load(Relaxed),
            fallbacks: counters.fallbacks.load(Relaxed),
            failures: counters.failures.load(Relaxed),
            misdirected: counters.misdirected.load(Relaxed),
            watermarks: zone.watermarks(),
        })
    }

    /// The free blocks of each zone, by order, in the layout of `/proc/buddyinfo`.
    pub fn buddyinfo(&self) -> impl fmt::Display + '_ {
        Table { zones: self.pool.zones.len(), stats: |number| self.stats_of(number), line: ZoneStats::buddyinfo }
    }

    /// The pages, watermarks, reserves and counts of each zone, in the layout of `/proc/zoneinfo`.
    pub fn zoneinfo(&self) -> impl fmt::Display + '_ {
        Table { zones: self.pool.zones.len(), stats: |number| self.stats_of(number), line: ZoneStats::zoneinfo }
    }
}

/// The statistics of all zones, each written by one function.
struct Table<F> {
    zones: usize,
    stats: F,
    line: fn(&ZoneStats, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl<F: Fn(usize) -> Option<ZoneStats>> fmt::Display for Table<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.zones).filter_map(&self.stats).try_for_each(|stats| (self.line)(&stats, f))
    }
}

impl ZoneStats {
    /// Writes one line of `/proc/buddyinfo`.
    fn buddyinfo(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node {}, zone {:>8} ", self.zone.node(), self.zone.kind())?;
        self.free_by_order.iter().try_for_each(|count| write!(f, "{count:>6} "))?;
        writeln!(f)
    }

    /// Writes one paragraph of `/proc/zoneinfo`.
    fn zoneinfo(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, watermarks, .. } = self;
        writeln!(f, "Node {}, zone {:>8}", zone.node(), zone.kind())?;
        writeln!(f, "  pages free     {}", self.free)?;
        let pages = [("min", watermarks.min), ("low", watermarks.low), ("high", watermarks.high)];
        pages.iter().try_for_each(|(name, pages)| writeln!(f, "        {name:<8} {pages}"))?;
        let pages = [("spanned", self.span.end - self.span.start), ("managed", self.managed as u64)];
        pages.iter().try_for_each(|(name, pages)| writeln!(f, "        {name:<8} {pages}"))?;
        // The reserves, by the highest kind that a request admits.
        write!(f, "        protection: (")?;
        for kind in ZoneKind::ALL {
            let separator = if kind == ZoneKind::Dma { "" } else { ", " };
            write!(f, "{separator}{}", watermarks.reserve[kind.index()])?;
        }
        writeln!(f, ")")?;
        // Not of Linux: the allocator's own counts, in the place of its vmstat counters.
        let Self { cached, hits, misses, fallbacks, failures, misdirected, .. } = self;
        let counts = [("cached", cached), ("hits", hits), ("misses", misses), ("fallbacks", fallbacks)];
        let counts = counts.into_iter().chain([("failures", failures), ("misdirected", misdirected)]);
        counts.into_iter().try_for_each(|(name, count)| writeln!(f, "      {name:<12} {count}"))?;
        writeln!(f, "  start_pfn:           {}", self.span.start)
    }
}
