//! Loom models of a scheme's real code: every interleaving of publishes and walks, judged.
//!
//! Exists under `--cfg loom` only. A [`Scenario`] says who does what; [`Scenario::explore`] runs it
//! in every way that threads and the memory model allow, and fails on the first walk that the
//! scheme's guarantee rules out. [`killed`] shows that it would: it runs a model again with a
//! deliberate fault in the scheme and expects it to fail.
//!
//! Nothing here adds ordering between the threads of a model: records are kept in plain std cells,
//! which loom does not see, and whatever runs at the same time is stamped as unordered.

use std::{
    string::String,
    sync::{Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

mod diagnose;
mod drains;
mod explore;
mod grace;
mod hunt;
mod interrupts;
mod names;
mod probe;
mod races;
mod run;
pub mod suite;
mod timeline;

pub use drains::{Asks, Beside, explore_drains};
pub use explore::{Bound, Explored, explore};
pub use grace::explore_retirement;
pub use hunt::{Hunt, hunt, hunt_interrupts};
pub use probe::probe;
pub use races::{Races, Refused, explore_races, explore_refusals};
pub use run::Found;
pub use timeline::Timeline;

use crate::{
    NodeId, NodeSpan, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    publish::{Barrier, Published, Scheme, Version},
    sync::traced::membarrier,
};

/// A zone of a model's lists, by kind and node.
pub type Zone = (ZoneKind, u16);

/// The node whose lists models publish and walk.
pub const NODE: u16 = 0;

/// Zones of the longest list that a model's table needs room for.
pub const ZONES: usize = super::ROOM.zones();

pub use super::ROOM;

/// The zone that is first in most lists, and that few requests admit.
pub const MOVABLE: Zone = (ZoneKind::Movable, NODE);
/// The zone that serves every request of a model.
pub const NORMAL: Zone = (ZoneKind::Normal, NODE);
/// A zone of another node, behind.
pub const OTHER: Zone = (ZoneKind::Normal, 1);

/// One walk of a reader.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    request: Request,
    /// Left after that many zonerefs.
    leave_after: Option<usize>,
    /// After that many zonerefs, whatever comes behind is looked at twice, and only the second time counts.
    resumed_after: Option<usize>,
}

/// A walk to the end, of everything up to a kind.
#[must_use]
pub const fn full(highest: ZoneKind) -> Plan {
    Plan { request: Request::up_to(highest), leave_after: None, resumed_after: None }
}

/// A walk that is left after so many zonerefs.
#[must_use]
pub const fn first(zonerefs: usize, highest: ZoneKind) -> Plan {
    Plan { leave_after: Some(zonerefs), ..full(highest) }
}

/// A walk that keeps its place after so many zonerefs, looks at all behind it in vain, and once more from there: as
/// an allocation does that has reclaimed something meanwhile.
#[must_use]
pub const fn resumed(zonerefs: usize, highest: ZoneKind) -> Plan {
    Plan { resumed_after: Some(zonerefs), ..full(highest) }
}

/// Who does what: some versions before anybody starts, then publishers and readers at once.
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

/// One who walks, each time under a guard of its own.
#[derive(Clone, Debug)]
struct Reader {
    walks: Vec<Plan>,
    /// Registers for each walk anew.
    comes_and_goes: bool,
}

impl Scenario {
    /// A scenario of that name, still without anybody in it.
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

    /// Publishes a list before anybody starts.
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
    pub fn reader(mut self, walks: &[Plan]) -> Self {
        self.readers.push(Reader { walks: walks.to_vec(), comes_and_goes: false });
        self
    }

    /// Adds one that registers for each of these walks, and is dropped behind it.
    #[must_use]
    pub fn visitor(mut self, walks: &[Plan]) -> Self {
        self.readers.push(Reader { walks: walks.to_vec(), comes_and_goes: true });
        self
    }

    /// Bounds how often a thread may be preempted: for scenarios too large to exhaust.
    #[must_use]
    pub fn preemptions(self, bound: usize) -> Self {
        self.bound(Bound::Preemptions(bound))
    }

    /// Says how far it is explored.
    #[must_use]
    pub fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    /// Says in how many interleavings it is explored in the short set, where a thousand show too little.
    #[must_use]
    pub fn short(self, interleavings: u64) -> Self {
        Self { short: interleavings, ..self }
    }

    /// Says that a walk which is not torn shows the same whenever it is made: what is published is the same to it.
    #[must_use]
    pub fn uniform(mut self) -> Self {
        self.uniform = true;
        self
    }

    /// Runs every interleaving, and prints how many there were. Of all that is torn it leaves the
    /// shortest [`Timeline`] of each kind.
    ///
    /// # Panics
    /// A walk that the scheme's guarantee rules out, a reader or writer that waits where the facts
    /// say that none does, or an exploration that is empty: fewer than two interleavings, or walks that
    /// all showed the same where they need not.
    pub fn explore<S, B, const READERS: usize>(
        self,
        make: impl Fn() -> Published<S, B, READERS> + Sync + Send + 'static,
    ) -> Found
    where
        S: Scheme + Send + 'static,
        B: Barrier,
    {
        run::all(self, make)
    }
}

/// What is published with the pair of membarrier(2), which is modelled from here on: the first thing in an execution.
///
/// `B` is [`Membarrier`](crate::publish::Membarrier), or a pair whose heavy half calls its. A heavy half waits for
/// every thread of the model that is not blocked in [`join`](membarrier::join) or
/// [`while_blocked`](membarrier::while_blocked): a model waits for its threads by these.
#[must_use]
pub fn asymmetric<S: Scheme, B: Barrier, const READERS: usize>(scheme: S) -> Published<S, B, READERS> {
    membarrier::begin();
    Published::new(scheme)
}

fn publish<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
    list: &[Zone],
) -> (Version, Zonelists) {
    let zonerefs: Vec<Zoneref> = list.iter().copied().map(zoneref).collect();
    // No this-node list: it would only double the states.
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: 0 }];
    let lists = crate::ZonelistsRef::new(&zonerefs, &rows).expect("one list");
    (published.publish(lists).expect("room for the list"), lists.into())
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
