//! The grace-period schemes under load, on real threads.
#![cfg(all(feature = "arc-swap", feature = "crossbeam", not(loom)))]

use zonelist_core::{
    conformance::stressed,
    publish::{FullFence, Published},
};
use zonelist_epoch::{ArcSwap, EpochSwap};

mod twin;

use twin::{Fault, Twin};

#[test]
fn epoch_swap_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        let tally = stressed(&Published::<_, FullFence, 1>::new(EpochSwap::new()), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn arc_swap_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        let tally = stressed(&Published::<_, FullFence, 1>::new(ArcSwap::new()), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn a_reader_that_holds_nothing_and_an_early_free_are_condemned() {
    let torn = |fault| stressed(&Published::<_, FullFence, 1>::new(Twin::new(fault)), 1).torn;
    assert_eq!(torn(Fault::Nothing), 0, "the twin itself is in order");
    assert!(torn(Fault::ReaderUnprotected) > 0);
    assert!(torn(Fault::FreedAtOnce) > 0);
}
