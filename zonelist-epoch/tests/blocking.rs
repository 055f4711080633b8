//! Which operations wait, and for what, under the grace-period schemes: a line for each operation, beside each thing held.
#![cfg(shuttle)]

use zonelist_core::conformance::blocking::{Powers, cells};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};

#[test]
fn what_waits_under_asymmetric_epoch() {
    cells(AsymmetricEpoch::boxed, Powers::none().reclaims());
}

#[test]
fn what_waits_under_qsbr() {
    cells(Qsbr::boxed, Powers::none().reclaims());
}

#[test]
fn what_waits_under_epoch_swap() {
    cells(|_| EpochSwap::new(), Powers::none().reclaims());
}

#[test]
fn what_waits_under_arc_swap() {
    cells(|_| ArcSwap::new(), Powers::none().reclaims());
}
