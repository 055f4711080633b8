//! Which operations wait, and for what, under sequence numbers: a line for each operation, beside each thing held.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::blocking::{OptionalOperations, cells},
    table::Slots,
};
use zonelist_seq::{SeqCopy, SeqRetry};

#[test]
fn what_waits_under_seq_retry() {
    cells(|room| SeqRetry::new(Slots::<Box<[_]>>::boxed(room)), OptionalOperations::none());
}

#[test]
fn what_waits_under_seq_copy() {
    cells(|room| SeqCopy::<4>::new(room.nodes()), OptionalOperations::none());
}
