//! The schemes, by name: the one list that all commands and tests go by.

use zonelist_core::{
    Capacity, Slot, Slots, StopWorld, StopWorldPreempted,
    publish::{Barrier, Facts, FullFence, Scheme},
};
use zonelist_epoch::EpochSwap;
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

/// Something done for each scheme. A visitor, because a scheme is a type.
pub trait Visitor {
    /// What comes of one.
    type Output;

    /// Does it, with the barrier pair that works best here.
    fn visit<S: Buildable, B: Barrier>(&mut self) -> Self::Output;
}

/// A scheme's facts, and how to send a visitor there.
#[derive(Debug)]
pub struct Entry<V: Visitor> {
    /// What it says of itself.
    pub facts: Facts,
    /// Sends a visitor.
    pub send: fn(&mut V) -> V::Output,
}

/// Every scheme, the baseline first.
#[must_use]
pub fn all<V: Visitor>() -> Vec<Entry<V>> {
    macro_rules! entries {
        ($($scheme:ty),* $(,)?) => {
            vec![$(Entry { facts: <$scheme as Scheme>::FACTS, send: send::<V, $scheme> }),*]
        };
    }
    entries![
        StopWorld<Box<[Slot]>>,
        StopWorldPreempted<Box<[Slot]>>,
        EpochSwap,
        SeqRetry<Box<[Slot]>>,
        InPlace<Box<[Slot]>>,
    ]
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

/// The facts of every scheme.
#[must_use]
pub fn facts() -> Vec<Facts> {
    struct Nobody;
    impl Visitor for Nobody {
        type Output = ();
        fn visit<S: Buildable, B: Barrier>(&mut self) {}
    }
    all::<Nobody>().into_iter().map(|entry| entry.facts).collect()
}
