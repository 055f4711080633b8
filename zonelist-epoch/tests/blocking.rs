//! Which operations wait, and for what, under the grace-period schemes: a line for each operation, beside each thing held.
#![cfg(shuttle)]

use zonelist_core::conformance::blocking::{OptionalOperations, cells};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};

#[test]
fn what_waits_under_asymmetric_epoch() {
    cells(AsymmetricEpoch::boxed, OptionalOperations::none().reclaims());
}

#[test]
fn what_waits_under_qsbr() {
    cells(Qsbr::boxed, OptionalOperations::none().reclaims());
}

#[test]
fn what_waits_under_epoch_swap() {
    cells(|_| EpochSwap::new(), OptionalOperations::none().reclaims());
}

#[test]
fn what_waits_under_arc_swap() {
    cells(|_| ArcSwap::new(), OptionalOperations::none().reclaims());
}
