//! The watermarks of zones, computed from sizes.
//!
//! Source: `mm/page_alloc.c: __setup_per_zone_wmarks` of Linux 6.1 and 6.12. All numbers are pages.

use alloc::vec::Vec;

use super::{description::Memory, rules::Rules};
use crate::ZoneKind;

/// The watermarks of one zone, as computed from the sizes of a machine, in pages.
///
/// A [`Zone`](crate::Zone) stores [`ZoneWatermarks`](crate::zone::ZoneWatermarks): these three, and its lowmem reserves,
/// which the topology computes on its own ([`lowmem_reserve`](crate::topology::lowmem_reserve)). That type repeats the three
/// fields; its documentation says why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Watermarks {
    /// With fewer free pages only urgent requests are served.
    pub min: u64,
    /// With fewer free pages reclaim starts.
    pub low: u64,
    /// With as many free pages reclaim stops.
    pub high: u64,
}

impl Watermarks {
    /// Memory tiering moves hot pages to the zone's node until as many pages are free: the next step above `high`.
    #[must_use]
    pub const fn promo(&self) -> u64 {
        self.high.saturating_add(self.high.saturating_sub(self.low))
    }
}

/// The watermarks of every zone, indexed as `memory.zones`.
///
/// The pages of `min_free_kbytes` are distributed over the zones that the kernel allocates from, in proportion to
/// managed pages. The gap between watermarks is a quarter of a zone's share or `watermark_scale_factor / 10,000` of the
/// zone, the larger of both. High memory has a small minimum of its own, and so has Movable unless
/// [`Rules::movable_has_share`]: 32 to 128 pages, also of an empty zone.
///
/// Defined for unchecked sizes too: watermarks saturate at `u64::MAX`, and a page of 0 bytes counts as 1 byte.
#[must_use]
pub fn watermarks(memory: &Memory, rules: Rules) -> Vec<Watermarks> {
    watermarks_of(memory, rules).collect()
}

/// The same as an iterator, without an allocation.
pub(crate) fn watermarks_of(memory: &Memory, rules: Rules) -> impl Iterator<Item = Watermarks> + '_ {
    let formula = Formula::new(memory, rules);
    memory.zones.iter().map(move |size| formula.of(size.zone.kind(), size.managed))
}

/// The high watermark of a zone of this kind that has no pages.
pub(crate) fn high_of_empty_zone(memory: &Memory, kind: ZoneKind, rules: Rules) -> u64 {
    Formula::new(memory, rules).of(kind, 0).high
}

/// The formula of watermarks, with the parameters that all zones share.
struct Formula {
    /// The pages of `min_free_kbytes`.
    pages_min: u64,
    /// The managed pages that these are distributed over; at least 1.
    shared: u64,
    /// `watermark_scale_factor`.
    scale: u64,
    /// The lowest kind whose zones have a minimum of their own; `None` if all zones have a share.
    own_minimum_from: Option<ZoneKind>,
}

impl Formula {
    fn new(memory: &Memory, rules: Rules) -> Self {
        // Movable is cut from the highest zone, so with a kind HighMem it has no permanent mapping either.
        let own_minimum_from = match memory.kinds.contains(&ZoneKind::HighMem) {
            true => Some(ZoneKind::HighMem),
            false if rules.movable_has_share => None,
            false => Some(ZoneKind::Movable),
        };
        let sharing = memory.zones.iter().filter(|size| has_share(size.zone.kind(), own_minimum_from));
        Self {
            pages_min: memory.tunables.min_free_kbytes.saturating_mul(1024) / memory.page_bytes.max(1),
            shared: sharing.map(|size| size.managed).fold(0, u64::saturating_add).max(1),
            scale: u64::from(memory.tunables.watermark_scale_factor),
            own_minimum_from,
        }
    }

    /// The watermarks of a zone of this kind with this number of managed pages.
    fn of(&self, kind: ZoneKind, managed: u64) -> Watermarks {
        let share = scaled(self.pages_min, managed, self.shared);
        // Linux takes the gap from the share also of a zone whose min is not the share.
        let gap = (share / 4).max(scaled(managed, self.scale, 10_000));
        let min = if has_share(kind, self.own_minimum_from) { share } else { (managed / 1024).clamp(32, 128) };
        Watermarks { min, low: min.saturating_add(gap), high: min.saturating_add(gap.saturating_mul(2)) }
    }
}

/// True if zones of this kind get a share of `min_free_kbytes`. Device is above Movable, and has no pages of the
/// allocator.
fn has_share(kind: ZoneKind, own_minimum_from: Option<ZoneKind>) -> bool {
    kind == ZoneKind::Device || own_minimum_from.is_none_or(|first| kind < first)
}

/// `value * numerator / denominator`, at most `u64::MAX`.
fn scaled(value: u64, numerator: u64, denominator: u64) -> u64 {
    // For a validated machine the result is below 2^64: the value is at most 2^48 pages, or the quotient is at most
    // one of the factors. The intermediate product needs 128 bits.
    let scaled = u128::from(value) * u128::from(numerator) / u128::from(denominator);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::description::lkml_2017, *};

    #[test]
    fn high_memory_keeps_a_minimum_of_its_own() {
        let mut memory = lkml_2017(true);
        memory.kinds.insert(3, ZoneKind::HighMem);
        let computed = watermarks(&memory, Rules::LINUX_6_1);
        assert_eq!(computed[0].min, 67_584 / 4, "all pages are distributed over zones that are not high memory");
        assert_eq!(computed[1].min, 32, "32,768 / 1024");
    }

    #[test]
    fn movable_has_no_share_since_6_6() {
        let mut memory = lkml_2017(true);
        memory.tunables.min_free_kbytes = 67_584;
        let [old, new] = [Rules::LINUX_6_1, Rules::LINUX_6_6].map(|rules| watermarks(&memory, rules));
        let kernel_pages = memory.zones[0].managed;
        assert_eq!(new[0].min, 16_896, "the kernel's zone has all of it");
        assert!(old[0].min < 16_896);
        // Its gap is still a quarter of the share that it would have.
        let gap = 16_896 * 32_768 / kernel_pages / 4;
        assert_eq!(new[1], Watermarks { min: 32, low: 32 + gap, high: 32 + 2 * gap });
        assert_eq!(new[1].promo(), 32 + 3 * gap);
    }

    #[test]
    fn an_empty_movable_zone_has_watermarks_since_6_6() {
        let memory = lkml_2017(false);
        let high = |kind, rules| high_of_empty_zone(&memory, kind, rules);
        assert_eq!(high(ZoneKind::Movable, Rules::LINUX_6_6), 32);
        assert_eq!(high(ZoneKind::Movable, Rules::LINUX_6_1), 0);
        assert_eq!(high(ZoneKind::Normal, Rules::LINUX_6_6), 0);
    }
}
