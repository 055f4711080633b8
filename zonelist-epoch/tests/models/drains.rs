//! Models of drains beside grace periods. A publish requests acknowledgements, and a drain revokes per-CPU pages; each
//! sets its own bits of one word, before or after the other.

use zonelist_core::{
    conformance::models::{
        Bound, ROOM,
        ReaderRole::{Allocates, ChangesOwners, Frees, Reads, Registers, RegistersInNewSlot},
        Requesters::{Both, BothForAWhile, Drain, PublishAndDrain},
        explore_drains, explore_drains_beside_synchronize,
    },
    publish::{Published, ReaderSlots},
};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};

fn asymmetric() -> Published<AsymmetricEpoch> {
    Published::with_slots(AsymmetricEpoch::boxed(ROOM), ReaderSlots::boxed(1))
}

fn qsbr() -> Published<Qsbr> {
    Published::with_slots(Qsbr::boxed(ROOM), ReaderSlots::boxed(1))
}

/// The second publish is written over the version that the allocation may walk.
#[test]
fn an_allocation_beside_a_grace_period_and_a_drain() {
    explore_drains("drains: allocates, grace", Bound::Preemptions(2), Allocates, Both(2), asymmetric);
    explore_drains("drains: allocates, grace of qsbr", Bound::Preemptions(2), Allocates, Both(2), qsbr);
}

#[test]
fn a_free_beside_a_grace_period_and_a_drain() {
    explore_drains("drains: frees, grace", Bound::Preemptions(2), Frees, Both(1), asymmetric);
    explore_drains("drains: frees again, grace", Bound::Preemptions(2), Frees, BothForAWhile(1), asymmetric);
}

#[test]
fn a_free_beside_a_synchronize_and_a_drain() {
    explore_drains_beside_synchronize("drains: frees, synchronize", Bound::Preemptions(2), Frees, asymmetric);
}

#[test]
fn a_handle_is_registered_beside_a_grace_period_and_a_drain() {
    explore_drains("drains: registers, grace", Bound::Preemptions(2), Registers, Both(2), asymmetric);
}

/// The new slot joins the grace period that is owed, and is not in the way of its end.
#[test]
fn a_handle_is_registered_in_a_new_slot_beside_a_grace_period_and_a_drain() {
    let asymmetric = || Published::with_slots(AsymmetricEpoch::boxed(ROOM), ReaderSlots::boxed(0));
    let qsbr = || Published::with_slots(Qsbr::boxed(ROOM), ReaderSlots::boxed(0));
    let bound = Bound::Preemptions(2);
    explore_drains("drains: registers in a new slot, grace", bound, RegistersInNewSlot, PublishAndDrain(2), asymmetric);
    explore_drains(
        "drains: registers in a new slot, grace of qsbr",
        bound,
        RegistersInNewSlot,
        PublishAndDrain(2),
        qsbr,
    );
}

#[test]
fn a_reader_is_registered_beside_a_grace_period_and_a_drain() {
    explore_drains("drains: reads, grace", Bound::Preemptions(2), Reads, Both(2), asymmetric);
    explore_drains("drains: reads, grace of qsbr", Bound::Preemptions(2), Reads, Both(2), qsbr);
}

#[test]
fn a_slot_of_qsbr_changes_owners_during_a_drain() {
    explore_drains("drains: changes owners under qsbr", Bound::Preemptions(3), ChangesOwners, Drain, qsbr);
}
