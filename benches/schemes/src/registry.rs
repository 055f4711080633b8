//! The schemes, by name: the one list that all commands and tests go by.

use std::str::FromStr;

use seqlock::SeqLock;
use zonelist_core::{
    Capacity, Orders, Slot, Slots, StopWorld, StopWorldPreempted, Zoneref,
    publish::{Barrier, Facts, FullFence, Scheme, SystemBarrier},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_seq::{SeqCopy, SeqRetry};

/// Reader slots of every scheme that the commands set up: more than they ever have readers. One number
/// for all, since each number more compiles the allocator once more.
pub const SEATS: usize = 48;

/// A scheme that the commands can set up.
pub trait Buildable: Scheme + Send + 'static {
    /// One with room for so much, and nothing published. A scheme whose room is part of its type
    /// has what the type has, and refuses what does not fit.
    fn build(capacity: Capacity) -> Self;

    /// Bytes on the heap of one that was built with room for so much, whatever is published through
    /// it; `None` if it depends on that.
    fn heap(capacity: Capacity) -> Option<usize>;

    /// Zones of the longest list that it can hold.
    const LONGEST: usize = usize::MAX;

    /// Sends a visitor to the type of this scheme that suits what it is to hold: for most, this one.
    fn receive<V: Visitor, B: Barrier>(visitor: &mut V) -> V::Output {
        visitor.visit::<Self, B>()
    }
}

macro_rules! over_slots {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme<Box<[Slot]>> {
            fn build(capacity: Capacity) -> Self {
                Self::new(Slots::boxed(capacity))
            }

            fn heap(capacity: Capacity) -> Option<usize> {
                Some(capacity.words() * size_of::<Slot>())
            }
        })*
    };
}
over_slots!(StopWorld, StopWorldPreempted, InPlace, SeqRetry);

impl Buildable for Presence<Box<[Slot]>> {
    fn build(capacity: Capacity) -> Self {
        Self::new(Orders::boxed(capacity))
    }

    fn heap(capacity: Capacity) -> Option<usize> {
        Some(capacity.order_words() * size_of::<Slot>())
    }
}

macro_rules! of_versions {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme {
            fn build(_: Capacity) -> Self {
                Self::new()
            }

            fn heap(_: Capacity) -> Option<usize> {
                None
            }
        })*
    };
}
of_versions!(EpochSwap, ArcSwap);

macro_rules! over_twins {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme {
            fn build(capacity: Capacity) -> Self {
                Self::boxed(capacity)
            }

            fn heap(capacity: Capacity) -> Option<usize> {
                Some(2 * capacity.words() * size_of::<Slot>())
            }
        })*
    };
}
over_twins!(AsymmetricEpoch, Qsbr);

impl<const ZONES: usize> Buildable for SeqCopy<ZONES> {
    fn build(capacity: Capacity) -> Self {
        Self::new(capacity.nodes())
    }

    /// A lock around each list, and around the empty one of all other nodes.
    fn heap(capacity: Capacity) -> Option<usize> {
        Some((2 * capacity.nodes() + 1) * size_of::<SeqLock<[Option<Zoneref>; ZONES]>>())
    }

    /// Its code grows with its room, and the compiler's time with the square of that.
    const LONGEST: usize = 1024;

    /// The smallest of a few sizes with room for the visitor's lists: a walk copies all the room there is.
    /// Longer lists than the largest holds are refused when they are published.
    fn receive<V: Visitor, B: Barrier>(visitor: &mut V) -> V::Output {
        // A constant in each condition: a size that the visitor never needs is not compiled for it.
        let zones = visitor.capacity().zones();
        if const { V::MOST_ZONES <= 8 } || zones <= 8 {
            visitor.visit::<SeqCopy<8>, B>()
        } else if const { V::MOST_ZONES <= 64 } || zones <= 64 {
            visitor.visit::<SeqCopy<64>, B>()
        } else {
            visitor.visit::<SeqCopy<1024>, B>()
        }
    }
}

/// Something done for each scheme. A visitor, because a scheme is a type.
pub trait Visitor {
    /// What comes of one.
    type Output;

    /// Zones of the longest list that any visitor of this type publishes.
    const MOST_ZONES: usize = usize::MAX;

    /// Whether it times what it does. Then the barrier pair is fixed at compile time, and each scheme is compiled for
    /// both; else it is the pair that the system grants at run time, of which readers take a few instructions more.
    const TIMED: bool = false;

    /// What it is going to publish needs no more room than this.
    fn capacity(&self) -> Capacity;

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
            ArcSwap,
            AsymmetricEpoch,
            Qsbr,
            SeqRetry<Box<[Slot]>>,
            SeqCopy<8>,
            InPlace<Box<[Slot]>>,
            Presence<Box<[Slot]>>,
        }
    };
}

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

    /// All names, by place.
    pub(crate) const NAMES: &'static [&'static str] = {
        macro_rules! list {
            ($($scheme:ty,)*) => { &[$(<$scheme as Scheme>::FACTS.scheme),*] };
        }
        with_schemes!(list)
    };

    /// All of them, the baseline first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        (0..Self::FACTS.len()).map(Self).collect()
    }

    /// One of each protocol between readers and writers, for checks that take long.
    #[must_use]
    pub fn one_of_each_protocol() -> Vec<Self> {
        let one_each = ["StopWorld", "StopWorldPreempted", "AsymmetricEpoch", "Qsbr", "InPlace", "ArcSwap"];
        Self::all().into_iter().filter(|scheme| one_each.contains(&scheme.name())).collect()
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

    /// Whether it can hold lists of so much.
    #[must_use]
    pub fn holds(self, capacity: Capacity) -> bool {
        const LONGEST: &[usize] = {
            macro_rules! list {
                ($($scheme:ty,)*) => { &[$(<$scheme as Buildable>::LONGEST),*] };
            }
            with_schemes!(list)
        };
        capacity.zones() <= LONGEST[self.0]
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
    // A constant in each condition: what is never used is not compiled.
    if const { !V::TIMED } {
        return S::receive::<V, SystemBarrier>(visitor);
    }
    #[cfg(all(target_os = "linux", not(loom)))]
    if asymmetric() {
        return S::receive::<V, zonelist_core::publish::Membarrier>(visitor);
    }
    S::receive::<V, FullFence>(visitor)
}

/// Whether writers can run a barrier on the readers' CPUs, so that readers need none.
#[must_use]
pub fn asymmetric() -> bool {
    #[cfg(all(target_os = "linux", not(loom)))]
    return zonelist_core::publish::Membarrier::prepare();
    #[cfg(not(all(target_os = "linux", not(loom))))]
    false
}

/// The name of the barrier pair that the schemes are set up with here.
#[must_use]
pub fn barrier() -> &'static str {
    #[cfg(all(target_os = "linux", not(loom)))]
    if asymmetric() {
        return zonelist_core::publish::Membarrier::name();
    }
    FullFence::name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_but_one_holds_any_list() {
        let held_by = |zones| {
            let capacity = Capacity::new(1024, zones).unwrap();
            let held_by = SchemeId::all().into_iter().filter(move |scheme| scheme.holds(capacity));
            held_by.map(SchemeId::name).collect::<Vec<_>>()
        };
        let all: Vec<_> = SchemeId::all().into_iter().map(SchemeId::name).collect();
        assert_eq!(held_by(1024), all);
        assert_eq!(held_by(3072), all.into_iter().filter(|&name| name != "SeqCopy").collect::<Vec<_>>());
    }
}
