//! The grace-period schemes under load, on real threads.

#[cfg(target_os = "linux")]
use zonelist_core::publish::{Barrier, Membarrier, Parts};
use zonelist_core::{
    conformance::{Sample, run_stress},
    publish::{Platform, Published, ReaderSlots, Scheme, Standard},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};

use super::mutant::{Fault, Mutant};

#[test]
fn epoch_swap_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        let tally = run_stress(&Published::with_slots(EpochSwap::new(), ReaderSlots::boxed(1)), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn arc_swap_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        let tally = run_stress(&Published::with_slots(ArcSwap::new(), ReaderSlots::boxed(1)), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn a_reader_that_holds_no_version_and_an_early_free_are_condemned() {
    let torn = |fault| run_stress(&Published::with_slots(Mutant::new(fault), ReaderSlots::boxed(1)), 1).torn;
    assert_eq!(torn(Fault::None), 0, "without a fault it passes");
    assert!(torn(Fault::ReaderUnprotected) > 0);
    assert!(torn(Fault::FreedAtOnce) > 0);
}

/// One publisher, then two, against two readers, with the barrier pair `B`.
fn shows_snapshots<S: Scheme, P: Platform>(scheme: impl Fn() -> S) {
    for publishers in [1, 2] {
        let tally = run_stress(&Published::<_, P>::with_platform(scheme(), ReaderSlots::boxed(2)), publishers);
        assert_eq!((tally.violations, tally.torn), (0, 0));
    }
}

#[test]
fn asymmetric_epoch_shows_snapshots_under_load() {
    shows_snapshots::<_, Standard>(|| AsymmetricEpoch::boxed(Sample::CAPACITY));
}

#[test]
fn qsbr_shows_snapshots_under_load() {
    shows_snapshots::<_, Standard>(|| Qsbr::boxed(Sample::CAPACITY));
}

#[cfg(target_os = "linux")]
#[test]
fn asymmetric_epoch_shows_snapshots_by_membarrier() {
    if Membarrier::prepare() {
        shows_snapshots::<_, Parts<Membarrier>>(|| AsymmetricEpoch::boxed(Sample::CAPACITY));
    } else {
        println!("skipped: this system does not grant membarrier");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn qsbr_shows_snapshots_by_membarrier() {
    if Membarrier::prepare() {
        shows_snapshots::<_, Parts<Membarrier>>(|| Qsbr::boxed(Sample::CAPACITY));
    } else {
        println!("skipped: this system does not grant membarrier");
    }
}
