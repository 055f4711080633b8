//! The sequence schemes under load, on real threads.
#![cfg(not(loom))]

use zonelist_core::{
    Slots,
    conformance::{Sample, stressed},
    publish::{FullFence, Published},
};
use zonelist_seq::SeqRetry;

#[test]
fn seq_retry_tells_every_torn_walk() {
    for publishers in [1, 2] {
        let scheme = SeqRetry::new(Slots::boxed(Sample::CAPACITY));
        let tally = stressed(&Published::<_, FullFence, 1>::new(scheme), publishers);
        assert_eq!((tally.violations, tally.unreported), (0, 0));
    }
}
