//! Readers and publishers progress under the in-place schemes.
#![cfg(shuttle)]

use zonelist_core::{Capacity, Orders, Place, Slot, Slots, conformance::progress::everybody_gets_on};
use zonelist_inplace::{InPlace, Presence};

#[test]
fn all_threads_progress_under_in_place() {
    everybody_gets_on(|| InPlace::new(Slots::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}

#[test]
fn all_threads_progress_under_presence() {
    everybody_gets_on(|| Presence::new(Orders::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}

#[test]
fn all_threads_progress_with_more_zones_than_bits() {
    everybody_gets_on(|| Presence::new(Orders::<Box<[Slot]>>::boxed(Capacity::new(1, Place::BITS + 1).unwrap())));
}
