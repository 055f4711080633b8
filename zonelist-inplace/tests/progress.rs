//! Readers and publishers progress under the in-place schemes.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::progress::all_threads_progress,
    table::{Capacity, OrderEntry, OrderTables, Slot, Slots},
};
use zonelist_inplace::{InPlace, Presence};

#[test]
fn all_threads_progress_under_in_place() {
    all_threads_progress(|| InPlace::new(Slots::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}

#[test]
fn all_threads_progress_under_presence() {
    all_threads_progress(|| Presence::new(OrderTables::<Box<[Slot]>>::boxed(Capacity::new(1, 4).unwrap())));
}

#[test]
fn all_threads_progress_with_more_zones_than_bits() {
    all_threads_progress(|| {
        Presence::new(OrderTables::<Box<[Slot]>>::boxed(Capacity::new(1, OrderEntry::BITS + 1).unwrap()))
    });
}
