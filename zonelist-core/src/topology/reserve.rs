//! Lowmem reserves of zones.
//!
//! Source: Linux 6.1 `mm/page_alloc.c: setup_per_zone_lowmem_reserve`. All numbers are pages.

use alloc::vec::Vec;

use super::{
    description::{Memory, size_of},
    rules::Rules,
};
use crate::ZoneId;

/// The pages of a zone that requests for a higher kind have to leave, for each of the machine's kinds: the row
/// `protection` of `/proc/zoneinfo`.
///
/// The zone may be unpopulated: until Linux 5.7 an empty zone has reserves too. Defined for unchecked sizes too: a kind
/// without a ratio has ratio 0.
#[must_use]
pub fn lowmem_reserve(memory: &Memory, zone: ZoneId, rules: Rules) -> Vec<u64> {
    reserves_of(memory, zone, rules).collect()
}

/// The same as an iterator, without an allocation.
pub(crate) fn reserves_of(memory: &Memory, zone: ZoneId, rules: Rules) -> impl Iterator<Item = u64> + '_ {
    let managed = move |kind| size_of(memory, ZoneId::new(zone.node(), kind)).map_or(0, |size| size.managed);
    let own = memory.kinds.iter().position(|&kind| kind == zone.kind());
    let ratio = own.and_then(|own| memory.tunables.lowmem_reserve_ratio.get(own)).map_or(0, |&ratio| u64::from(ratio));
    let ratio = if rules.empty_zones_reserve { ratio.max(1) } else { ratio };
    let none = ratio == 0 || managed(zone.kind()) == 0 && !rules.empty_zones_reserve;

    // The reserve against a kind is the sum of all managed pages above the zone, up to that kind, over the ratio.
    let mut above = 0_u64;
    memory.kinds.iter().map(move |&kind| {
        if none || kind <= zone.kind() {
            return 0;
        }
        above = above.saturating_add(managed(kind));
        above / ratio
    })
}

#[cfg(test)]
mod tests {
    use super::{super::description::lkml_2017, *};
    use crate::NodeId;

    fn reserves(memory: &Memory, rules: Rules) -> Vec<Vec<u64>> {
        let node = NodeId::new(1).unwrap();
        memory.kinds.iter().map(|&kind| lowmem_reserve(memory, ZoneId::new(node, kind), rules)).collect()
    }

    #[test]
    fn reserves_of_lkml_2017_with_its_movable_block_online() {
        let table = reserves(&lkml_2017(true), Rules::LINUX_4_14);
        assert_eq!(table, [[0, 943, 943, 1071], [0, 0, 0, 128], [0, 0, 0, 1024], [0; 4]]);
        let table = reserves(&lkml_2017(true), Rules::LINUX_6_1);
        assert_eq!(table, [[0; 4], [0, 0, 0, 128], [0; 4], [0; 4]]);
    }

    #[test]
    fn reserves_of_lkml_2017_with_its_movable_block_offline() {
        let table = reserves(&lkml_2017(false), Rules::LINUX_4_14);
        assert_eq!(table, [[0, 943, 943, 943], [0; 4], [0; 4], [0; 4]]);
        assert_eq!(reserves(&lkml_2017(false), Rules::LINUX_6_1), [[0; 4]; 4]);
    }

    #[test]
    fn no_state_of_lkml_2017_has_the_reserves_that_it_prints() {
        let printed = [[0, 943, 943, 943], [0, 0, 0, 0], [0, 0, 0, 1024], [0; 4]];
        for rules in [Rules::LINUX_4_14, Rules::LINUX_6_1] {
            for movable in [false, true] {
                assert_ne!(reserves(&lkml_2017(movable), rules), printed);
            }
        }
    }
}
