//! Boot layouts: a zone is reduced to given free blocks.

use proptest::prelude::*;
use zonelist_core::{
    Mobility, Pfn,
    zone::{BootLayoutError, Order},
};

use super::oracle::{Pair, SPAN, empty};
use crate::support::order;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(300, 5)))]

    /// The free blocks that a zone had after some allocations can be placed in a new zone of the same frames.
    #[test]
    fn any_reachable_layout_can_be_placed(orders in prop::collection::vec((0_u8..=10, any::<bool>()), 1..400), hole in 0_u64..900) {
        let zone = || {
            let mut pair = Pair::new(empty(Order::MAX));
            pair.add(SPAN.start..SPAN.start + 700);
            pair.add(SPAN.start + 700 + hole..SPAN.end);
            pair.zone
        };
        let used = zone();
        for (number, keep) in orders {
            if let Some(pfn) = used.alloc(order(number), Mobility::Movable).filter(|_| !keep) {
                used.free(pfn, order(number)).unwrap();
            }
        }
        let again = zone();
        let managed = used.managed() - (used.managed() - used.free_pages()) / 2;
        again.set_boot_layout(used.free_by_order(), managed).unwrap();
        prop_assert_eq!(again.free_by_order(), used.free_by_order());
        prop_assert_eq!((again.free_pages(), again.managed()), (used.free_pages(), managed));
        // Frames that are not free were allocated one by one, or removed.
        let freed = SPAN.filter(|&pfn| !SPAN.contains(&pfn) || again.free(Pfn::new(pfn), Order::ZERO).is_ok()).count();
        prop_assert!(freed >= managed - used.free_pages());
        prop_assert_eq!(again.free_pages(), managed);
    }
}

#[test]
fn a_layout_that_does_not_fit_changes_nothing() {
    let mut pair = Pair::new(empty(Order::MAX));
    pair.add(SPAN);
    let (before, managed) = (pair.zone.free_by_order(), pair.zone.managed());
    let mut counts = [0; 11];
    counts[10] = 2;
    assert_eq!(
        pair.zone.set_boot_layout(counts, managed),
        Err(BootLayoutError::NoEntry { order: Order::MAX, missing: 1 })
    );
    counts[10] = 0;
    counts[9] = 4;
    assert_eq!(
        pair.zone.set_boot_layout(counts, managed),
        Err(BootLayoutError::NoEntry { order: Order::PAGEBLOCK, missing: 1 })
    );
    counts[9] = 3;
    let too_few = pair.zone.set_boot_layout(counts, 1535);
    assert_eq!(too_few, Err(BootLayoutError::Managed { managed: 1535, free: 1536, present: managed }));
    assert_eq!((pair.zone.free_by_order(), pair.zone.managed()), (before, managed));
    assert!(pair.zone.alloc(Order::ZERO, Mobility::Movable).is_some());
    assert_eq!(pair.zone.set_boot_layout(counts, managed), Err(BootLayoutError::InUse { free: managed - 1, managed }));
}
