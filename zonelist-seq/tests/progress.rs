//! Readers and publishers progress under `SeqRetry`.
#![cfg(shuttle)]

use zonelist_core::{Capacity, Slot, Slots, conformance::progress::everybody_gets_on};
use zonelist_seq::SeqRetry;

#[test]
fn all_threads_progress_under_seq_retry() {
    everybody_gets_on(|| SeqRetry::new(Slots::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}
