//! What waits for what: one side is stopped, in a signal handler, wherever it just is, and the other
//! gets on or does not.
//!
//! Of readers, wait-free is distinguished from lock-free by publishing between any two steps of theirs. Of a
//! publish the code shows it: whether it has a loop that another thread can prolong.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use zonelist_core::{
    Capacity, NodeId, Request,
    conformance::{
        Sample,
        facts::interrupt::{Stop, beside},
    },
    publish::{Barrier, Guarantee, Progress, Published, Walk},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

/// Points at which a side is stopped.
const POINTS: usize = 100;

/// What the other side does meanwhile: answers questions.
#[derive(Default)]
struct Errands {
    asked: AtomicUsize,
    answered: AtomicUsize,
    end: AtomicBool,
}

impl Errands {
    /// The next question, unless there will be none.
    fn next(&self) -> Option<usize> {
        loop {
            let asked = self.asked.load(SeqCst);
            if asked != self.answered.load(SeqCst) {
                return Some(asked);
            } else if self.end.load(SeqCst) {
                return None;
            }
            thread::yield_now();
        }
    }

    fn answer(&self, question: usize) {
        self.answered.store(question, SeqCst);
    }

    /// Asks, and says whether there is an answer in time.
    fn is_answered(&self, within: Duration) -> bool {
        let question = self.asked.fetch_add(1, SeqCst) + 1;
        let begun = Instant::now();
        while self.answered.load(SeqCst) != question {
            if begun.elapsed() > within {
                return false;
            }
            thread::yield_now();
        }
        true
    }

    /// Waits for the answer to the last question.
    fn settle(&self) {
        while self.answered.load(SeqCst) != self.asked.load(SeqCst) {
            thread::yield_now();
        }
    }
}

/// How long a side that claims to wait for no thread may take when the other is stopped: for ever, more or less.
const LONG: Duration = Duration::from_secs(60);

/// How long one is watched that says itself that it may wait.
const SHORT: Duration = Duration::from_millis(100);

/// Whether one side, which does errands, stands while the other is stopped at its work, and goes on when that goes on.
fn stands(
    claimed: Progress,
    errand: impl FnOnce(&Errands) + Send,
    work: impl FnOnce(&Stop, &dyn Fn() -> bool) + Send,
) -> bool {
    let patience = if claimed == Progress::Blocking { SHORT } else { LONG };
    let errands = Errands::default();
    thread::scope(|scope| {
        scope.spawn(|| errand(&errands));
        let stands = beside(work, |stop, victim| {
            (0..POINTS).any(|_| {
                let stands = !stop.stopped(victim, || errands.is_answered(patience));
                errands.settle();
                stands
            })
        });
        errands.end.store(true, SeqCst);
        stands
    })
}

/// Readers, while a publisher is stopped within a publish.
struct Readers;

impl Visitor for Readers {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> bool {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        published.publish(&versions[0]).unwrap();
        let reads = |errands: &Errands| {
            let (mut reader, filter) = (published.reader().unwrap(), published.filter(&requests[0].1));
            while let Some(question) = reader.offline(|| errands.next()) {
                // An answer is a walk that need not be repeated.
                loop {
                    let guard = reader.enter();
                    let mut walk = guard.walk(requests[0].0, &filter);
                    black_box(walk.by_ref().count());
                    if !walk.must_retry() {
                        break;
                    }
                }
                errands.answer(question);
            }
        };
        stands(S::FACTS.readers, reads, |stop, goes_on| {
            for version in versions.iter().cycle().take_while(|_| goes_on()) {
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

    fn visit<S: Buildable, B: Barrier>(&mut self) -> bool {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        published.publish(&versions[0]).unwrap();
        let publishes = |errands: &Errands| {
            while let Some(question) = errands.next() {
                // The first of them may be one that another table has room for.
                for version in &versions {
                    published.publish(version).unwrap();
                }
                errands.answer(question);
            }
        };
        stands(S::FACTS.writer, publishes, |stop, goes_on| {
            let (mut reader, filter) = (published.reader().unwrap(), published.filter(&requests[0].1));
            while goes_on() {
                stop.within(|| {
                    black_box(reader.enter().walk(requests[0].0, &filter).count());
                });
                reader.quiescent();
            }
        })
    }
}

/// Walks that are spoiled, if they can be, before it is taken that all would be.
const CHANCES: usize = 100;

/// Walks with publishes between any two steps.
struct Spoiled;

impl Visitor for Spoiled {
    /// How many said that they were torn before one did not, at worst.
    type Output = usize;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> usize {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        let mut reader = published.reader().unwrap();
        let mut spoiled = |(node, request): &(NodeId, Request)| {
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
            (0..CHANCES).take_while(torn).count()
        };
        requests.iter().map(&mut spoiled).max().unwrap_or(0)
    }
}

#[test]
fn the_first_walk_is_an_answer_where_readers_are_wait_free() {
    // A publish that waits for the walk can't go by within it.
    let unhindered = |scheme: &SchemeId| scheme.facts().writer != Progress::Blocking;
    for scheme in SchemeId::all().into_iter().filter(unhindered) {
        let (claimed, spoiled) = (scheme.facts().readers, scheme.visit(&mut Spoiled));
        println!("{}: {spoiled} walks spoiled", scheme.name());
        match claimed {
            Progress::WaitFree => assert_eq!(spoiled, 0, "{}", scheme.name()),
            // Snapshots are never spoiled, yet may be taken in a loop.
            Progress::LockFree | Progress::Blocking if scheme.facts().guarantee == Guarantee::Snapshot => (),
            Progress::LockFree | Progress::Blocking => assert_eq!(spoiled, CHANCES, "{}", scheme.name()),
        }
    }
}

#[test]
fn readers_wait_for_a_stopped_publisher_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let (claimed, stands) = (scheme.facts().readers, scheme.visit(&mut Readers));
        println!("{}: readers {}", scheme.name(), if stands { "wait" } else { "get on" });
        assert_eq!(claimed == Progress::Blocking, stands, "{}: {claimed}", scheme.name());
    }
}

#[test]
fn a_publish_waits_for_a_stopped_reader_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let (claimed, stands) = (scheme.facts().writer, scheme.visit(&mut Writer));
        println!("{}: a publish {}", scheme.name(), if stands { "waits" } else { "gets on" });
        assert_eq!(claimed == Progress::Blocking, stands, "{}: {claimed}", scheme.name());
    }
}
