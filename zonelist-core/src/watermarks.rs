//! What follows from zone sizes: watermarks, lowmem reserves, the totals a rebuild logs.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve,
//! build_all_zonelists`. All figures are pages.

use alloc::vec::Vec;

use crate::{Memory, Rules, ZoneId, ZoneKind, ZoneSize};

/// The marks of one zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watermarks {
    /// Below it only urgent requests are served.
    pub min: u64,
    /// Below it reclaim is woken.
    pub low: u64,
    /// Up to it reclaim goes on.
    pub high: u64,
}

/// The marks of every populated zone, in the order of `memory.zones`.
///
/// The pages of `min_free_kbytes` are shared out by managed pages over the zones that are not
/// high memory; the gap between marks is a quarter of that share or
/// `watermark_scale_factor / 10,000` of the zone, whichever is more. A zone of high memory keeps
/// a small minimum of its own.
///
/// Sizes that no machine has, since they are unchecked, have marks of at most `u64::MAX`; a page of 0 bytes counts
/// as one of 1 byte.
#[must_use]
pub fn watermarks(memory: &Memory) -> Vec<Watermarks> {
    marks_of(memory).collect()
}

/// The same, one after the other.
pub(crate) fn marks_of(memory: &Memory) -> impl Iterator<Item = Watermarks> + '_ {
    let pages_min = memory.tunables.min_free_kbytes.saturating_mul(1024) / memory.page_bytes.max(1);
    let is_high = |size: &ZoneSize| is_high_memory(memory, size.zone.kind());
    let low = memory.zones.iter().filter(|size| !is_high(size));
    let shared = low.map(|size| size.managed).fold(0, u64::saturating_add);
    memory.zones.iter().map(move |size| {
        let share = scaled(pages_min, size.managed, shared.max(1));
        let scale = u64::from(memory.tunables.watermark_scale_factor);
        let gap = (share / 4).max(scaled(size.managed, scale, 10_000));
        let min = if is_high(size) { (size.managed / 1024).clamp(32, 128) } else { share };
        Watermarks { min, low: min.saturating_add(gap), high: min.saturating_add(gap.saturating_mul(2)) }
    })
}

/// Whether a kernel has no permanent mapping of the zone: with a HighMem kind, Movable is cut from it.
fn is_high_memory(memory: &Memory, kind: ZoneKind) -> bool {
    kind == ZoneKind::HighMem || kind == ZoneKind::Movable && memory.kinds.contains(&ZoneKind::HighMem)
}

fn scaled(value: u64, numerator: u64, denominator: u64) -> u64 {
    // Of a machine, below 2^64: the value is at most 2^48 pages or the quotient at most one of the factors.
    let scaled = u128::from(value) * u128::from(numerator) / u128::from(denominator);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// What a zone holds back from requests whose highest kind is above its own, for each of the
/// machine's kinds: the row `protection` of `/proc/zoneinfo`.
///
/// The zone need not be populated: until 5.7 an empty one held pages back too, on paper. Kinds that come without a ratio,
/// since they are unchecked, count as having 0.
#[must_use]
pub fn lowmem_reserve(memory: &Memory, zone: ZoneId, rules: Rules) -> Vec<u64> {
    reserve_of(memory, zone, rules).collect()
}

/// The same, one after the other.
pub(crate) fn reserve_of(memory: &Memory, zone: ZoneId, rules: Rules) -> impl Iterator<Item = u64> + '_ {
    let managed = move |kind| size_of(memory, ZoneId::new(zone.node(), kind)).map_or(0, |size| size.managed);
    let own = memory.kinds.iter().position(|&kind| kind == zone.kind());
    let ratio = own.and_then(|own| memory.tunables.lowmem_reserve_ratio.get(own)).map_or(0, |&ratio| u64::from(ratio));
    let ratio = if rules.empty_zones_reserve { ratio.max(1) } else { ratio };
    let none = ratio == 0 || managed(zone.kind()) == 0 && !rules.empty_zones_reserve;

    let mut above = 0_u64;
    memory.kinds.iter().map(move |&kind| {
        if none || kind <= zone.kind() {
            return 0;
        }
        above = above.saturating_add(managed(kind));
        above / ratio
    })
}

/// The size of a zone, if it is populated.
#[must_use]
pub fn size_of(memory: &Memory, zone: ZoneId) -> Option<&ZoneSize> {
    memory.zones.iter().find(|size| size.zone == zone)
}

/// The pages that a rebuild of the zonelists logs as total: of each zone, those above its high mark.
///
/// `high` gives a zone's high mark *as the rebuild saw it*: Linux rebuilds before it recomputes the
/// marks when memory comes, and after when it goes; a zone that is new has 0.
pub fn total_pages(zones: &[ZoneSize], high: impl Fn(ZoneId) -> u64) -> u64 {
    zones.iter().map(|size| size.managed.saturating_sub(high(size.zone))).fold(0, u64::saturating_add)
}

/// Whether so little memory is worth keeping apart by mobility: a pageblock for each of the
/// kernel's migration types (six in Debian's 6.1), or more.
#[must_use]
pub const fn groups_by_mobility(total_pages: u64, pageblock_pages: u64, migrate_types: u64) -> bool {
    total_pages >= pageblock_pages.saturating_mul(migrate_types)
}

/// The zone kind that memory policies apply to: the highest ever populated, Movable and Device left out.
///
/// `before` is what it was; it never falls.
#[must_use]
pub fn policy_zone(before: ZoneKind, zones: &[ZoneSize]) -> ZoneKind {
    let populated = zones.iter().filter(|size| size.present > 0).map(|size| size.zone.kind());
    populated.filter(|&kind| kind < ZoneKind::Movable).fold(before, ZoneKind::max)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{NodeId, Tunables};

    /// Node 1 of the machine whose zoneinfo the 2017 mail prints: `Movable` is the block it toggled.
    fn mail(movable: bool) -> Memory {
        let node = NodeId::new(1).unwrap();
        let size = |kind, start_pfn, pages| ZoneSize {
            zone: ZoneId::new(node, kind),
            start_pfn,
            spanned: pages,
            present: pages,
            managed: pages,
        };
        let mut zones = vec![size(ZoneKind::Dma32, 1 << 18, 241_436)];
        if movable {
            zones.push(size(ZoneKind::Movable, 1 << 20, 32_768));
        }
        Memory {
            page_bytes: 4096,
            pageblock_pages: 512,
            kinds: vec![ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::Movable],
            zones,
            tunables: Tunables {
                min_free_kbytes: 67_584,
                watermark_scale_factor: 10,
                lowmem_reserve_ratio: vec![256, 256, 32, 0],
            },
        }
    }

    fn reserves(memory: &Memory, rules: Rules) -> Vec<Vec<u64>> {
        let node = NodeId::new(1).unwrap();
        memory.kinds.iter().map(|&kind| lowmem_reserve(memory, ZoneId::new(node, kind), rules)).collect()
    }

    #[test]
    fn the_mails_machine_with_its_movable_block_online() {
        let table = reserves(&mail(true), Rules::LINUX_4_14);
        assert_eq!(table, [[0, 943, 943, 1071], [0, 0, 0, 128], [0, 0, 0, 1024], [0; 4]]);
        let table = reserves(&mail(true), Rules::LINUX_6_1);
        assert_eq!(table, [[0; 4], [0, 0, 0, 128], [0; 4], [0; 4]]);
    }

    #[test]
    fn the_mails_machine_with_its_movable_block_offline() {
        let table = reserves(&mail(false), Rules::LINUX_4_14);
        assert_eq!(table, [[0, 943, 943, 943], [0; 4], [0; 4], [0; 4]]);
        assert_eq!(reserves(&mail(false), Rules::LINUX_6_1), [[0; 4]; 4]);
    }

    #[test]
    fn no_state_of_the_mails_machine_has_the_table_that_it_prints() {
        let printed = [[0, 943, 943, 943], [0, 0, 0, 0], [0, 0, 0, 1024], [0; 4]];
        for rules in [Rules::LINUX_4_14, Rules::LINUX_6_1] {
            for movable in [false, true] {
                assert_ne!(reserves(&mail(movable), rules), printed);
            }
        }
    }

    #[test]
    fn high_memory_keeps_a_minimum_of_its_own() {
        let mut memory = mail(true);
        memory.kinds.insert(3, ZoneKind::HighMem);
        let marks = watermarks(&memory);
        assert_eq!(marks[0].min, 67_584 / 4, "all pages are shared out over what is not high");
        assert_eq!(marks[1].min, 32, "32,768 / 1024");
    }

    #[test]
    fn grouping_by_mobility_needs_a_pageblock_for_each_type() {
        assert!(groups_by_mobility(3072, 512, 6));
        assert!(!groups_by_mobility(3071, 512, 6));
    }
}
