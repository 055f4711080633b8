//! The workloads (a) to (f): what is requested of a pool, and what of it is timed.

mod bulk;
mod half;
mod mixed;
mod outcome;
pub(super) mod pairs;
mod remote;

pub use outcome::{HugeShare, Outcome, ideal_huge_blocks};

use super::{
    baseline::Baseline,
    pool::{HUGE_ORDER, Pool},
    run_config::{RunConfig, WorkloadError},
};

/// The kind of a workload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum WorkloadKind {
    /// (a) One frame is allocated and freed, repeatedly.
    Hot,
    /// (b) 64 Ki frames are allocated, then freed in a random sequence.
    Bulk,
    /// (c) With half of the frames allocated, at random, one is freed and another allocated.
    Half,
    /// (d) As (a), with blocks of order 9.
    Huge,
    /// (e) Blocks of all orders are allocated and freed at random; then the free blocks of order 9 are counted.
    Mixed,
    /// (f) One thread allocates, another frees.
    Remote,
}

impl WorkloadKind {
    /// All kinds, by their letters.
    pub const ALL: [Self; 6] = [Self::Hot, Self::Bulk, Self::Half, Self::Huge, Self::Mixed, Self::Remote];

    /// The name on the command line, the letter, and a description.
    #[must_use]
    pub const fn named(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Hot => ("hot", "a", "(a) One frame is allocated and freed, repeatedly"),
            Self::Bulk => ("bulk", "b", "(b) 64 Ki frames are allocated, then freed in a random sequence"),
            Self::Half => {
                ("half", "c", "(c) With half of the frames allocated, at random, one is freed and another allocated")
            }
            Self::Huge => ("huge", "d", "(d) As (a), with blocks of order 9"),
            Self::Mixed => (
                "mixed",
                "e",
                "(e) Blocks of all orders are allocated and freed at random; then the free blocks of order 9 are counted",
            ),
            Self::Remote => ("remote", "f", "(f) One thread allocates, another frees"),
        }
    }
}

/// A kind of workload with its number of threads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Workload {
    /// What is requested.
    pub kind: WorkloadKind,
    /// Threads that run it.
    pub threads: usize,
}

impl Workload {
    /// All workloads, by the columns of the tables.
    pub const ALL: [Self; 10] = [
        Self { kind: WorkloadKind::Hot, threads: 1 },
        Self { kind: WorkloadKind::Hot, threads: 2 },
        Self { kind: WorkloadKind::Bulk, threads: 1 },
        Self { kind: WorkloadKind::Bulk, threads: 2 },
        Self { kind: WorkloadKind::Half, threads: 1 },
        Self { kind: WorkloadKind::Half, threads: 2 },
        Self { kind: WorkloadKind::Huge, threads: 1 },
        Self { kind: WorkloadKind::Huge, threads: 2 },
        Self { kind: WorkloadKind::Mixed, threads: 1 },
        Self { kind: WorkloadKind::Remote, threads: 2 },
    ];

    /// The key in JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match (self.kind, self.threads) {
            (WorkloadKind::Hot, 1) => "hot_1",
            (WorkloadKind::Hot, _) => "hot_2",
            (WorkloadKind::Bulk, 1) => "bulk_1",
            (WorkloadKind::Bulk, _) => "bulk_2",
            (WorkloadKind::Half, 1) => "half_1",
            (WorkloadKind::Half, _) => "half_2",
            (WorkloadKind::Huge, 1) => "huge_1",
            (WorkloadKind::Huge, _) => "huge_2",
            (WorkloadKind::Mixed, _) => "mixed",
            (WorkloadKind::Remote, _) => "remote",
        }
    }

    /// The title in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match (self.kind, self.threads) {
            (WorkloadKind::Hot, 1) => "(a) hot",
            (WorkloadKind::Hot, _) => "(a) 2 thr",
            (WorkloadKind::Bulk, 1) => "(b) bulk",
            (WorkloadKind::Bulk, _) => "(b) 2 thr",
            (WorkloadKind::Half, 1) => "(c) half",
            (WorkloadKind::Half, _) => "(c) 2 thr",
            (WorkloadKind::Huge, 1) => "(d) huge",
            (WorkloadKind::Huge, _) => "(d) 2 thr",
            (WorkloadKind::Mixed, _) => "(e) mixed",
            (WorkloadKind::Remote, _) => "(f) remote",
        }
    }

    /// Runs the workload once, on a new pool.
    ///
    /// # Errors
    /// The pool can't be set up, or a thread fails.
    pub fn run<P: Pool>(self, config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
        let config = &RunConfig { threads: self.threads, ..*config };
        match self.kind {
            WorkloadKind::Hot => pairs::run::<P>(config, 0),
            WorkloadKind::Bulk => bulk::run::<P>(config),
            WorkloadKind::Half => half::run::<P>(config),
            WorkloadKind::Huge => pairs::run::<P>(config, HUGE_ORDER),
            WorkloadKind::Mixed => mixed::run::<P>(config),
            WorkloadKind::Remote => remote::run::<P>(config),
        }
    }

    /// Runs the baseline of the workload once; `None` for (e), which has none.
    ///
    /// # Errors
    /// A thread fails.
    pub fn run_baseline(self, config: &RunConfig<'_>) -> Result<Option<Outcome>, WorkloadError> {
        match self.kind {
            WorkloadKind::Mixed => Ok(None),
            WorkloadKind::Remote => remote::queue_alone(config).map(Some),
            _ => self.run::<Baseline>(config).map(Some),
        }
    }
}
