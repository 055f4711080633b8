//! Loom models of a scheme's real code: every interleaving of publishes and walks, judged.
//!
//! Exists under `--cfg loom` only. A [`Scenario`] lists what each thread does. [`Scenario::explore`] runs it in every
//! interleaving that threads and the memory model allow, and fails if a walk breaks the scheme's guarantee.
//!
//! ```text
//!   for each interleaving:
//!     make the scheme anew; publish the versions of `before`
//!     at once: each publisher publishes its lists, each reader does its walks
//!     join all threads
//!     for each walk:
//!       judge it beside all versions; fail if the verdict breaks the guarantee
//!       keep the shortest timeline of each anomaly
//! ```
//!
//! Nothing here adds ordering between the threads of a model. Records are kept in plain std cells, which loom does not
//! see, and all that runs at the same time is stamped as unordered.

use std::{
    string::String,
    sync::{Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

mod diagnose;
mod drains;
mod explore;
mod failure_search;
mod first_zones;
mod grace;
mod interrupts;
mod names;
mod probe;
mod races;
mod run;
pub mod suite;
mod timeline;

pub use drains::{ReaderRole, Requesters, explore_drains, explore_drains_beside_synchronize};
pub use explore::{Bound, Explored, explore};
pub use failure_search::{FailureSearch, search_failures, search_interrupts};
pub use first_zones::{explore_failed_publish, explore_handle, explore_operations, explore_torn_walk};
pub use grace::explore_retirement;
pub use probe::probe;
pub use races::{Races, Refused, explore_races, explore_refusals};
pub use run::Found;
pub use timeline::Timeline;

use crate::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{Platform, PublishError, Published, ReaderSlots, Scheme, Version},
    sync::traced::membarrier,
    zonelist::NodeSpan,
};

/// A zone of a model's lists, by kind and node.
pub type Zone = (ZoneKind, u16);

/// The node whose lists models publish and walk.
pub const NODE: u16 = 0;

/// Length of the longest list that a model's table needs room for.
pub const ZONES: usize = super::ROOM.zones();

pub use super::ROOM;

/// The zone that comes first in most lists, and that few requests admit.
pub const MOVABLE: Zone = (ZoneKind::Movable, NODE);
/// The zone that serves every request of a model.
pub const NORMAL: Zone = (ZoneKind::Normal, NODE);
/// A zone of another node, which comes last in most lists.
pub const OTHER: Zone = (ZoneKind::Normal, 1);

/// One walk of a reader: its request, and how much of the list it reads.
#[derive(Clone, Copy, Debug)]
pub struct WalkPlan {
    request: Request,
    /// The walk is left after this number of zonerefs.
    leave_after: Option<usize>,
    /// After this number of zonerefs the rest is read twice, and only the second pass counts.
    resumed_after: Option<usize>,
    /// The first zone alone is read, by the reader's memory of it.
    remembered: bool,
}

/// A walk to the end, for a request of all zones up to a kind.
#[must_use]
pub const fn full(highest: ZoneKind) -> WalkPlan {
    WalkPlan { request: Request::up_to(highest), leave_after: None, resumed_after: None, remembered: false }
}

/// A walk that is left after `zonerefs` zonerefs.
#[must_use]
pub const fn first(zonerefs: usize, highest: ZoneKind) -> WalkPlan {
    WalkPlan { leave_after: Some(zonerefs), ..full(highest) }
}

/// A read of the first zone by the reader's memory of it, which is empty before the reader's first such read. All of
/// them have the same request.
#[must_use]
pub const fn remembered(highest: ZoneKind) -> WalkPlan {
    WalkPlan { remembered: true, ..first(1, highest) }
}

/// A walk that keeps its cursor after `zonerefs` zonerefs, reads the rest, and reads the rest again from that cursor.
///
/// An allocation does so that found no page, and then reclaimed some.
#[must_use]
pub const fn resumed(zonerefs: usize, highest: ZoneKind) -> WalkPlan {
    WalkPlan { resumed_after: Some(zonerefs), ..full(highest) }
}

/// What each thread of a model does: some versions are published first, then publishers and readers run at once.
#[derive(Clone, Debug)]
pub struct Scenario {
    name: String,
    before: Vec<Vec<Zone>>,
    publishers: Vec<Vec<Vec<Zone>>>,
    readers: Vec<Reader>,
    bound: Bound,
    /// Interleavings in the short set.
    short: u64,
    uniform: bool,
}

/// The walks of one reader, each under a guard of its own.
#[derive(Clone, Debug)]
struct Reader {
    walks: Vec<WalkPlan>,
    /// True if a reader is registered for each walk anew.
    comes_and_goes: bool,
}

impl Scenario {
    /// A scenario of that name, without versions and threads.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            before: Vec::new(),
            publishers: Vec::new(),
            readers: Vec::new(),
            bound: Bound::Exhaustive,
            short: Bound::SHORT,
            uniform: false,
        }
    }

    /// Publishes a list before the threads start.
    #[must_use]
    pub fn before(mut self, list: &[Zone]) -> Self {
        self.before.push(list.to_vec());
        self
    }

    /// Adds a thread that publishes these lists, one after another.
    #[must_use]
    pub fn publisher(mut self, lists: &[&[Zone]]) -> Self {
        self.publishers.push(lists.iter().map(|list| list.to_vec()).collect());
        self
    }

    /// Adds a reader that does these walks, one after another, each under a guard of its own.
    #[must_use]
    pub fn reader(mut self, walks: &[WalkPlan]) -> Self {
        self.readers.push(Reader { walks: walks.to_vec(), comes_and_goes: false });
        self
    }

    /// Adds a thread that registers a reader for each of these walks, and drops it behind the walk.
    #[must_use]
    pub fn visitor(mut self, walks: &[WalkPlan]) -> Self {
        self.readers.push(Reader { walks: walks.to_vec(), comes_and_goes: true });
        self
    }

    /// Bounds how often a thread may be preempted: for scenarios too large to exhaust.
    #[must_use]
    pub fn preemptions(self, bound: usize) -> Self {
        self.bound(Bound::Preemptions(bound))
    }

    /// Sets how far the scenario is explored.
    #[must_use]
    pub fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    /// Sets the number of interleavings in the short set, where a thousand show too little.
    #[must_use]
    pub fn short(self, interleavings: u64) -> Self {
        Self { short: interleavings, ..self }
    }

    /// Declares that every walk that is not torn shows the same zones, since all versions are the same to its request.
    #[must_use]
    pub fn uniform(mut self) -> Self {
        self.uniform = true;
        self
    }

    /// Runs every interleaving, and prints their number. Writes the shortest [`Timeline`] of each kind of anomaly.
    ///
    /// # Panics
    /// If a walk breaks the scheme's guarantee, or if a reader or writer waits where the facts declare that none does.
    /// Also if the exploration is empty: fewer than two interleavings, or walks that all showed the same although
    /// the scenario is not [`uniform`](Self::uniform).
    pub fn explore<S, P>(self, make: impl Fn() -> Published<S, P> + Sync + Send + 'static) -> Found
    where
        S: Scheme + Send + 'static,
        P: Platform,
    {
        run::all(self, make)
    }
}

/// Makes a `Published` with the barrier pair of membarrier(2), and models the system call from here on.
///
/// It has to be the first call in an execution. The pair of `P` is [`Membarrier`](crate::publish::Membarrier), or one
/// whose heavy half calls that of `Membarrier`. A heavy half waits for every thread of the model that is not blocked in
/// [`join`](membarrier::join) or [`while_blocked`](membarrier::while_blocked). So a model has to wait for its threads
/// by these functions.
#[must_use]
pub fn asymmetric<S: Scheme, P: Platform>(scheme: S, readers: usize) -> Published<S, P> {
    membarrier::begin();
    Published::with_platform(scheme, ReaderSlots::boxed(readers))
}

fn publish<S: Scheme, P: Platform>(published: &Published<S, P>, list: &[Zone]) -> (Version, Zonelists) {
    let zonerefs: Vec<Zoneref> = list.iter().copied().map(zoneref).collect();
    // No this-node list: it would double the states, and show nothing more.
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }];
    let lists = crate::zonelist::ZonelistsRef::new(&zonerefs, &rows).expect("one list");
    (published.publish(lists).expect("room for the list"), lists.into())
}

/// Publishes a list, if the scheme does.
fn try_to_publish<S: Scheme, P: Platform>(published: &Published<S, P>, list: &[Zone]) -> Result<Version, PublishError> {
    let zonerefs: Vec<Zoneref> = list.iter().copied().map(zoneref).collect();
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }];
    published.publish(crate::zonelist::ZonelistsRef::new(&zonerefs, &rows).expect("one list"))
}

fn zoneref((kind, node): Zone) -> Zoneref {
    Zoneref::new(ZoneId::new(NodeId::new(node).expect("a node"), kind))
}

fn node() -> NodeId {
    NodeId::new(NODE).expect("a node")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
