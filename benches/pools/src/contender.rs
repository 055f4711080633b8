//! The contenders: the list that the command selects from.

use std::fmt;

use zonelist_schemes::SchemeId;

use super::{
    ours, peers,
    pool::Pool,
    run_config::{RunConfig, WorkloadError},
    workloads::{Outcome, Workload, WorkloadKind},
};

/// A pool with its name, and the workloads that it skips.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The name.
    pub name: &'static str,
    skips: &'static [(WorkloadKind, &'static str)],
    runner: Runner,
}

/// The function that runs a workload.
#[derive(Clone, Copy)]
enum Runner {
    /// Our allocator over a scheme.
    Ours(SchemeId),
    /// A peer.
    Peer(fn(Workload, &RunConfig<'_>) -> Result<Outcome, WorkloadError>),
}

/// The strongest of the peers, which most bounds refer to.
pub const DEPOT: &str = "frame-alloc/depot";

/// The fastest peer at bulk allocations and frees.
pub const BITMAP: &str = "bitmap-allocator";

/// The scheme whose figures are compared with the bounds.
pub const BOUNDED_SCHEME: &str = "InPlace";

/// Our allocator over each scheme, then the peers: all contenders but the baseline.
#[must_use]
pub fn all() -> Vec<Contender> {
    SchemeId::all().into_iter().map(Contender::ours).chain(PEERS.iter().copied()).collect()
}

/// The peers.
///
/// A new peer is an implementation of [`Pool`] and one entry here: `Contender::of::<Mine>("mine")`, with `.without(..)`
/// for workloads that it can't run.
const PEERS: &[Contender] = &[
    Contender::of::<peers::Summary>("frame-alloc/summary"),
    Contender::of::<peers::Depot>(DEPOT),
    Contender::of::<peers::SystemFrames>("buddy_system_allocator/frames"),
    Contender::of::<peers::SystemHeap>("buddy_system_allocator/heap").without(&[
        (WorkloadKind::Bulk, QUADRATIC),
        (WorkloadKind::Half, QUADRATIC),
        (WorkloadKind::Mixed, QUADRATIC),
    ]),
    Contender::of::<peers::Buddy>("buddy-alloc"),
    Contender::new(BITMAP, peers::run_bitmap),
];

/// Workloads that all schemes but the bounded one skip.
const SAME_FOR_SCHEMES: &[(WorkloadKind, &str)] = &[
    (WorkloadKind::Bulk, SCHEME_COST),
    (WorkloadKind::Half, SCHEME_COST),
    (WorkloadKind::Huge, SCHEME_COST),
    (WorkloadKind::Mixed, SCHEME_COST),
    (WorkloadKind::Remote, SCHEME_COST),
];

const SCHEME_COST: &str = "(a) shows the cost of the scheme itself";

const QUADRATIC: &str = "a free searches its list from the front, so that the time is quadratic in the frees";

impl Contender {
    /// Our allocator over a scheme.
    fn ours(scheme: SchemeId) -> Self {
        let skips = if scheme.name() == BOUNDED_SCHEME { &[] } else { SAME_FOR_SCHEMES };
        Self { name: scheme.name(), skips, runner: Runner::Ours(scheme) }
    }

    /// A pool that runs every workload.
    #[must_use]
    pub const fn of<P: Pool>(name: &'static str) -> Self {
        Self::new(name, |workload, config| workload.run::<P>(config))
    }

    /// A contender with a runner of its own, for a pool whose type depends on the configuration.
    const fn new(name: &'static str, run: fn(Workload, &RunConfig<'_>) -> Result<Outcome, WorkloadError>) -> Self {
        Self { name, skips: &[], runner: Runner::Peer(run) }
    }

    /// The same contender without these kinds of workloads, each with the reason.
    #[must_use]
    pub const fn without(self, skips: &'static [(WorkloadKind, &'static str)]) -> Self {
        Self { skips, ..self }
    }

    /// True if this contender's figures are compared with the bounds.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.name == BOUNDED_SCHEME
    }

    /// Kinds of workloads that it skips, each with the reason.
    #[must_use]
    pub fn skips(&self) -> &'static [(WorkloadKind, &'static str)] {
        self.skips
    }

    /// True if it runs workloads of this kind.
    #[must_use]
    pub fn runs(&self, kind: WorkloadKind) -> bool {
        self.skips.iter().all(|&(skipped, _)| skipped != kind)
    }

    /// Runs a workload once; `None` if the contender skips it.
    ///
    /// # Errors
    /// See [`Workload::run`].
    pub fn run(&self, workload: Workload, config: &RunConfig<'_>) -> Result<Option<Outcome>, WorkloadError> {
        match self.runner {
            _ if !self.runs(workload.kind) => Ok(None),
            Runner::Ours(_) if self.is_bounded() => ours::run_bounded(workload, config).map(Some),
            Runner::Ours(scheme) => ours::run_pairs(scheme, workload, config).map(Some),
            Runner::Peer(run) => run(workload, config).map(Some),
        }
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
