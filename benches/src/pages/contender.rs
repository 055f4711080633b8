//! The contenders: the one list that the command goes by.

use std::fmt;

use super::{
    Kind, Outcome, Pool, Trial,
    course::{Course, TrialError},
    peers,
};

/// A pool under its name.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The name.
    pub name: &'static str,
    /// Whether the bounds are for it.
    pub bounded: bool,
    /// Trials that it does not take part in, and why.
    pub skips: &'static [(Kind, &'static str)],
    run: fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>,
}

/// The strongest of the peers, which bounds are set against.
pub const DEPOT: &str = "frame-alloc/depot";

/// The peer that allocates and frees many frames fastest.
pub const BITMAP: &str = "bitmap-allocator";

/// All contenders but the floor.
///
/// Another one is a line here and an implementation of [`Pool`]: `Contender::of::<Mine>("mine")`,
/// with `.bounded()` if the bounds are for it, and `.without(..)` the trials it is not for.
pub const ALL: &[Contender] = &[
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

const QUADRATIC: &str = "a free searches its list from the front, so that many frees take time by their square";

impl Contender {
    /// A pool that takes part in everything.
    #[must_use]
    pub const fn of<P: Pool>(name: &'static str) -> Self {
        Self::new(name, |trial, course| trial.run::<P>(course))
    }

    /// A pool that is made in another way.
    const fn new(name: &'static str, run: fn(Trial, &Course<'_>) -> Result<Outcome, TrialError>) -> Self {
        Self { name, bounded: false, skips: &[], run }
    }

    /// The same, but for these kinds of trials.
    #[must_use]
    pub const fn without(self, skips: &'static [(Kind, &'static str)]) -> Self {
        Self { skips, ..self }
    }

    /// The same, and the bounds are for it.
    #[must_use]
    pub const fn bounded(self) -> Self {
        Self { bounded: true, ..self }
    }

    /// Whether it takes part.
    #[must_use]
    pub fn takes_part(&self, kind: Kind) -> bool {
        self.skips.iter().all(|&(skipped, _)| skipped != kind)
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
