//! Which schemes can retire is in their types; this holds what they say of themselves to it.

use std::marker::PhantomData;

use zonelist_bench::schemes::SchemeId;
use zonelist_core::{
    Slot, StopWorld, StopWorldPreempted,
    publish::{Reclaim, Scheme},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_seq::{SeqCopy, SeqRetry};

/// Asks whether a scheme implements [`Reclaim`]: what a type has itself comes before what a trait gives it.
struct Ask<S>(PhantomData<S>);

impl<S: Reclaim> Ask<S> {
    const RECLAIMS: bool = true;
}

trait Otherwise {
    const RECLAIMS: bool = false;
}

impl<S> Otherwise for Ask<S> {}

#[test]
fn a_scheme_retires_if_it_has_grace_periods() {
    macro_rules! asked {
        ($($scheme:ty),* $(,)?) => {
            [$((<$scheme as Scheme>::FACTS, Ask::<$scheme>::RECLAIMS)),*]
        };
    }
    let asked = asked![
        StopWorld<Box<[Slot]>>,
        StopWorldPreempted<Box<[Slot]>>,
        EpochSwap,
        ArcSwap,
        AsymmetricEpoch,
        Qsbr,
        SeqRetry<Box<[Slot]>>,
        SeqCopy<8>,
        InPlace<Box<[Slot]>>,
        Presence<Box<[Slot]>>,
    ];
    let names = asked.map(|(facts, _)| facts.scheme);
    assert_eq!(names.as_slice(), SchemeId::all().iter().map(|scheme| scheme.name()).collect::<Vec<_>>());
    for (facts, reclaims) in asked {
        assert_eq!(facts.retires, reclaims, "{}", facts.scheme);
    }
}
