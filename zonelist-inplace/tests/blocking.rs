//! What waits for what under the in-place schemes: each operation, beside each thing that is held.
#![cfg(shuttle)]

use zonelist_core::{
    conformance::blocking::{OptionalOperations, cells},
    table::{OrderTables, Slots},
};
use zonelist_inplace::{InPlace, Presence};

#[test]
fn what_waits_under_in_place() {
    cells(|room| InPlace::new(Slots::<Box<[_]>>::boxed(room)), OptionalOperations::none());
}

#[test]
fn what_waits_under_presence() {
    cells(|room| Presence::new(OrderTables::<Box<[_]>>::boxed(room)), OptionalOperations::none().members());
}
