//! The registry of schemes: the one list, by name, that all commands and tests use.

use std::{
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use seqlock::SeqLock;
use zonelist_core::{
    Zoneref,
    publish::{Barrier, Facts, FullFence, Parts, Platform, Published, Scheme, Standard, SystemBarrier, WaitError},
    stop_world::{StopWorld, StopWorldPreempted},
    sync::Spin,
    table::{Capacity, OrderTables, Slot, Slots},
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_seq::{SeqCopy, SeqRetry};

/// Reader slots of every scheme that the commands set up: more than they ever have readers. One number for all, since
/// the allocator is compiled for each number.
pub const READERS: usize = 48;

/// A scheme that the commands can set up.
pub trait Buildable: Scheme + Send + 'static {
    /// A scheme with room for `capacity`, and nothing published. A capacity that is part of the type has precedence: a
    /// publish then refuses larger lists.
    fn build(capacity: Capacity) -> Self;

    /// Bytes on the heap of a scheme with room for `capacity`; `None` if they depend on what is published.
    fn heap_bytes(capacity: Capacity) -> Option<usize>;

    /// Zones of the longest list that the scheme can hold.
    const MAX_ZONES: usize = usize::MAX;

    /// Waits for a grace period, by [`Published::synchronize`]. `None` if the scheme has no grace periods.
    fn synchronize<P: Platform<Lock = Spin>>(published: &Published<Self, P>) -> Option<Result<(), WaitError>> {
        let _ = published;
        None
    }

    /// Calls the visitor with the type of this scheme that suits the visitor's lists: for most schemes, `Self`.
    fn accept<V: Visitor, P: Platform<Lock = Spin>>(visitor: &mut V) -> V::Output {
        visitor.visit::<Self, P>()
    }
}

/// The method of schemes that have grace periods.
macro_rules! grace_periods {
    () => {
        fn synchronize<P: Platform<Lock = Spin>>(published: &Published<Self, P>) -> Option<Result<(), WaitError>> {
            Some(published.synchronize())
        }
    };
}

macro_rules! over_slots {
    ($($scheme:ident $($method:ident)?),*) => {
        $(impl Buildable for $scheme<Box<[Slot]>> {
            $($method! {})?

            fn build(capacity: Capacity) -> Self {
                Self::new(Slots::boxed(capacity))
            }

            fn heap_bytes(capacity: Capacity) -> Option<usize> {
                Some(capacity.words() * size_of::<Slot>())
            }
        })*
    };
}
over_slots!(StopWorld grace_periods, StopWorldPreempted, InPlace, SeqRetry);

impl Buildable for Presence<Box<[Slot]>> {
    fn build(capacity: Capacity) -> Self {
        Self::new(OrderTables::boxed(capacity))
    }

    fn heap_bytes(capacity: Capacity) -> Option<usize> {
        Some(capacity.order_words() * size_of::<Slot>())
    }
}

macro_rules! of_versions {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme {
            grace_periods! {}

            fn build(_: Capacity) -> Self {
                Self::new()
            }

            fn heap_bytes(_: Capacity) -> Option<usize> {
                None
            }
        })*
    };
}
of_versions!(EpochSwap, ArcSwap);

macro_rules! double_buffered {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme {
            grace_periods! {}

            fn build(capacity: Capacity) -> Self {
                Self::boxed(capacity)
            }

            fn heap_bytes(capacity: Capacity) -> Option<usize> {
                Some(2 * capacity.words() * size_of::<Slot>())
            }
        })*
    };
}
double_buffered!(AsymmetricEpoch, Qsbr);

impl<const ZONES: usize> Buildable for SeqCopy<ZONES> {
    fn build(capacity: Capacity) -> Self {
        Self::new(capacity.nodes())
    }

    /// A lock for each list, and for the empty list of all other nodes.
    fn heap_bytes(capacity: Capacity) -> Option<usize> {
        Some((2 * capacity.nodes() + 1) * size_of::<SeqLock<[Option<Zoneref>; ZONES]>>())
    }

    /// The code grows with this number, and the compiler's time with its square.
    const MAX_ZONES: usize = 1024;

    /// Calls the visitor with the smallest of a few sizes that has room for its lists, since a walk copies that size. A
    /// publish refuses lists that are longer than the largest size.
    fn accept<V: Visitor, P: Platform<Lock = Spin>>(visitor: &mut V) -> V::Output {
        // A constant in each condition, so that a size that the visitor never needs is not compiled for it.
        let zones = visitor.capacity().zones();
        if const { V::MAX_ZONES <= 8 } || zones <= 8 {
            visitor.visit::<SeqCopy<8>, P>()
        } else if const { V::MAX_ZONES <= 64 } || zones <= 64 {
            visitor.visit::<SeqCopy<64>, P>()
        } else {
            visitor.visit::<SeqCopy<1024>, P>()
        }
    }
}

/// Code that is run with any scheme. A visitor, since a scheme is a type.
pub trait Visitor {
    /// The result for one scheme.
    type Output;

    /// Zones of the longest list that any visitor of this type publishes.
    const MAX_ZONES: usize = usize::MAX;

    /// True if the visitor measures time. Then the barrier pair is fixed at compile time, and each scheme is compiled
    /// for both pairs. Otherwise the pair is chosen at run time, which costs readers a few instructions.
    const TIMED: bool = false;

    /// The room that suffices for all lists that the visitor publishes.
    fn capacity(&self) -> Capacity;

    /// Runs with one scheme, and with the best barrier pair that the system grants.
    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output;
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

/// A scheme, by its position in the registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SchemeId(usize);

impl SchemeId {
    /// The facts of every scheme, by position.
    const FACTS: &'static [Facts] = {
        macro_rules! list {
            ($($scheme:ty,)*) => { &[$(<$scheme as Scheme>::FACTS),*] };
        }
        with_schemes!(list)
    };

    /// The name of every scheme, by position.
    pub(crate) const NAMES: &'static [&'static str] = {
        macro_rules! list {
            ($($scheme:ty,)*) => { &[$(<$scheme as Scheme>::FACTS.scheme),*] };
        }
        with_schemes!(list)
    };

    /// All schemes, the baseline first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        (0..Self::FACTS.len()).map(Self).collect()
    }

    /// One scheme of each protocol between readers and writers, for checks that take long.
    #[must_use]
    pub fn one_of_each_protocol() -> Vec<Self> {
        let one_each = ["StopWorld", "StopWorldPreempted", "AsymmetricEpoch", "Qsbr", "InPlace", "ArcSwap"];
        Self::all().into_iter().filter(|scheme| one_each.contains(&scheme.name())).collect()
    }

    /// The scheme's facts.
    #[must_use]
    pub fn facts(self) -> &'static Facts {
        &Self::FACTS[self.0]
    }

    /// The scheme's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().scheme
    }

    /// True if the scheme can hold lists of this capacity.
    #[must_use]
    pub fn holds(self, capacity: Capacity) -> bool {
        const LONGEST: &[usize] = {
            macro_rules! list {
                ($($scheme:ty,)*) => { &[$(<$scheme as Buildable>::MAX_ZONES),*] };
            }
            with_schemes!(list)
        };
        capacity.zones() <= LONGEST[self.0]
    }

    /// Calls the visitor with the scheme's type.
    pub fn visit<V: Visitor>(self, visitor: &mut V) -> V::Output {
        macro_rules! list {
            ($($scheme:ty,)*) => { [$(dispatch::<V, $scheme>),*] };
        }
        let dispatchers: [fn(&mut V) -> V::Output; Self::FACTS.len()] = with_schemes!(list);
        dispatchers[self.0](visitor)
    }
}

/// A name that no scheme has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected one of {}", SchemeId::all().iter().map(|scheme| scheme.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownScheme;

impl FromStr for SchemeId {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        Self::all().into_iter().find(|scheme| scheme.name() == name).ok_or(UnknownScheme)
    }
}

/// Calls the visitor with a scheme, and with the barrier pair that [`Visitor::TIMED`] selects.
fn dispatch<V: Visitor, S: Buildable>(visitor: &mut V) -> V::Output {
    // A constant in the condition, so that the other branch is not compiled for the visitor.
    if const { !V::TIMED } {
        return S::accept::<V, Parts<SystemBarrier>>(visitor);
    }
    #[cfg(all(target_os = "linux", not(loom)))]
    if asymmetric() {
        return S::accept::<V, Parts<zonelist_core::publish::Membarrier>>(visitor);
    }
    S::accept::<V, Standard>(visitor)
}

/// True if this process uses full fences also where membarrier(2) works.
static FULL_FENCES: AtomicBool = AtomicBool::new(false);

/// From now on timed visitors get full fences, as on a system without membarrier(2). To be called before the first visit.
pub fn use_full_fences() {
    FULL_FENCES.store(true, Relaxed);
}

/// True if writers can run a barrier on the readers' CPUs by membarrier(2), so that readers need no fence, and if
/// [`use_full_fences`] was not called.
#[must_use]
pub fn asymmetric() -> bool {
    #[cfg(all(target_os = "linux", not(loom)))]
    return !FULL_FENCES.load(Relaxed) && zonelist_core::publish::Membarrier::prepare();
    #[cfg(not(all(target_os = "linux", not(loom))))]
    false
}

/// The name of the barrier pair that timed visitors get on this system.
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
