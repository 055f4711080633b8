//! Leaked guards: their critical sections end when their readers are dropped, under every scheme.

use zonelist_core::{
    conformance::{Sample, basics},
    publish::{Platform, Published, ReaderSlots, Reclaim, Scheme},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

/// Publishes proceed after a leak.
struct Publishes;

impl Visitor for Publishes {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> bool {
        basics::a_leaked_guard_goes_with_its_reader(&Published::<S, P>::with_platform(
            S::build(Sample::CAPACITY),
            ReaderSlots::boxed(2),
        ));
        S::FACTS.retires
    }
}

/// After a leak, grace periods proceed. Returns the scheme's name.
fn reclaims<S: Buildable + Reclaim>() -> &'static str {
    basics::a_leaked_guard_holds_up_no_grace_period(&Published::<S>::with_slots(
        S::build(Sample::CAPACITY),
        ReaderSlots::boxed(2),
    ));
    <S as Scheme>::FACTS.scheme
}

#[test]
fn a_leaked_guard_goes_with_its_reader_under_every_scheme() {
    let retiring: Vec<&str> =
        SchemeId::all().into_iter().filter(|scheme| scheme.visit(&mut Publishes)).map(|scheme| scheme.name()).collect();
    let mut tried = vec![
        reclaims::<StopWorld<Box<[Slot]>>>(),
        reclaims::<EpochSwap>(),
        reclaims::<ArcSwap>(),
        reclaims::<AsymmetricEpoch>(),
        reclaims::<Qsbr>(),
    ];
    tried.sort_by_key(|scheme| retiring.iter().position(|retires| retires == scheme));
    assert_eq!(tried, retiring, "every scheme with grace periods is tested");
}
