//! The grace-period schemes under load, on real threads.

#[cfg(target_os = "linux")]
use zonelist_core::publish::Membarrier;
use zonelist_core::{
    conformance::{Sample, stressed},
    publish::{Barrier, FullFence, Published, Scheme},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};

use super::twin::{Fault, Twin};

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

/// One and two publishers against two readers, with a barrier pair.
fn shows_snapshots<S: Scheme, B: Barrier>(scheme: impl Fn() -> S) {
    for publishers in [1, 2] {
        let tally = stressed(&Published::<_, B, 2>::new(scheme()), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn asymmetric_epoch_shows_snapshots_under_load() {
    shows_snapshots::<_, FullFence>(|| AsymmetricEpoch::boxed(Sample::CAPACITY));
}

#[test]
fn qsbr_shows_snapshots_under_load() {
    shows_snapshots::<_, FullFence>(|| Qsbr::boxed(Sample::CAPACITY));
}

#[cfg(target_os = "linux")]
#[test]
fn asymmetric_epoch_shows_snapshots_by_membarrier() {
    if Membarrier::prepare() {
        shows_snapshots::<_, Membarrier>(|| AsymmetricEpoch::boxed(Sample::CAPACITY));
    } else {
        println!("skipped: this system has no membarrier");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn qsbr_shows_snapshots_by_membarrier() {
    if Membarrier::prepare() {
        shows_snapshots::<_, Membarrier>(|| Qsbr::boxed(Sample::CAPACITY));
    } else {
        println!("skipped: this system has no membarrier");
    }
}
