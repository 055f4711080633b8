//! Readers and publishers progress under `SeqRetry`.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::progress::all_threads_progress,
    table::{Capacity, Slot, Slots},
};
use zonelist_seq::SeqRetry;

#[test]
fn all_threads_progress_under_seq_retry() {
    all_threads_progress(|| SeqRetry::new(Slots::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}
