//! The in-place schemes under load, on real threads.

use zonelist_core::{
    conformance::{Sample, run_stress},
    publish::{Published, ReaderSlots},
    table::{Capacity, OrderEntry, OrderTables, Slots},
};
use zonelist_inplace::{InPlace, Presence};

#[test]
fn in_place_shows_no_phantom_under_load() {
    for publishers in [1, 2] {
        let scheme = InPlace::new(Slots::boxed(Sample::CAPACITY));
        let tally = run_stress(&Published::with_slots(scheme, ReaderSlots::boxed(1)), publishers);
        assert_eq!((tally.violations, tally.phantom), (0, 0));
    }
}

#[test]
fn presence_reports_every_torn_walk() {
    // The second capacity has more zones than bits, so that every version changes an order.
    for capacity in [Sample::CAPACITY, Capacity::new(3, OrderEntry::BITS + 1).unwrap()] {
        for publishers in [1, 2] {
            let scheme = Presence::new(OrderTables::boxed(capacity));
            let tally = run_stress(&Published::with_slots(scheme, ReaderSlots::boxed(1)), publishers);
            assert_eq!((tally.violations, tally.unreported), (0, 0));
        }
    }
}
