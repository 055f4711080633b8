//! The trials (a) to (f): what is asked of a pool, and what of it is timed.

mod bulk;
mod half;
mod mixed;
pub(super) mod pairs;
mod remote;

pub use mixed::{Left, ideal};

use super::{
    Pool,
    clock::Span,
    course::{Course, TrialError},
    floor::Floor,
};

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// (a) A frame is allocated and freed, over and over.
    Hot,
    /// (b) 64 Ki frames are allocated, then freed in random order.
    Bulk,
    /// (c) Half of the frames are taken, scattered; one of them is freed, another allocated.
    Half,
    /// (d) As (a), with blocks of order 9.
    Huge,
    /// (e) Blocks of all orders come and go at random; then the blocks of order 9 that are left are counted.
    Mixed,
    /// (f) One thread allocates, another frees.
    Remote,
}

impl Kind {
    /// All of them, in the order of their letters.
    pub const ALL: [Self; 6] = [Self::Hot, Self::Bulk, Self::Half, Self::Huge, Self::Mixed, Self::Remote];

    /// Its name on the command line, its letter, and what is done.
    #[must_use]
    pub const fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Hot => ("hot", "a", "(a) A frame is allocated and freed, over and over"),
            Self::Bulk => ("bulk", "b", "(b) 64 Ki frames are allocated, then freed in random order"),
            Self::Half => {
                ("half", "c", "(c) Half of the frames are taken, scattered; one of them is freed, another allocated")
            }
            Self::Huge => ("huge", "d", "(d) As (a), with blocks of order 9"),
            Self::Mixed => (
                "mixed",
                "e",
                "(e) Blocks of all orders come and go at random; then the blocks of order 9 that are left are counted",
            ),
            Self::Remote => ("remote", "f", "(f) One thread allocates, another frees"),
        }
    }
}

/// A kind of trial, on so many threads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Trial {
    /// What is done.
    pub kind: Kind,
    /// By how many.
    pub threads: usize,
}

/// What a pool did in one round of a trial.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// The time.
    pub span: Span,
    /// In (e): the blocks of order 9 that could still be allocated.
    pub left: Option<Left>,
}

impl Trial {
    /// All of them, as the tables have them.
    pub const ALL: [Self; 10] = [
        Self { kind: Kind::Hot, threads: 1 },
        Self { kind: Kind::Hot, threads: 2 },
        Self { kind: Kind::Bulk, threads: 1 },
        Self { kind: Kind::Bulk, threads: 2 },
        Self { kind: Kind::Half, threads: 1 },
        Self { kind: Kind::Half, threads: 2 },
        Self { kind: Kind::Huge, threads: 1 },
        Self { kind: Kind::Huge, threads: 2 },
        Self { kind: Kind::Mixed, threads: 1 },
        Self { kind: Kind::Remote, threads: 2 },
    ];

    /// Its name, for programs.
    #[must_use]
    pub fn key(self) -> &'static str {
        match (self.kind, self.threads) {
            (Kind::Hot, 1) => "hot_1",
            (Kind::Hot, _) => "hot_2",
            (Kind::Bulk, 1) => "bulk_1",
            (Kind::Bulk, _) => "bulk_2",
            (Kind::Half, 1) => "half_1",
            (Kind::Half, _) => "half_2",
            (Kind::Huge, 1) => "huge_1",
            (Kind::Huge, _) => "huge_2",
            (Kind::Mixed, _) => "mixed",
            (Kind::Remote, _) => "remote",
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match (self.kind, self.threads) {
            (Kind::Hot, 1) => "(a) hot",
            (Kind::Hot, _) => "(a) 2 thr",
            (Kind::Bulk, 1) => "(b) bulk",
            (Kind::Bulk, _) => "(b) 2 thr",
            (Kind::Half, 1) => "(c) half",
            (Kind::Half, _) => "(c) 2 thr",
            (Kind::Huge, 1) => "(d) huge",
            (Kind::Huge, _) => "(d) 2 thr",
            (Kind::Mixed, _) => "(e) mixed",
            (Kind::Remote, _) => "(f) remote",
        }
    }

    /// Runs it once, on a pool of its own.
    ///
    /// # Errors
    /// The pool can't be set up, or a thread fails.
    pub fn run<P: Pool>(self, course: &Course<'_>) -> Result<Outcome, TrialError> {
        let course = &Course { threads: self.threads, ..*course };
        match self.kind {
            Kind::Hot => pairs::run::<P>(course, 0),
            Kind::Bulk => bulk::run::<P>(course),
            Kind::Half => half::run::<P>(course),
            Kind::Huge => pairs::run::<P>(course, HUGE),
            Kind::Mixed => mixed::run::<P>(course),
            Kind::Remote => remote::run::<P>(course),
        }
    }

    /// Runs the floor under it once, where there is one.
    ///
    /// # Errors
    /// A thread fails.
    pub fn run_floor(self, course: &Course<'_>) -> Result<Option<Outcome>, TrialError> {
        match self.kind {
            Kind::Mixed => Ok(None),
            Kind::Remote => remote::queue_alone(course).map(Some),
            _ => self.run::<Floor>(course).map(Some),
        }
    }
}

/// The order of 2 MiB, which (d) asks for and (e) counts.
const HUGE: u8 = 9;

/// One pool's threads taken together.
fn sum(spans: Vec<Span>) -> Outcome {
    Outcome { span: spans.into_iter().fold(Span::default(), |sum, span| sum + span), left: None }
}
