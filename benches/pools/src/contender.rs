//! The contenders: the one list that the command goes by.

use std::fmt;

use zonelist_schemes::SchemeId;

use super::{
    Kind, Outcome, Pool, Trial,
    course::{Course, TrialError},
    ours, peers,
};

/// A pool under its name.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The name.
    pub name: &'static str,
    skips: &'static [(Kind, &'static str)],
    how: How,
}

/// What runs a trial.
#[derive(Clone, Copy)]
enum How {
    /// Our allocator over a scheme.
    Ours(SchemeId),
    /// Another one.
    Peer(fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>),
}

/// The strongest of the peers, which bounds are set against.
pub const DEPOT: &str = "frame-alloc/depot";

/// The peer that allocates and frees many frames fastest.
pub const BITMAP: &str = "bitmap-allocator";

/// The scheme that the bounds are for.
pub const BOUNDED: &str = "InPlace";

/// Our allocator with each scheme, and the peers: all contenders but the floor.
#[must_use]
pub fn all() -> Vec<Contender> {
    SchemeId::all().into_iter().map(Contender::ours).chain(PEERS.iter().copied()).collect()
}

/// The peers.
///
/// Another one is a line here and an implementation of [`Pool`]: `Contender::of::<Mine>("mine")`, with
/// `.without(..)` the trials it is not for.
const PEERS: &[Contender] = &[
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
];

/// What a scheme does not take part in, unless the bounds are for it.
const SHARES: &[(Kind, &str)] =
    &[(Kind::Bulk, SHARE), (Kind::Half, SHARE), (Kind::Huge, SHARE), (Kind::Mixed, SHARE), (Kind::Remote, SHARE)];

const SHARE: &str = "a scheme's own share shows in (a)";

const QUADRATIC: &str = "a free searches its list from the front, so that many frees take time by their square";

impl Contender {
    /// Our allocator over a scheme.
    fn ours(scheme: SchemeId) -> Self {
        let skips = if scheme.name() == BOUNDED { &[] } else { SHARES };
        Self { name: scheme.name(), skips, how: How::Ours(scheme) }
    }

    /// A pool that takes part in everything.
    #[must_use]
    pub const fn of<P: Pool>(name: &'static str) -> Self {
        Self::new(name, |trial, course| trial.run::<P>(course))
    }

    /// A pool that is made in another way.
    const fn new(name: &'static str, run: fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>) -> Self {
        Self { name, skips: &[], how: How::Peer(run) }
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
        self.skips
    }

    /// Whether it takes part.
    #[must_use]
    pub fn takes_part(&self, kind: Kind) -> bool {
        self.skips.iter().all(|&(skipped, _)| skipped != kind)
    }

    /// Runs a trial once; `None` if it takes no part in it.
    ///
    /// # Errors
    /// See [`Trial::run`].
    pub fn run(&self, trial: Trial, course: &Course<'_>) -> Result<Option<Outcome>, TrialError> {
        match self.how {
            _ if !self.takes_part(trial.kind) => Ok(None),
            How::Ours(_) if self.is_bounded() => ours::run_bounded(trial, course).map(Some),
            How::Ours(scheme) => ours::run_pairs(scheme, trial, course).map(Some),
            How::Peer(run) => run(trial, course).map(Some),
        }
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
