//! A zone is started with given free blocks.

use proptest::prelude::*;
use zonelist_core::{LeaveError, Mobility};

use super::naive::{Pair, SPAN, empty};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(300, 5)))]

    /// Whatever blocks a zone really had can be placed in it anew.
    #[test]
    fn any_state_that_was_is_placed_again(orders in prop::collection::vec((0_u8..=10, any::<bool>()), 1..400), hole in 0_u64..900) {
        let zone = || {
            let mut pair = Pair::new(empty(10));
            pair.add(SPAN.start..SPAN.start + 700);
            pair.add(SPAN.start + 700 + hole..SPAN.end);
            pair.zone
        };
        let used = zone();
        for (order, keep) in orders {
            if let Some(pfn) = used.alloc(order, Mobility::Movable).filter(|_| !keep) {
                used.free(pfn, order).unwrap();
            }
        }
        let again = zone();
        let managed = used.managed() - (used.managed() - used.free_pages()) / 2;
        again.leave(used.free_by_order(), managed).unwrap();
        prop_assert_eq!(again.free_by_order(), used.free_by_order());
        prop_assert_eq!((again.free_pages(), again.managed()), (used.free_pages(), managed));
        // What is not free was handed out page by page, or withdrawn.
        let given_back = SPAN.filter(|&pfn| !SPAN.contains(&pfn) || again.free(pfn, 0).is_ok()).count();
        prop_assert!(given_back >= managed - used.free_pages());
        prop_assert_eq!(again.free_pages(), managed);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut pair = Pair::new(empty(10));
    pair.add(SPAN);
    let (before, managed) = (pair.zone.free_by_order(), pair.zone.managed());
    let mut counts = [0; 11];
    counts[10] = 2;
    assert_eq!(pair.zone.leave(counts, managed), Err(LeaveError::NoPlace { order: 10, missing: 1 }));
    counts[10] = 0;
    counts[9] = 4;
    assert_eq!(pair.zone.leave(counts, managed), Err(LeaveError::NoPlace { order: 9, missing: 1 }));
    counts[9] = 3;
    let too_few = pair.zone.leave(counts, 1535);
    assert_eq!(too_few, Err(LeaveError::Managed { managed: 1535, free: 1536, present: managed }));
    assert_eq!((pair.zone.free_by_order(), pair.zone.managed()), (before, managed));
    assert!(pair.zone.alloc(0, Mobility::Movable).is_some());
    assert_eq!(pair.zone.leave(counts, managed), Err(LeaveError::InUse { free: managed - 1, managed }));
}
