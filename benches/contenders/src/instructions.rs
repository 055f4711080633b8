//! Instructions of a read, counted by valgrind: a figure that does not depend on the load of the machine.
//!
//! The example `probe` runs one loop of one contender a given number of times. The difference of two runs with
//! different numbers is the instructions of the additional loops; start-up and set-up cancel out.

use std::{
    io::{self, ErrorKind},
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use zonelist_core::{
    NodeId, Request, ZoneKind, Zonelists,
    publish::{Platform, Published, ReaderSlots, ZonePresence},
    sync::Spin,
    table::Capacity,
    zone::Order,
    zonelist::{Scope, ZonelistsRef},
};
use zonelist_inplace::Presence;
use zonelist_schemes::{
    self as schemes, Buildable, READERS, SchemeId, UnknownScheme, Visitor,
    workload::{synthetic, wide},
};

use crate::{
    contender::{
        AT_RUN_TIME, BY_NODE, Baseline, CLASSES, Contender, ContenderError, Draw, DrawnPairs, FORGOTTEN, ONE_NODE,
        PEERS, Pairs, Through, ThroughDrawnPages, ThroughPages, at_run_time, baseline_pairs, by_hand,
        pairs_at_run_time, remembered,
    },
    timing::set_up,
};

/// The loop that a probe runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// The first zone of lists of eight.
    FirstZone,
    /// The same of one node, remembered.
    Remembered,
    /// The same through a table of memories by node.
    RememberedByNode,
    /// The same as [`Probe::Remembered`], forgotten before each read.
    Forgotten,
    /// Whole walks of lists of 64.
    Walk64,
    /// Whole walks of lists of 52, the longest of nodes of four zones for which `Presence` has a bit for each zone.
    Walk52,
    /// Whole walks of lists of 52, by requests that admit one zone.
    Sparse52,
    /// No read: one zone of eight is removed from all lists, or added again.
    Toggle8,
    /// The same with 52 zones and a hundred readers.
    Toggle52,
    /// No read: lists of eight zones and lists of seven replace each other; the one reader is offline.
    Publish8,
    /// The same with [`MORE_SLOTS`] more reader slots, which no reader has had.
    Publish8UnusedSlots,
    /// The same with [`MORE_SLOTS`] more reader slots, which readers have had that are gone.
    Publish8FreedSlots,
    /// No read: a page is allocated from the per-CPU pages, and freed to them.
    Pair,
    /// The same with two classes of requests by turns, of which each has its own first zone.
    PairTurns,
    /// The same with a node and a request of each pair drawn: [`CLASSES`] requests, 8 nodes.
    PairDrawn8,
    /// The same with 1024 nodes.
    PairDrawn1024,
}

impl Probe {
    const NAMES: [(Self, &str); 16] = [
        (Self::FirstZone, "first-zone"),
        (Self::Remembered, "remembered"),
        (Self::RememberedByNode, "remembered-by-node"),
        (Self::Forgotten, "forgotten"),
        (Self::Walk64, "walk-64"),
        (Self::Walk52, "walk-52"),
        (Self::Sparse52, "sparse-52"),
        (Self::Toggle8, "toggle-8"),
        (Self::Toggle52, "toggle-52"),
        (Self::Publish8, "publish-8"),
        (Self::Publish8UnusedSlots, "publish-8-unused-slots"),
        (Self::Publish8FreedSlots, "publish-8-freed-slots"),
        (Self::Pair, "pair"),
        (Self::PairTurns, "pair-turns"),
        (Self::PairDrawn8, "pair-drawn-8"),
        (Self::PairDrawn1024, "pair-drawn-1024"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(probe, _)| *probe == self).map_or("", |(_, name)| name)
    }

    /// Runs the loop. `contender` is `raw` for the baseline, or a scheme's name, which [`BY_HAND`] may follow.
    ///
    /// Returns `None` for an unknown name.
    ///
    /// # Errors
    /// The scheme can't be set up.
    pub fn run(self, contender: &str, loops: usize) -> Option<Result<u32, ContenderError>> {
        let lists = synthetic(match self {
            Self::FirstZone | Self::Remembered | Self::RememberedByNode | Self::Forgotten => 8,
            Self::Toggle8 | Self::Pair => 8,
            Self::Publish8 | Self::Publish8UnusedSlots | Self::Publish8FreedSlots => 8,
            // These have lists of their own.
            Self::PairTurns | Self::PairDrawn8 | Self::PairDrawn1024 => 1,
            Self::Walk64 => 64,
            Self::Walk52 | Self::Sparse52 | Self::Toggle52 => 52,
        });
        match self {
            Self::Toggle8 => return (contender == "Presence").then(|| toggle(lists.lists(), 1, loops)),
            Self::Toggle52 => return (contender == "Presence").then(|| toggle(lists.lists(), 100, loops)),
            Self::Publish8 | Self::Publish8UnusedSlots | Self::Publish8FreedSlots => {
                let scheme = contender.parse::<SchemeId>().ok()?;
                let shorter = synthetic(7);
                let versions = [lists.lists(), shorter.lists()];
                let slots = if self == Self::Publish8 { READERS } else { READERS + MORE_SLOTS };
                let owners = if self == Self::Publish8FreedSlots { 1 + MORE_SLOTS } else { 1 };
                return Some(scheme.visit(&mut Publishes { versions, slots, owners, loops }));
            }
            Self::Pair => return pairs(contender, lists.lists(), loops),
            Self::PairTurns => return drawn(contender, 1, loops),
            Self::PairDrawn8 => return drawn(contender, 8, loops),
            Self::PairDrawn1024 => return drawn(contender, 1024, loops),
            _ => (),
        }
        let made = self.reads(contender, lists.lists())?;
        let nodes: Vec<NodeId> = (0..READS as u16).filter_map(|i| NodeId::new(i % 2)).collect();
        let run = |mut contender: Box<dyn Contender>| {
            let mut once = || match self {
                Self::FirstZone | Self::Remembered | Self::RememberedByNode | Self::Forgotten => {
                    contender.independent(&nodes)
                }
                _ => contender.full(&nodes),
            };
            (0..loops).fold(0, |sum: u32, _| sum.wrapping_add(once()))
        };
        Some(made.map(run))
    }

    /// Sets up a contender for a probe of reads. `None` for an unknown name.
    pub(crate) fn reads(
        self,
        contender: &str,
        lists: ZonelistsRef<'_>,
    ) -> Option<Result<Box<dyn Contender>, ContenderError>> {
        Some(match (contender.parse::<SchemeId>(), contender.strip_suffix(BY_HAND)) {
            (Ok(scheme), _) if self == Self::Remembered => remembered::<ONE_NODE>(scheme, lists),
            (Ok(scheme), _) if self == Self::RememberedByNode => remembered::<BY_NODE>(scheme, lists),
            (Ok(scheme), _) if self == Self::Forgotten => remembered::<FORGOTTEN>(scheme, lists),
            (Ok(scheme), _) if self == Self::Sparse52 => scheme.visit(&mut Sparse { lists }),
            (Ok(scheme), _) => set_up(scheme, lists),
            (Err(UnknownScheme), Some(scheme)) => Ok(by_hand(scheme, lists, schemes::asymmetric())?),
            (Err(UnknownScheme), None) if contender == "raw" => Ok(Box::new(Baseline::new(lists)) as _),
            (Err(UnknownScheme), None) if contender.ends_with(AT_RUN_TIME) => {
                at_run_time(contender, lists).transpose()?
            }
            (Err(UnknownScheme), None) => {
                let set_up = PEERS.iter().find_map(|peer| match contender.strip_prefix(BASELINE_OF) {
                    Some(name) => peer.baseline.filter(|_| peer.name == name),
                    None => Some(peer.contender).filter(|_| peer.name == contender),
                })?;
                Ok(set_up(lists))
            }
        })
    }
}

/// Sets up a scheme whose reader's request admits one zone, in the middle of the lists.
struct Sparse<'l> {
    lists: ZonelistsRef<'l>,
}

impl Visitor for Sparse<'_> {
    type Output = Result<Box<dyn Contender>, ContenderError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let middle = NodeId::new(self.lists.nodes() as u16 / 2).into_iter().collect();
        let request = Request { nodes: Some(middle), ..Request::up_to(ZoneKind::Dma) };
        let scheme = S::build(Capacity::of(self.lists));
        Ok(Box::new(Through::<S, P>::with_request(scheme, self.lists, &request)?))
    }
}

/// Allocates a page and frees it, [`READS`] times a loop.
fn pairs(contender: &str, lists: ZonelistsRef<'_>, loops: usize) -> Option<Result<u32, ContenderError>> {
    let node = NodeId::new(0)?;
    let made = pairs_of(contender, lists, node, Order::ZERO)?;
    let run = |mut pairs: Box<dyn Pairs>| (0..loops).map(|_| pairs.pairs(&[node; READS])).sum();
    Some(made.map(run))
}

/// Sets up a handle of a page allocator, for blocks of this order. `None` for an unknown name.
pub(crate) fn pairs_of(
    contender: &str,
    lists: ZonelistsRef<'_>,
    node: NodeId,
    order: Order,
) -> Option<Result<Box<dyn Pairs>, ContenderError>> {
    match contender.parse::<SchemeId>() {
        Ok(scheme) => Some(scheme.visit(&mut InPairs { lists, node, order })),
        Err(UnknownScheme) if contender == "raw" => Some(baseline_pairs(lists, node, order).map_err(Into::into)),
        Err(UnknownScheme) => pairs_at_run_time(contender, lists, node).transpose(),
    }
}

/// Sets up a handle of a page allocator over a scheme.
struct InPairs<'l> {
    lists: ZonelistsRef<'l>,
    node: NodeId,
    order: Order,
}

impl Visitor for InPairs<'_> {
    type Output = Result<Box<dyn Pairs>, ContenderError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let scheme = S::build(self.capacity());
        Ok(Box::new(ThroughPages::<S, P>::of_order(scheme, self.lists, self.node, self.order)?))
    }
}

/// Allocates pages and frees them, [`READS`] times a loop, by requests and for nodes that were drawn. With one node,
/// two requests are used by turns.
fn drawn(contender: &str, nodes: u16, loops: usize) -> Option<Result<u32, ContenderError>> {
    let scheme = contender.parse::<SchemeId>().ok()?;
    let mut random = fastrand::Rng::with_seed(1);
    let draw = |nth| {
        let (node, class) = if nodes == 1 { (0, nth % 2) } else { (random.u16(..nodes), random.usize(..CLASSES)) };
        NodeId::new(node).map(|node| Draw { node, class })
    };
    let draws: Vec<Draw> = (0..READS).filter_map(draw).collect();
    let made = scheme.visit(&mut InDrawnPairs { lists: wide(nodes) });
    let run = |mut pairs: Box<dyn DrawnPairs>| (0..loops).map(|_| pairs.pairs(&draws)).sum();
    Some(made.map(run))
}

/// Sets up a handle of a page allocator whose zones all have pages.
struct InDrawnPairs {
    lists: Zonelists,
}

impl Visitor for InDrawnPairs {
    type Output = Result<Box<dyn DrawnPairs>, ContenderError>;
    const TIMED: bool = true;

    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists.lists())
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        Ok(Box::new(ThroughDrawnPages::<S, P>::new(S::build(self.capacity()), self.lists.lists())?))
    }
}

/// Removes the first zone from all lists or adds it again, [`READS`] times a loop.
fn toggle(lists: ZonelistsRef<'_>, readers: usize, loops: usize) -> Result<u32, ContenderError> {
    let scheme = Presence::build(Capacity::of(lists));
    let published: Published<_> = Published::with_slots(scheme, ReaderSlots::boxed(READERS));
    published.publish(lists)?;
    let readers = (0..readers).map(|_| published.reader()).collect::<Result<Vec<_>, _>>()?;
    let zones = NodeId::new(0).map_or(&[][..], |node| lists.of(node, Scope::Fallback));
    let Some(zone) = zones.first().map(|entry| entry.zone()) else { return Ok(0) };
    for nth in 0..loops * READS {
        published.set_present(zone, [ZonePresence::Absent, ZonePresence::Present][nth % 2])?;
    }
    Ok(readers.len() as u32)
}

/// Publishes both versions in turn, [`READS`] times a loop.
struct Publishes<'l> {
    versions: [ZonelistsRef<'l>; 2],
    slots: usize,
    /// The slots that a reader has, or has had.
    owners: usize,
    loops: usize,
}

impl Visitor for Publishes<'_> {
    type Output = Result<u32, ContenderError>;
    const TIMED: bool = true;

    const MAX_ZONES: usize = 8;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.versions[0])
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let published: Published<S, P> =
            Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(self.slots));
        published.publish(self.versions[0])?;
        let readers = (0..self.owners).map(|_| published.reader()).collect::<Result<Vec<_>, _>>()?;
        drop(readers);
        let mut reader = published.reader()?;
        for nth in 0..self.loops * READS {
            reader.offline(|| published.publish(self.versions[nth % 2]))?;
        }
        Ok(self.loops as u32)
    }
}

/// The suffix of a scheme's name that selects its read by hand.
pub const BY_HAND: &str = " by hand";

/// The prefix of a peer's name that selects the baseline of its language.
pub const BASELINE_OF: &str = "raw for ";

/// The reader slots that [`Probe::Publish8UnusedSlots`] and [`Probe::Publish8FreedSlots`] have more than
/// [`Probe::Publish8`].
pub const MORE_SLOTS: usize = 64;

/// Reads in one loop of a probe.
const READS: usize = 256;

impl FromStr for Probe {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(probe, _)| *probe).ok_or_else(|| "expected the name of a probe".into())
    }
}

/// A count that failed.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// Valgrind is not installed.
    #[error("valgrind is not installed")]
    NoValgrind,
    /// Valgrind or the probe failed.
    #[error("valgrind on {contender}: {why}")]
    Failed {
        /// The contender.
        contender: String,
        /// The error, or valgrind's output.
        why: String,
    },
}

impl CountError {
    /// The error of a start of valgrind.
    pub(crate) fn of_start(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NoValgrind,
            _ => Self::Failed { contender: "all".into(), why: error.to_string() },
        }
    }
}

/// Counts the instructions of one read of a contender, with the example `probe` as `program` under valgrind.
///
/// # Errors
/// Valgrind is not installed, or fails.
pub fn count(program: &Path, contender: &str, probe: Probe) -> Result<f64, CountError> {
    const LOOPS: [usize; 2] = [50, 150];
    let [few, many] = LOOPS.map(|loops| total(program, contender, probe, loops));
    Ok((many? - few?) as f64 / ((LOOPS[1] - LOOPS[0]) * READS) as f64)
}

/// Instructions of a whole run of the probe.
fn total(program: &Path, contender: &str, probe: Probe, loops: usize) -> Result<i64, CountError> {
    let failed = |why: String| CountError::Failed { contender: contender.into(), why };
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    valgrind.args([contender, probe.name(), &loops.to_string()]);
    let run = valgrind.stdin(Stdio::null()).output().map_err(CountError::of_start)?;
    let output = String::from_utf8_lossy(&run.stderr);
    let collected = output.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.filter(|_| run.status.success()).ok_or_else(|| failed(output.into_owned()))
}
