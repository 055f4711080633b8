//! Readers and publishers progress under the grace periods of `Writer`.
#![cfg(shuttle)]

use zonelist_core::{conformance::progress::all_threads_progress, table::Capacity};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};

const ROOM: Capacity = Capacity::new(1, 4).unwrap();

#[test]
fn all_threads_progress_under_asymmetric_epoch() {
    all_threads_progress(|| AsymmetricEpoch::boxed(ROOM));
}

#[test]
fn all_threads_progress_under_qsbr() {
    all_threads_progress(|| Qsbr::boxed(ROOM));
}
