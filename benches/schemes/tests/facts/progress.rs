//! Progress of readers and publishers: one side is stopped at any point, in a signal handler, and the other side either
//! proceeds or waits.
//!
//! Publishes between any two steps of a walk tell wait-free readers from lock-free ones. No test tells wait-free
//! publishes from lock-free ones: the difference is a loop in the code that another thread can prolong.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    NodeId, Request,
    conformance::{
        Sample,
        facts::interrupt::{Stop, beside},
    },
    publish::{Guarantee, Platform, Progress, Published, ReaderSlots, Walk},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

/// The number of points at which a side is stopped.
const POINTS: usize = 100;

/// Rounds of work that are requested of the other side meanwhile.
#[derive(Default)]
struct Rounds {
    requested: AtomicUsize,
    done: AtomicUsize,
    end: AtomicBool,
}

impl Rounds {
    /// Waits for the next requested round. `None` if there will be no more.
    fn next(&self) -> Option<usize> {
        loop {
            let requested = self.requested.load(SeqCst);
            if requested != self.done.load(SeqCst) {
                return Some(requested);
            } else if self.end.load(SeqCst) {
                return None;
            }
            thread::yield_now();
        }
    }

    fn finish(&self, round: usize) {
        self.done.store(round, SeqCst);
    }

    /// Requests a round. True if it is done within the time.
    fn is_done_within(&self, within: Duration) -> bool {
        let round = self.requested.fetch_add(1, SeqCst) + 1;
        let begun = Instant::now();
        while self.done.load(SeqCst) != round {
            if begun.elapsed() > within {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    /// Waits until the last round is done.
    fn wait_done(&self) {
        while self.done.load(SeqCst) != self.requested.load(SeqCst) {
            thread::yield_now();
        }
    }
}

/// The time in which a side must do a round, if the facts say that it does not wait for the stopped side.
const WATCH_NON_BLOCKING: Duration = Duration::from_secs(60);

/// The time after which a side counts as waiting, if the facts say that it may wait.
const WATCH_BLOCKING: Duration = Duration::from_millis(100);

/// True if one side, which does rounds, waits while the other is stopped at its work, and proceeds when it is resumed.
fn waits(
    claimed: Progress,
    side: impl FnOnce(&Rounds) + Send,
    work: impl FnOnce(&Stop, &dyn Fn() -> bool) + Send,
) -> bool {
    let limit = if claimed == Progress::Blocking { WATCH_BLOCKING } else { WATCH_NON_BLOCKING };
    let rounds = Rounds::default();
    thread::scope(|scope| {
        scope.spawn(|| side(&rounds));
        let waits = beside(work, |stop, victim| {
            (0..POINTS).any(|_| {
                let waits = !stop.stopped(victim, || rounds.is_done_within(limit));
                rounds.wait_done();
                waits
            })
        });
        rounds.end.store(true, SeqCst);
        waits
    })
}

/// Readers, while a publisher is stopped within a publish.
struct Readers;

impl Visitor for Readers {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> bool {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(1));
        published.publish(&versions[0]).unwrap();
        let reads = |rounds: &Rounds| {
            let (mut reader, filter) = (published.reader().unwrap(), published.filter(&requests[0].1));
            while let Some(round) = reader.offline(|| rounds.next()) {
                // A round is done by a walk that need not be repeated.
                loop {
                    let guard = reader.enter();
                    let mut walk = guard.walk(requests[0].0, &filter);
                    black_box(walk.by_ref().count());
                    if !walk.must_retry() {
                        break;
                    }
                }
                rounds.finish(round);
            }
        };
        waits(S::FACTS.readers, reads, |stop, continues| {
            for version in versions.iter().cycle().take_while(|_| continues()) {
                stop.within(|| published.publish(version).unwrap());
            }
        })
    }
}

/// A publisher, while a reader is stopped within a walk.
struct Writer;

impl Visitor for Writer {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> bool {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(1));
        published.publish(&versions[0]).unwrap();
        let publishes = |rounds: &Rounds| {
            while let Some(round) = rounds.next() {
                // The first publish may go to a spare table, and so not wait.
                for version in &versions {
                    published.publish(version).unwrap();
                }
                rounds.finish(round);
            }
        };
        waits(S::FACTS.writer, publishes, |stop, continues| {
            let (mut reader, filter) = (published.reader().unwrap(), published.filter(&requests[0].1));
            while continues() {
                stop.within(|| {
                    black_box(reader.enter().walk(requests[0].0, &filter).count());
                });
                reader.quiescent();
            }
        })
    }
}

/// The number of torn walks in sequence after which every walk counts as torn.
const WALKS: usize = 100;

/// Walks with publishes between any two steps.
struct TornWalks;

impl Visitor for TornWalks {
    /// The greatest number of walks that reported that they were torn, before the first that did not.
    type Output = usize;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> usize {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(1));
        let mut reader = published.reader().unwrap();
        let mut torn_walks = |(node, request): &(NodeId, Request)| {
            let filter = published.filter(request);
            let torn = |_: &usize| {
                let guard = reader.enter();
                let mut walk = guard.walk(*node, &filter);
                loop {
                    for version in &versions {
                        published.publish(version).unwrap();
                    }
                    if walk.next().is_none() {
                        break walk.must_retry();
                    }
                }
            };
            (0..WALKS).take_while(torn).count()
        };
        requests.iter().map(&mut torn_walks).max().unwrap_or(0)
    }
}

#[test]
fn the_first_walk_is_whole_where_readers_are_wait_free() {
    // A publish that waits for the walk can't take place within it.
    let unhindered = |scheme: &SchemeId| scheme.facts().writer != Progress::Blocking;
    for scheme in SchemeId::all().into_iter().filter(unhindered) {
        let (claimed, torn) = (scheme.facts().readers, scheme.visit(&mut TornWalks));
        println!("{}: {torn} torn walks", scheme.name());
        match claimed {
            Progress::WaitFree => assert_eq!(torn, 0, "{}", scheme.name()),
            // Snapshots are never torn, but a reader may take one in a loop.
            Progress::LockFree | Progress::Blocking if scheme.facts().guarantee == Guarantee::Snapshot => (),
            Progress::LockFree | Progress::Blocking => assert_eq!(torn, WALKS, "{}", scheme.name()),
        }
    }
}

#[test]
fn readers_wait_for_a_stopped_publisher_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let (claimed, waits) = (scheme.facts().readers, scheme.visit(&mut Readers));
        println!("{}: readers {}", scheme.name(), if waits { "wait" } else { "proceed" });
        assert_eq!(claimed == Progress::Blocking, waits, "{}: {claimed}", scheme.name());
    }
}

#[test]
fn a_publish_waits_for_a_stopped_reader_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let (claimed, waits) = (scheme.facts().writer, scheme.visit(&mut Writer));
        println!("{}: a publish {}", scheme.name(), if waits { "waits" } else { "proceeds" });
        assert_eq!(claimed == Progress::Blocking, waits, "{}: {claimed}", scheme.name());
    }
}
