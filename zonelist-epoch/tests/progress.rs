//! Readers and publishers progress under the grace periods of `Writer`.
#![cfg(shuttle)]

use zonelist_core::{Capacity, conformance::progress::everybody_gets_on};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};

const ROOM: Capacity = Capacity::new(1, 4).unwrap();

#[test]
fn all_threads_progress_under_asymmetric_epoch() {
    everybody_gets_on(|| AsymmetricEpoch::boxed(ROOM));
}

#[test]
fn all_threads_progress_under_qsbr() {
    everybody_gets_on(|| Qsbr::boxed(ROOM));
}
