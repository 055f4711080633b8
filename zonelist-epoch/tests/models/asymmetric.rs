//! Models of the grace-period schemes with the asymmetric barrier pair: readers run no fences, and a heavy half makes
//! each of them run one.

use zonelist_core::{
    ZoneKind::Movable,
    conformance::models::{
        Bound, MOVABLE, NORMAL, ROOM,
        ReaderRole::{Allocates, ChangesOwners, Frees, Registers},
        Requesters::{Both, Drain},
        Scenario, asymmetric, explore_drains, explore_retirement, first,
    },
    publish::{Membarrier, Parts, Published},
};
use zonelist_epoch::{AsymmetricEpoch, Qsbr};

fn epoch<const READERS: usize>() -> Published<AsymmetricEpoch, Parts<Membarrier>> {
    asymmetric(AsymmetricEpoch::boxed(ROOM), READERS)
}

fn qsbr<const READERS: usize>() -> Published<Qsbr, Parts<Membarrier>> {
    asymmetric(Qsbr::boxed(ROOM), READERS)
}

/// The second publish is written over the version that the walk may read.
#[test]
fn a_walk_under_asymmetric_epoch_by_membarrier_is_a_snapshot() {
    let scenario =
        Scenario::new("membarrier: a walk, asymmetric-epoch").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    scenario.reader(&[first(1, Movable)]).preemptions(3).explore(epoch::<1>);
}

/// The third version is written over the first, which the second walk may still read.
#[test]
fn two_walks_under_asymmetric_epoch_by_membarrier_are_snapshots() {
    let scenario = Scenario::new("membarrier: two walks, asymmetric-epoch").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).reader(&[first(1, Movable), first(1, Movable)]);
    scenario.preemptions(2).explore(epoch::<1>);
}

#[test]
fn a_reader_of_asymmetric_epoch_that_comes_and_goes_by_membarrier() {
    let scenario = Scenario::new("membarrier: comes and goes, asymmetric-epoch").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).visitor(&[first(1, Movable), first(1, Movable)]);
    scenario.preemptions(2).explore(epoch::<1>);
}

#[test]
fn two_readers_of_asymmetric_epoch_by_membarrier() {
    let scenario = Scenario::new("membarrier: two readers, asymmetric-epoch").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).reader(&[first(1, Movable)]).reader(&[first(1, Movable)]);
    scenario.preemptions(2).explore(epoch::<2>);
}

/// A reader that is online, quiescent, offline, and online again: of these changes, only going online needs the barrier
/// pair.
#[test]
fn a_reader_of_qsbr_that_comes_and_goes_by_membarrier() {
    let scenario = Scenario::new("membarrier: comes and goes, qsbr").before(&[NORMAL]);
    let scenario = scenario.publisher(&[&[MOVABLE], &[]]).visitor(&[first(1, Movable), first(1, Movable)]);
    scenario.preemptions(2).explore(qsbr::<1>);
}

#[test]
fn a_reader_of_qsbr_is_registered_by_membarrier() {
    let scenario = Scenario::new("membarrier: a walk, qsbr").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    scenario.reader(&[first(1, Movable)]).preemptions(3).explore(qsbr::<1>);
}

#[test]
fn what_is_retired_behind_a_grace_period_by_membarrier_is_met_no_more() {
    explore_retirement("membarrier: a grace period, asymmetric-epoch", Bound::Preemptions(3), epoch::<1>);
}

#[test]
fn what_is_retired_under_qsbr_by_membarrier_is_met_no_more() {
    explore_retirement("membarrier: a grace period, qsbr", Bound::Preemptions(3), qsbr::<1>);
}

#[test]
fn an_allocation_beside_a_grace_period_and_a_drain_by_membarrier() {
    explore_drains("membarrier: allocates, grace", Bound::Preemptions(2), Allocates, Both(2), epoch::<1>);
    explore_drains("membarrier: allocates, grace of qsbr", Bound::Preemptions(2), Allocates, Both(2), qsbr::<1>);
}

#[test]
fn a_free_beside_a_grace_period_and_a_drain_by_membarrier() {
    explore_drains("membarrier: frees, grace", Bound::Preemptions(2), Frees, Both(1), epoch::<1>);
}

#[test]
fn a_handle_is_registered_beside_a_grace_period_and_a_drain_by_membarrier() {
    explore_drains("membarrier: registers, grace", Bound::Preemptions(2), Registers, Both(2), epoch::<1>);
}

#[test]
fn a_slot_of_qsbr_changes_owners_during_a_drain_by_membarrier() {
    explore_drains("membarrier: changes owners under qsbr", Bound::Preemptions(2), ChangesOwners, Drain, qsbr::<1>);
}
