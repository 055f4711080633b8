//! Interleaved rounds of reads and of allocations, and the medians of their ratios.
//!
//! In every round each contender runs every loop once; each round begins with the next contender. Ratios are taken
//! within a round, and their median over all rounds is the figure of a process: absolute times of a loop vary more than
//! schemes differ. What several processes give is in [`statistics`](crate::statistics).

use std::{hint::black_box, time::Instant};

use serde::{Deserialize, Serialize};
use zonelist_core::{
    NodeId, Zonelists, publish::Platform, sync::Spin, table::Capacity, zone::Order, zonelist::ZonelistsRef,
};
use zonelist_schemes::{
    self as schemes, Buildable, SchemeId, Visitor,
    measure::{Measure, median},
    workload::synthetic,
};

use crate::contender::{
    BY_NODE, Baseline, Contender, ContenderError, PEERS, Pairs, PeerEntry, Through, ThroughPages, baseline_pairs,
    by_hand, remembered,
};
use crate::publishes::{PublishSample, Publishes};

/// Zones of the lists that are walked to the end.
pub const WALKS: [usize; 3] = [8, 64, 1024];

/// Zones that one timed loop reads, approximately. The loop takes a few hundred microseconds.
const ZONES_A_LOOP: usize = 1 << 16;

/// Allocations, each with its free, in one timed loop.
const PAIRS_A_LOOP: usize = 1 << 15;

/// Nodes drawn before the clock starts.
const DRAWN: usize = 1 << 10;

/// One timed loop: the contenders over one set of lists, and the nodes that they read.
struct Track<C: ?Sized> {
    contenders: Vec<Option<Box<C>>>,
    nodes: Vec<NodeId>,
    run: fn(&mut C, &[NodeId]) -> u32,
    /// Passes over `nodes` that are timed as one loop.
    repeats: usize,
    /// A row for each round: each contender's nanoseconds for one read.
    rounds: Vec<Vec<Option<f64>>>,
}

/// All contenders in all timed loops.
#[expect(missing_debug_implementations, reason = "contenders are opaque on purpose")]
pub struct Timing {
    /// How many schemes are timed.
    schemes: usize,
    tracks: Vec<Track<dyn Contender>>,
    /// The first zone, by a memory of it.
    remembered: Track<dyn Contender>,
    pairs: Track<dyn Pairs>,
    publishes: Option<Publishes>,
}

/// The figures of one contender: the medians of a process over its rounds, or what several processes give.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timed<M = Measure> {
    /// The first zone; reads do not depend on each other.
    pub first: Option<M>,
    /// The first zone; each read depends on the one before.
    pub dependent: Option<M>,
    /// The first zone, by hand.
    pub by_hand: Option<M>,
    /// The first zone, by memories of it in a table by node.
    pub remembered: Option<M>,
    /// The first zone, as a ratio to `by_hand`.
    pub to_hand: Option<M>,
    /// Whole walks of [`WALKS`].
    pub full: Vec<M>,
    /// An allocation from the per-CPU pages, and its free.
    pub pair: Option<M>,
}

/// The figures of all contenders in one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// The baseline.
    pub raw: Timed,
    /// The schemes, in the sequence in which they were chosen.
    pub schemes: Vec<Timed>,
    /// The peers, each after the baseline of its language.
    pub peers: Vec<[Timed; 2]>,
    /// The publishers.
    pub publishes: PublishSample,
}

impl Timing {
    /// Sets up the baseline and the chosen schemes, over versions of a machine's lists, of which the first is read, and
    /// over synthetic ones.
    ///
    /// # Errors
    /// A scheme can't be set up.
    pub fn new(
        chosen: &[SchemeId],
        versions: &[Zonelists],
        nodes: &[NodeId],
        seed: u64,
    ) -> Result<Self, ContenderError> {
        let machine = versions.first().map_or(ZonelistsRef::EMPTY, Zonelists::lists);
        let mut draw = fastrand::Rng::with_seed(seed);
        let mut drawn = |from: &[NodeId], count| (0..count).map(|_| from[draw.usize(..from.len())]).collect::<Vec<_>>();
        let first = ZONES_A_LOOP / DRAWN;
        let mut tracks = vec![
            Track::reading(chosen, machine, true, drawn(nodes, DRAWN), |c, n| c.independent(n), first)?,
            Track::reading(chosen, machine, false, drawn(nodes, DRAWN), |c, n| c.dependent(n), first)?,
        ];
        for zones in WALKS {
            let lists = synthetic(zones);
            let all: Vec<NodeId> = zonelist_core::topology::NodeSet::ALL.iter().take(lists.lists().nodes()).collect();
            let walks = (ZONES_A_LOOP / zones).min(DRAWN);
            let repeats = (ZONES_A_LOOP / zones / walks).max(1);
            tracks.push(Track::reading(chosen, lists.lists(), false, drawn(&all, walks), |c, n| c.full(n), repeats)?);
        }
        let remembered = Track::remembering(chosen, machine, drawn(nodes, DRAWN), first)?;
        let publishes = Publishes::new(chosen, versions, drawn(nodes, DRAWN))?;
        Ok(Self { schemes: chosen.len(), tracks, remembered, pairs: Track::of_pairs(chosen)?, publishes })
    }

    /// Times every loop of every contender once.
    pub fn round(&mut self) {
        self.tracks.iter_mut().chain([&mut self.remembered]).for_each(Track::round);
        self.pairs.round();
        self.publishes.iter_mut().for_each(Publishes::round);
    }

    /// The medians of all contenders.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let peers = PEERS.iter().zip((SCHEMES + 2 * self.schemes..).step_by(2));
        let peer = |(peer, place): (&PeerEntry, usize)| {
            let baseline = if peer.baseline.is_some() { place } else { BASELINE };
            [self.timed(baseline, baseline, None), self.timed(place + 1, baseline, None)]
        };
        Sample {
            raw: self.timed(BASELINE, BASELINE, None),
            schemes: (0..self.schemes).map(|i| SCHEMES + 2 * i).map(|i| self.timed(i, BASELINE, Some(i + 1))).collect(),
            peers: peers.map(peer).collect(),
            publishes: self.publishes.as_ref().map_or_else(PublishSample::default, Publishes::sample),
        }
    }

    fn timed(&self, contender: usize, baseline: usize, hand: Option<usize>) -> Timed {
        let first = &self.tracks[0];
        Timed {
            first: first.median(contender, baseline),
            dependent: self.tracks[1].median(contender, baseline),
            by_hand: hand.and_then(|hand| first.median(hand, baseline)),
            // A peer has none.
            remembered: self.remembered.median(contender, baseline),
            to_hand: hand.and_then(|hand| first.median(contender, hand)),
            pair: self.pairs.median(contender, baseline),
            full: self.tracks[2..].iter().filter_map(|track| track.median(contender, baseline)).collect(),
        }
    }
}

/// The baseline's position in a track.
const BASELINE: usize = 0;

/// The first scheme's position. Each scheme is followed by its read by hand, or by `None`. Peers follow all schemes,
/// each after the baseline of its language, or after `None` if that is the common one.
const SCHEMES: usize = 1;

impl Track<dyn Contender> {
    fn reading(
        chosen: &[SchemeId],
        lists: ZonelistsRef<'_>,
        with_hand_written: bool,
        nodes: Vec<NodeId>,
        run: fn(&mut (dyn Contender + 'static), &[NodeId]) -> u32,
        repeats: usize,
    ) -> Result<Self, ContenderError> {
        let mut contenders: Vec<Option<Box<dyn Contender>>> = vec![Some(Box::new(Baseline::new(lists)))];
        for &scheme in chosen {
            contenders.push(Some(set_up(scheme, lists)?));
            let hand = with_hand_written.then(|| by_hand(scheme.name(), lists, schemes::asymmetric()));
            contenders.push(hand.flatten());
        }
        let set_up = |peer: &PeerEntry| [peer.baseline.map(|baseline| baseline(lists)), Some((peer.contender)(lists))];
        contenders.extend(PEERS.iter().flat_map(set_up));
        Ok(Self { contenders, nodes, run, repeats, rounds: Vec::new() })
    }
}

impl Track<dyn Contender> {
    /// The baseline, and of each scheme a reader that remembers.
    fn remembering(
        chosen: &[SchemeId],
        lists: ZonelistsRef<'_>,
        nodes: Vec<NodeId>,
        repeats: usize,
    ) -> Result<Self, ContenderError> {
        let mut contenders: Vec<Option<Box<dyn Contender>>> = vec![Some(Box::new(Baseline::new(lists)))];
        for &scheme in chosen {
            contenders.extend([Some(remembered::<BY_NODE>(scheme, lists)?), None]);
        }
        Ok(Self { contenders, nodes, run: |c, n| c.independent(n), repeats, rounds: Vec::new() })
    }
}

impl Track<dyn Pairs> {
    /// All pairs are on one node, as most allocations of a CPU are.
    fn of_pairs(chosen: &[SchemeId]) -> Result<Self, ContenderError> {
        let (lists, node) = (synthetic(WALKS[0]), NodeId::new(0).expect("below the limit"));
        let mut contenders: Vec<Option<Box<dyn Pairs>>> = vec![Some(baseline_pairs(lists.lists(), node, Order::ZERO)?)];
        for scheme in chosen {
            contenders.extend([Some(scheme.visit(&mut SetUpPairs { lists: lists.lists(), node })?), None]);
        }
        let nodes = vec![node; DRAWN];
        Ok(Self { contenders, nodes, run: |c, n| c.pairs(n), repeats: PAIRS_A_LOOP / DRAWN, rounds: Vec::new() })
    }
}

impl<C: ?Sized> Track<C> {
    fn round(&mut self) {
        let count = self.contenders.len();
        let mut row = vec![None; count];
        for i in 0..count {
            // Each round begins with the next contender, so that none always runs after the same other one.
            let place = (i + self.rounds.len()) % count;
            let Some(contender) = &mut self.contenders[place] else { continue };
            let begin = Instant::now();
            for _ in 0..self.repeats {
                black_box((self.run)(&mut **contender, &self.nodes));
            }
            let reads = (self.repeats * self.nodes.len()) as f64;
            row[place] = Some(begin.elapsed().as_nanos() as f64 / reads);
        }
        self.rounds.push(row);
    }

    /// The medians of a contender's time, and of its ratio to another contender.
    fn median(&self, contender: usize, to: usize) -> Option<Measure> {
        let of = |value: &dyn Fn(&[Option<f64>]) -> Option<f64>| {
            median(self.rounds.iter().filter_map(|row| value(row)).collect())
        };
        let ns = of(&|row| *row.get(contender)?)?;
        let ratio = of(&|row| Some((*row.get(contender)?)? / (*row.get(to)?)?))?;
        Some(Measure { ns, ratio })
    }
}

/// Sets up a scheme with these lists published, ready for reads.
///
/// # Errors
/// The lists do not fit, or no reader can be registered.
pub fn set_up(scheme: SchemeId, lists: ZonelistsRef<'_>) -> Result<Box<dyn Contender>, ContenderError> {
    scheme.visit(&mut SetUp { lists })
}

/// Sets up a reader of a scheme.
struct SetUp<'l> {
    lists: ZonelistsRef<'l>,
}

impl Visitor for SetUp<'_> {
    type Output = Result<Box<dyn Contender>, ContenderError>;
    const TIMED: bool = true;

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        Ok(Box::new(Through::<S, P>::new(S::build(self.capacity()), self.lists)?))
    }
}

/// Sets up a handle of a page allocator over a scheme.
struct SetUpPairs<'l> {
    lists: ZonelistsRef<'l>,
    node: NodeId,
}

impl Visitor for SetUpPairs<'_> {
    type Output = Result<Box<dyn Pairs>, ContenderError>;
    const TIMED: bool = true;

    const MAX_ZONES: usize = WALKS[0];

    fn capacity(&self) -> Capacity {
        Capacity::of(self.lists)
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        Ok(Box::new(ThroughPages::<S, P>::new(S::build(self.capacity()), self.lists, self.node)?))
    }
}
