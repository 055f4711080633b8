//! Timed publishes: in each round every publisher publishes in two situations, beside one other thread.
//!
//! ```text
//!   situation      the other thread
//!   alone          computes; no reader is registered
//!   beside reads   reads first zones without pause
//! ```
//!
//! In both it runs, so that membarrier(2) has a thread to interrupt: in a process of one thread it does nothing.

use std::{
    hint::spin_loop,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Acquire, Release},
    },
    thread::{self, JoinHandle, available_parallelism, yield_now},
    time::Instant,
};

use serde::{Deserialize, Serialize};
use zonelist_core::{NodeId, Zonelists};
use zonelist_schemes::{
    READERS, SchemeId,
    measure::{Measure, median},
};

use crate::{
    contender::{AnyPublication, ContenderError, PEERS, published, published_by_hand},
    statistics::Figure,
};

/// The time of one timed loop, approximately.
const LOOP_NS: f64 = 100_000.0;

/// Publishes in one timed loop.
const PUBLISHES: [usize; 2] = [8, 512];

/// First zones that the other thread reads before it looks whether it is to go on.
const READS: usize = 64;

/// What the other threads do meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Situation {
    Alone,
    BesideReads,
}

const SITUATIONS: [Situation; 2] = [Situation::Alone, Situation::BesideReads];

/// Nanoseconds of a publish: `M` for each situation.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PublishTimes<M = f64> {
    /// While the other thread computes.
    pub alone: M,
    /// While the other thread reads first zones without pause.
    pub beside_reads: M,
}

impl<F: Figure> PublishTimes<F> {
    /// The figures of several processes. `None` without one.
    #[must_use]
    pub fn figures(processes: &[PublishTimes<Measure>]) -> Option<Self> {
        let of =
            |measure: fn(&PublishTimes<Measure>) -> Measure| F::of(&processes.iter().map(measure).collect::<Vec<_>>());
        Some(Self { alone: of(|times| times.alone)?, beside_reads: of(|times| times.beside_reads)? })
    }
}

impl PublishTimes {
    /// These times, as ratios to others.
    #[must_use]
    pub fn to(self, other: Self) -> PublishTimes<Measure> {
        let measure = |ns, other| Measure { ns, ratio: ns / other };
        PublishTimes {
            alone: measure(self.alone, other.alone),
            beside_reads: measure(self.beside_reads, other.beside_reads),
        }
    }
}

/// The times of all publishers in one process. `None` where none was timed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PublishSample {
    /// The schemes, in the sequence in which they were chosen.
    pub schemes: Vec<Option<PublishTimes>>,
    /// The peers.
    pub peers: Vec<Option<PublishTimes>>,
    /// Of each scheme the publisher by hand.
    pub by_hand: Vec<Option<PublishTimes>>,
}

impl PublishSample {
    /// The times of the publisher of this name, if it is a peer, or publishes by hand what this scheme does.
    #[must_use]
    pub fn peer(&self, name: &str, scheme: usize) -> Option<PublishTimes> {
        match PEERS.iter().position(|peer| peer.name == name) {
            Some(place) => *self.peers.get(place)?,
            None => *self.by_hand.get(scheme)?,
        }
    }
}

/// The publishers with which one of a scheme is compared, by name: peers, or [a publisher by hand](published_by_hand).
///
/// They solve the same problem in the same way, or are what a user would take in place of the scheme.
#[must_use]
pub fn peers_of(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "StopWorld" | "StopWorldPreempted" => &["std RwLock"],
        "EpochSwap" => &["crossbeam-epoch"],
        // Both store to an `arc_swap::ArcSwap`; its readers differ.
        "ArcSwap" => &["arc-swap Cache"],
        "AsymmetricEpoch" => &["liburcu memb", "left-right"],
        "Qsbr" => &["liburcu qsbr"],
        "SeqCopy" => &["seqlock by hand"],
        _ => &[],
    }
}

/// A publisher, which lives until the process ends.
type Publisher = &'static dyn AnyPublication;

/// All publishers, and the other thread.
#[expect(missing_debug_implementations, reason = "publishers are opaque on purpose")]
pub struct Publishes {
    schemes: usize,
    versions: Vec<Zonelists>,
    publishers: Vec<Option<Timed>>,
    other: Other,
    rounds: usize,
}

/// A publisher and its times.
struct Timed {
    publisher: Publisher,
    /// Publishes in one loop.
    publishes: usize,
    /// Of each situation, the nanoseconds of a publish in each round.
    times: [Vec<f64>; SITUATIONS.len()],
}

impl Publishes {
    /// Sets up the chosen schemes, the peers, and publishers by hand. `None` on a machine with one CPU, where the other
    /// thread would stop the publisher.
    ///
    /// # Errors
    /// A scheme can't be set up.
    pub fn new(
        chosen: &[SchemeId],
        versions: &[Zonelists],
        nodes: Vec<NodeId>,
    ) -> Result<Option<Self>, ContenderError> {
        // Each scheme has room for the longest lists.
        let longest = versions.iter().map(Zonelists::lists).max_by_key(|lists| lists.longest());
        let Some(lists) = longest.filter(|_| available_parallelism().is_ok_and(|cpus| cpus.get() > 1)) else {
            return Ok(None);
        };
        let leaked = |publication| -> Publisher { Box::leak(publication) };
        let mut all = Vec::new();
        for &scheme in chosen {
            all.push(Some(leaked(published(scheme, lists, READERS)?)));
        }
        all.extend(PEERS.iter().map(|peer| peer.publish.map(|publish| leaked(publish(lists)))));
        all.extend(chosen.iter().map(|scheme| Some(leaked(published_by_hand(scheme.name(), lists)?.1))));
        let other = Other::spawn(all.clone(), nodes);
        let timed = |publisher| Timed { publisher, publishes: PUBLISHES[0], times: Default::default() };
        let publishers = all.into_iter().map(|publisher| publisher.map(timed)).collect();
        Ok(Some(Self { schemes: chosen.len(), versions: versions.to_vec(), publishers, other, rounds: 0 }))
    }

    /// Times every publisher once in each situation.
    pub fn round(&mut self) {
        let count = self.publishers.len();
        for i in 0..count {
            // Each round begins with the next publisher, so that none always runs after the same other one.
            let place = (i + self.rounds) % count;
            let Some(timed) = &mut self.publishers[place] else { continue };
            // Reads first: from then on a slot has had an owner, and is visited.
            for (times, situation) in timed.times.iter_mut().zip(SITUATIONS).rev() {
                let task = if situation == Situation::BesideReads { READ + place } else { COMPUTE };
                if !self.other.set(task) {
                    continue;
                }
                let Some(ns) = time(timed.publisher, &self.versions, timed.publishes) else { continue };
                // The first round only finds out how many publishes a loop should have.
                if self.rounds > 0 {
                    times.push(ns);
                } else {
                    timed.publishes = ((LOOP_NS / ns) as usize).clamp(PUBLISHES[0], PUBLISHES[1]);
                }
            }
        }
        self.rounds += 1;
        self.other.set(PARK);
    }

    /// The medians over all rounds.
    #[must_use]
    pub fn sample(&self) -> PublishSample {
        let medians = self.publishers.iter().map(|timed| {
            let [alone, beside_reads] = timed.as_ref()?.times.each_ref().map(|times| median(times.clone()));
            Some(PublishTimes { alone: alone?, beside_reads: beside_reads? })
        });
        let medians: Vec<Option<PublishTimes>> = medians.collect();
        let (schemes, rest) = medians.split_at(self.schemes);
        let (peers, by_hand) = rest.split_at(PEERS.len());
        PublishSample { schemes: schemes.to_vec(), peers: peers.to_vec(), by_hand: by_hand.to_vec() }
    }
}

/// Nanoseconds of one of this many publishes. `None` if one of them fails.
fn time(publisher: Publisher, versions: &[Zonelists], publishes: usize) -> Option<f64> {
    let mut turns = versions.iter().cycle();
    let mut publish = || publisher.publish(turns.next()?.lists()).ok();
    // The first ones fill caches.
    publish()?;
    publish()?;
    let begin = Instant::now();
    for _ in 0..publishes {
        publish()?;
    }
    Some(begin.elapsed().as_nanos() as f64 / publishes as f64)
}

/// The other thread.
struct Other {
    shared: &'static Shared,
    thread: JoinHandle<()>,
}

/// What the other thread is to do, and what it does.
struct Shared {
    task: AtomicUsize,
    doing: AtomicUsize,
}

/// It sleeps.
const PARK: usize = 0;
/// It computes.
const COMPUTE: usize = 1;
/// It has ended.
const GONE: usize = 2;
/// It reads the lists of the first publisher.
const READ: usize = 3;

impl Other {
    fn spawn(publishers: Vec<Option<Publisher>>, nodes: Vec<NodeId>) -> Self {
        /// Tells that the thread has ended, also by a panic.
        struct Ends(&'static Shared);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.doing.store(GONE, Release);
            }
        }
        let shared: &'static Shared =
            Box::leak(Box::new(Shared { task: AtomicUsize::new(PARK), doing: AtomicUsize::new(PARK) }));
        let thread = thread::spawn(move || {
            let _ends = Ends(shared);
            loop {
                let task = shared.task.load(Acquire);
                match task {
                    PARK => {
                        shared.doing.store(PARK, Release);
                        thread::park();
                    }
                    COMPUTE => shared.run(task, spin_loop),
                    _ => {
                        let Some(Some(publisher)) = publishers.get(task - READ) else { return };
                        let Ok(mut reader) = publisher.reader() else { return };
                        let mut reads = nodes.chunks(READS).cycle();
                        shared.run(task, || {
                            let read = reads.next().map(|nodes| reader.beside_publishes(nodes));
                            std::hint::black_box(read);
                        });
                    }
                }
            }
        });
        Self { shared, thread }
    }

    /// Waits until the thread does this. False if it has ended.
    fn set(&self, task: usize) -> bool {
        self.shared.task.store(task, Release);
        self.thread.thread().unpark();
        loop {
            match self.shared.doing.load(Acquire) {
                doing if doing == task => return true,
                GONE => return false,
                _ => yield_now(),
            }
        }
    }
}

impl Shared {
    /// Repeats a step until the task is another one. Does the first before it tells.
    fn run(&self, task: usize, mut step: impl FnMut()) {
        step();
        self.doing.store(task, Release);
        while self.task.load(Acquire) == task {
            step();
        }
    }
}
