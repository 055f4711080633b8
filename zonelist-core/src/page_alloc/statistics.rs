//! What an allocator says of its zones, also in the layouts of `/proc/buddyinfo` and `/proc/zoneinfo`.

use core::{fmt, ops::Range};

use super::{PageAllocator, PerCpuPages};
use crate::{
    MAX_ORDER, RawLock, ZoneId, ZoneKind, ZoneWatermarks,
    publish::{Barrier, Scheme},
    sync::atomic::Ordering::Relaxed,
};

/// What is to be said of one zone. Counts are since the start, and of pages or requests; what
/// others change meanwhile may be a little old. Counts of requests wrap around at the CPU's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneStats {
    /// The zone.
    pub zone: ZoneId,
    /// The frames that it can ever have.
    pub span: Range<u64>,
    /// Pages that it manages.
    pub managed: usize,
    /// Free pages of its own.
    pub free: usize,
    /// Free blocks of its own, by order.
    pub free_by_order: [usize; MAX_ORDER as usize + 1],
    /// Pages that handles keep at hand.
    pub cached: usize,
    /// Requests served by a block at hand.
    pub hits: usize,
    /// Requests for which the zone itself was asked, with its lock.
    pub misses: usize,
    /// Requests that it served after another zone had refused them.
    pub fallbacks: usize,
    /// Requests that were refused by every zone, this one among them.
    pub failures: usize,
    /// Blocks that were freed into a cache and later found not to have been handed out.
    pub misdirected: usize,
    /// Its marks and reserves.
    pub watermarks: ZoneWatermarks,
}

impl<'m, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PageAllocator<'m, S, B, L, READERS> {
    /// What there is to say of a zone; `None` if it was not given. Looks at every pageblock.
    #[must_use]
    pub fn stats(&self, zone: ZoneId) -> Option<ZoneStats> {
        self.pool.slot(zone).and_then(|slot| self.stats_of(slot))
    }

    fn stats_of(&self, slot: usize) -> Option<ZoneStats> {
        let (zone, caches) = (self.pool.zones.get(slot)?, || self.pool.caches_of(slot));
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

    /// All zones, each on a line with its free blocks by order, in the layout of `/proc/buddyinfo`.
    pub fn buddyinfo(&self) -> impl fmt::Display + '_ {
        Table { zones: self.pool.zones.len(), stats: |slot| self.stats_of(slot), line: ZoneStats::buddyinfo }
    }

    /// All zones with their pages, marks, reserves and counts, in the layout of `/proc/zoneinfo`.
    pub fn zoneinfo(&self) -> impl fmt::Display + '_ {
        Table { zones: self.pool.zones.len(), stats: |slot| self.stats_of(slot), line: ZoneStats::zoneinfo }
    }
}

/// Every zone, written one way.
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
    fn buddyinfo(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node {}, zone {:>8} ", self.zone.node(), self.zone.kind())?;
        self.free_by_order.iter().try_for_each(|count| write!(f, "{count:>6} "))?;
        writeln!(f)
    }

    fn zoneinfo(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, watermarks: marks, .. } = self;
        writeln!(f, "Node {}, zone {:>8}", zone.node(), zone.kind())?;
        writeln!(f, "  pages free     {}", self.free)?;
        let pages = [("min", marks.min), ("low", marks.low), ("high", marks.high)];
        pages.iter().try_for_each(|(name, pages)| writeln!(f, "        {name:<8} {pages}"))?;
        let pages = [("spanned", self.span.end - self.span.start), ("managed", self.managed as u64)];
        pages.iter().try_for_each(|(name, pages)| writeln!(f, "        {name:<8} {pages}"))?;
        write!(f, "        protection: (")?;
        for kind in ZoneKind::ALL {
            let separator = if kind == ZoneKind::Dma { "" } else { ", " };
            write!(f, "{separator}{}", marks.reserve[kind.index()])?;
        }
        writeln!(f, ")")?;
        let Self { cached, hits, misses, fallbacks, failures, misdirected, .. } = self;
        let counts = [("cached", cached), ("hits", hits), ("misses", misses), ("fallbacks", fallbacks)];
        let counts = counts.into_iter().chain([("failures", failures), ("misdirected", misdirected)]);
        counts.into_iter().try_for_each(|(name, count)| writeln!(f, "      {name:<12} {count}"))?;
        writeln!(f, "  start_pfn:           {}", self.span.start)
    }
}
