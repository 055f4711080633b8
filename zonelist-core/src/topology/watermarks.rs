//! The watermarks of zones, computed from sizes.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: __setup_per_zone_wmarks`. All numbers are pages.

use alloc::vec::Vec;

use super::description::{Memory, ZoneSize};
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

/// The watermarks of every populated zone, indexed as `memory.zones`.
///
/// The pages of `min_free_kbytes` are distributed over the zones that are not high memory, in proportion to managed
/// pages. The gap between watermarks is a quarter of a zone's share or `watermark_scale_factor / 10,000` of the zone,
/// the larger of both. A zone of high memory has a small minimum of its own.
///
/// Defined for unchecked sizes too: watermarks saturate at `u64::MAX`, and a page of 0 bytes counts as 1 byte.
#[must_use]
pub fn watermarks(memory: &Memory) -> Vec<Watermarks> {
    watermarks_of(memory).collect()
}

/// The same as an iterator, without an allocation.
pub(crate) fn watermarks_of(memory: &Memory) -> impl Iterator<Item = Watermarks> + '_ {
    let pages_min = memory.tunables.min_free_kbytes.saturating_mul(1024) / memory.page_bytes.max(1);
    let is_high = |size: &ZoneSize| is_high_memory(memory, size.zone.kind());
    let low = memory.zones.iter().filter(|size| !is_high(size));
    let shared = low.map(|size| size.managed).fold(0, u64::saturating_add);
    memory.zones.iter().map(move |size| {
        let share = scaled(pages_min, size.managed, shared.max(1));
        let scale = u64::from(memory.tunables.watermark_scale_factor);
        // Linux takes the gap from the share also for high memory, whose min is not the share.
        let gap = (share / 4).max(scaled(size.managed, scale, 10_000));
        let min = if is_high(size) { (size.managed / 1024).clamp(32, 128) } else { share };
        Watermarks { min, low: min.saturating_add(gap), high: min.saturating_add(gap.saturating_mul(2)) }
    })
}

/// True if the kernel has no permanent mapping of the zone. With a HighMem kind, Movable is cut from high memory.
fn is_high_memory(memory: &Memory, kind: ZoneKind) -> bool {
    kind == ZoneKind::HighMem || kind == ZoneKind::Movable && memory.kinds.contains(&ZoneKind::HighMem)
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
        let computed = watermarks(&memory);
        assert_eq!(computed[0].min, 67_584 / 4, "all pages are distributed over zones that are not high memory");
        assert_eq!(computed[1].min, 32, "32,768 / 1024");
    }
}
