//! The sequence schemes under load, on real threads.

use zonelist_core::{
    conformance::{Sample, run_stress},
    publish::{Published, ReaderSlots},
    table::Slots,
};
use zonelist_seq::{SeqCopy, SeqRetry};

use super::mutant::Mutant;

#[test]
fn seq_retry_reports_every_torn_walk() {
    for publishers in [1, 2] {
        let scheme = SeqRetry::new(Slots::boxed(Sample::CAPACITY));
        let tally = run_stress(&Published::with_slots(scheme, ReaderSlots::boxed(1)), publishers);
        assert_eq!((tally.violations, tally.unreported), (0, 0));
    }
}

#[test]
fn seq_copy_shows_snapshots_under_load() {
    for publishers in [1, 2] {
        // A size that just holds the lists, and one that takes much longer to copy.
        let small = run_stress(&Published::with_slots(SeqCopy::<4>::new(3), ReaderSlots::boxed(1)), publishers);
        let large = run_stress(&Published::with_slots(SeqCopy::<1024>::new(3), ReaderSlots::boxed(1)), publishers);
        assert_eq!((small.violations, small.torn, large.violations, large.torn), (0, 0, 0, 0));
    }
}

#[test]
fn a_lock_for_each_zoneref_is_condemned() {
    let tally = run_stress(&Published::with_slots(Mutant::new(Sample::CAPACITY), ReaderSlots::boxed(1)), 1);
    assert!(tally.violations > 0 && tally.violations == tally.torn, "{tally}");
}
