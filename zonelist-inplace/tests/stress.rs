//! The in-place schemes under load, on real threads.
#![cfg(not(loom))]

use zonelist_core::{
    Slots,
    conformance::{Sample, stressed},
    publish::{FullFence, Published},
};
use zonelist_inplace::InPlace;

#[test]
fn in_place_shows_no_phantom_under_load() {
    for publishers in [1, 2] {
        let scheme = InPlace::new(Slots::boxed(Sample::CAPACITY));
        let tally = stressed(&Published::<_, FullFence, 1>::new(scheme), publishers);
        assert_eq!((tally.violations, tally.phantom), (0, 0));
    }
}
