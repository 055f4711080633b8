//! Loom models of the grace-period schemes.
#![cfg(loom)]

#[path = "models/asymmetric.rs"]
mod asymmetric;
#[path = "models/drains.rs"]
mod drains;

use std::sync::Arc;

use zonelist_core::{
    NodeId, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    conformance::models::{Bound, MOVABLE, NODE, NORMAL, ROOM, Scenario, explore, first},
    publish::{Published, ReaderSlots},
    sync::Spin,
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_epoch::{AsymmetricEpoch, EpochSwap, Qsbr};

zonelist_core::model!(retires epoch_swap: EpochSwap = EpochSwap::new());
zonelist_core::model!(retires asymmetric_epoch: AsymmetricEpoch = AsymmetricEpoch::boxed(ROOM));
zonelist_core::model!(retires qsbr: Qsbr = Qsbr::boxed(ROOM));

fn asymmetric_epoch() -> Published<AsymmetricEpoch> {
    Published::with_slots(AsymmetricEpoch::boxed(ROOM), ReaderSlots::boxed(1))
}

fn qsbr() -> Published<Qsbr> {
    Published::with_slots(Qsbr::boxed(ROOM), ReaderSlots::boxed(1))
}

/// A walk of the first version, while the second is published and the third is written over the first.
#[test]
fn a_walk_under_asymmetric_epoch_is_a_snapshot() {
    let scenario = Scenario::new("asymmetric-epoch: two publishes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    scenario.reader(&[first(1, Movable)]).explore(asymmetric_epoch);
}

/// The acknowledgement of one grace period is still there when the next starts.
#[test]
fn an_old_acknowledgement_under_asymmetric_epoch_is_none() {
    let scenario = Scenario::new("asymmetric-epoch: three publishes").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[NORMAL], &[MOVABLE]]);
    scenario.reader(&[first(1, Movable)]).explore(asymmetric_epoch);
}

#[test]
fn a_second_walk_under_asymmetric_epoch_is_a_snapshot() {
    let scenario = Scenario::new("asymmetric-epoch: two walks, two publishes").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).preemptions(3);
    scenario.reader(&[first(1, Movable), first(1, Movable)]).explore(asymmetric_epoch);
}

#[test]
fn a_walk_under_qsbr_is_a_snapshot() {
    let scenario = Scenario::new("qsbr: two publishes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    scenario.reader(&[first(1, Movable)]).explore(qsbr);
}

#[test]
fn a_second_walk_under_qsbr_is_a_snapshot() {
    let scenario = Scenario::new("qsbr-deeper: two walks, two publishes").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).preemptions(3);
    scenario.reader(&[first(1, Movable), first(1, Movable)]).explore(qsbr);
}

/// Handles of an allocator are never online: the handshake of their per-CPU pages shows when they walk.
#[test]
fn a_publish_under_qsbr_waits_for_handles_of_an_allocator() {
    // An allocation has too many steps to explore every interleaving of them.
    explore("qsbr: an allocation during two publishes", Bound::Preemptions(3), || {
        let node = NodeId::new(NODE).unwrap();
        let id = ZoneId::new(node, Normal);
        let zone = Zone::boxed(id, Pfn::range(0..512), Order::PAGEBLOCK, Spin::new()).unwrap();
        zone.add(Pfn::range(0..512)).unwrap();
        let allocator = Arc::new(PageAllocator::boxed(qsbr(), vec![zone]).unwrap());
        let publish = move |allocator: &PageAllocator<'_, Qsbr>| {
            let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
            allocator.published().publish(ZonelistsRef::new(&[Zoneref::new(id)], &rows).unwrap()).unwrap();
        };
        publish(&allocator);
        let request = allocator.prepare(&PageRequest::up_to(Normal));
        let mut local = allocator.local().unwrap();
        let publisher = loom::thread::spawn({
            let allocator = Arc::clone(&allocator);
            move || (0..2).for_each(|_| publish(&allocator))
        });
        let page = local.alloc(node, &request).unwrap();
        publisher.join().unwrap();
        local.free(page).unwrap();
    });
}
