//! The contenders: the one list that the command goes by.

use std::fmt;

use zonelist_core::{Slot, StopWorld, StopWorldPreempted};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_inplace::{InPlace, Presence};
use zonelist_seq::{SeqCopy, SeqRetry};

use super::{
    Kind, Outcome, Pool, Trial,
    course::{Course, TrialError},
    ours, peers,
};
use crate::schemes::{Buildable, with_schemes};

/// A pool under its name.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The name.
    pub name: &'static str,
    skips: &'static [(Kind, &'static str)],
    run: fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>,
}

/// The strongest of the peers, which bounds are set against.
pub const DEPOT: &str = "frame-alloc/depot";

/// The peer that allocates and frees many frames fastest.
pub const BITMAP: &str = "bitmap-allocator";

/// The scheme that the bounds are for.
pub const BOUNDED: &str = "InPlace";

/// Our allocator with each scheme, and the peers: all contenders but the floor.
///
/// Another one is a line here and an implementation of [`Pool`]: `Contender::of::<Mine>("mine")`, with
/// `.without(..)` the trials it is not for.
pub const ALL: &[Contender] = {
    macro_rules! with_peers {
        ($($scheme:ty,)*) => {
            &[
                $(Contender::ours::<$scheme>(),)*
                Contender::of::<peers::Summary>("frame-alloc/summary"),
                Contender::of::<peers::Depot>(DEPOT),
                Contender::of::<peers::SystemFrames>("buddy_system_allocator/frames"),
                Contender::of::<peers::SystemHeap>("buddy_system_allocator/heap").without(&[
                    (Kind::Bulk, QUADRATIC),
                    (Kind::Half, QUADRATIC),
                    (Kind::Mixed, QUADRATIC),
                ]),
                Contender::of::<peers::Buddy>("buddy-alloc"),
                Contender::new(BITMAP, peers::run_bitmap),
            ]
        };
    }
    with_schemes!(with_peers)
};

/// What a scheme does not take part in, unless the bounds are for it.
const SHARES: &[(Kind, &str)] =
    &[(Kind::Bulk, SHARE), (Kind::Half, SHARE), (Kind::Huge, SHARE), (Kind::Mixed, SHARE), (Kind::Remote, SHARE)];

const SHARE: &str = "a scheme's own share shows in (a)";

const QUADRATIC: &str = "a free searches its list from the front, so that many frees take time by their square";

impl Contender {
    /// Our allocator with a scheme.
    const fn ours<S: Buildable>() -> Self {
        Self::new(S::FACTS.scheme, ours::run::<S>).without(SHARES)
    }

    /// A pool that takes part in everything.
    #[must_use]
    pub const fn of<P: Pool>(name: &'static str) -> Self {
        Self::new(name, |trial, course| trial.run::<P>(course))
    }

    /// A pool that is made in another way.
    const fn new(name: &'static str, run: fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>) -> Self {
        Self { name, skips: &[], run }
    }

    /// The same, but for these kinds of trials.
    #[must_use]
    pub const fn without(self, skips: &'static [(Kind, &'static str)]) -> Self {
        Self { skips, ..self }
    }

    /// Whether the bounds are for it.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.name == BOUNDED
    }

    /// Trials that it does not take part in, and why.
    #[must_use]
    pub fn skips(&self) -> &'static [(Kind, &'static str)] {
        if self.is_bounded() { &[] } else { self.skips }
    }

    /// Whether it takes part.
    #[must_use]
    pub fn takes_part(&self, kind: Kind) -> bool {
        self.skips().iter().all(|&(skipped, _)| skipped != kind)
    }

    /// Runs a trial once.
    ///
    /// # Errors
    /// See [`Trial::run`].
    pub fn run(&self, trial: Trial, course: &Course<'_>) -> Result<Outcome, TrialError> {
        (self.run)(trial, course)
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
