//! Totals over zones: the figures that a rebuild of the zonelists logs and derives.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: build_all_zonelists`, `mm/mempolicy.c`. All numbers are pages.

use super::description::ZoneSize;
use crate::{ZoneId, ZoneKind};

/// The total that a rebuild of the zonelists logs: over all zones, managed pages above the high watermark.
///
/// `high` returns a zone's high watermark *at the time of the rebuild*. Linux rebuilds before it recomputes
/// watermarks when memory is added, and after it when memory is removed. A zone has a watermark before its first page:
/// 32 for Movable since 6.6 ([`Rules::movable_has_share`](super::Rules::movable_has_share)), else 0.
pub fn total_pages(zones: &[ZoneSize], high: impl Fn(ZoneId) -> u64) -> u64 {
    zones.iter().map(|size| size.managed.saturating_sub(high(size.zone))).fold(0, u64::saturating_add)
}

/// True if pages are grouped by mobility: there is at least one pageblock for each of the kernel's migrate types
/// (six in Debian's 6.1).
#[must_use]
pub const fn groups_by_mobility(total_pages: u64, pageblock_pages: u64, migrate_types: u64) -> bool {
    total_pages >= pageblock_pages.saturating_mul(migrate_types)
}

/// The zone kind that memory policies apply to: the highest that was ever populated, except Movable and Device.
///
/// `before` is the previous value; the result is never lower.
#[must_use]
pub fn policy_zone(before: ZoneKind, zones: &[ZoneSize]) -> ZoneKind {
    let populated = zones.iter().filter(|size| size.present > 0).map(|size| size.zone.kind());
    populated.filter(|&kind| kind < ZoneKind::Movable).fold(before, ZoneKind::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping_by_mobility_needs_a_pageblock_for_each_migrate_type() {
        assert!(groups_by_mobility(3072, 512, 6));
        assert!(!groups_by_mobility(3071, 512, 6));
    }
}
