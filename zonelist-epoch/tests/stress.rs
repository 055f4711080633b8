//! The grace-period schemes under load, on real threads.
#![cfg(all(feature = "crossbeam", not(loom)))]

use zonelist_core::{
    conformance::stressed,
    publish::{FullFence, Published},
};
use zonelist_epoch::EpochSwap;

#[test]
fn epoch_swap_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        let tally = stressed(&Published::<_, FullFence, 1>::new(EpochSwap::new()), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}
