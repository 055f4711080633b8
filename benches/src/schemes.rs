//! The schemes, by name: the one list that all commands and tests go by.

use std::str::FromStr;

use zonelist_core::{
    Capacity, Slot, Slots, StopWorld, StopWorldPreempted,
    publish::{Barrier, Facts, FullFence, Scheme},
};
use zonelist_epoch::{AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::InPlace;
use zonelist_seq::SeqRetry;

/// Seats of every scheme that the commands set up: more than they ever have readers.
pub const SEATS: usize = 16;

/// A scheme that the commands can set up.
pub trait Buildable: Scheme + Send + 'static {
    /// One with room for so much, and nothing published.
    fn build(capacity: Capacity) -> Self;
}

macro_rules! over_slots {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme<Box<[Slot]>> {
            fn build(capacity: Capacity) -> Self {
                Self::new(Slots::boxed(capacity))
            }
        })*
    };
}
over_slots!(StopWorld, StopWorldPreempted, InPlace, SeqRetry);

impl Buildable for EpochSwap {
    fn build(_: Capacity) -> Self {
        Self::new()
    }
}

impl Buildable for AsymmetricEpoch {
    fn build(capacity: Capacity) -> Self {
        Self::boxed(capacity)
    }
}

impl Buildable for Qsbr {
    fn build(capacity: Capacity) -> Self {
        Self::boxed(capacity)
    }
}

/// Something done for each scheme. A visitor, because a scheme is a type.
pub trait Visitor {
    /// What comes of one.
    type Output;

    /// Does it, with the barrier pair that works best here.
    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output;
}

/// Calls a macro with the types of all schemes, the baseline first.
macro_rules! with_schemes {
    ($call:ident) => {
        $call! {
            StopWorld<Box<[Slot]>>,
            StopWorldPreempted<Box<[Slot]>>,
            EpochSwap,
            AsymmetricEpoch,
            Qsbr,
            SeqRetry<Box<[Slot]>>,
            InPlace<Box<[Slot]>>,
        }
    };
}

pub(crate) use with_schemes;

/// One of the schemes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SchemeId(usize);

impl SchemeId {
    /// The facts of every scheme, by place.
    const FACTS: &'static [Facts] = {
        macro_rules! list {
            ($($scheme:ty,)*) => { &[$(<$scheme as Scheme>::FACTS),*] };
        }
        with_schemes!(list)
    };

    /// All of them, the baseline first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        (0..Self::FACTS.len()).map(Self).collect()
    }

    /// What it says of itself.
    #[must_use]
    pub fn facts(self) -> &'static Facts {
        &Self::FACTS[self.0]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().scheme
    }

    /// Sends a visitor to it.
    pub fn visit<V: Visitor>(self, visitor: &mut V) -> V::Output {
        macro_rules! list {
            ($($scheme:ty,)*) => { [$(send::<V, $scheme>),*] };
        }
        let sends: [fn(&mut V) -> V::Output; Self::FACTS.len()] = with_schemes!(list);
        sends[self.0](visitor)
    }
}

/// A name that is no scheme's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected one of {}", SchemeId::all().iter().map(|scheme| scheme.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownScheme;

impl FromStr for SchemeId {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        Self::all().into_iter().find(|scheme| scheme.name() == name).ok_or(UnknownScheme)
    }
}

fn send<V: Visitor, S: Buildable>(visitor: &mut V) -> V::Output {
    #[cfg(all(target_os = "linux", not(loom)))]
    if asymmetric() {
        return visitor.visit::<S, zonelist_core::publish::Membarrier>();
    }
    visitor.visit::<S, FullFence>()
}

/// Whether writers can run a barrier on the readers' CPUs, so that readers need none.
#[must_use]
pub fn asymmetric() -> bool {
    #[cfg(all(target_os = "linux", not(loom)))]
    return zonelist_core::publish::Membarrier::prepare();
    #[cfg(not(all(target_os = "linux", not(loom))))]
    false
}
