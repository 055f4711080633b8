//! What each scheme does with the heap, counted by the allocator: who reaches for it, what a
//! reader's place takes, and what is kept while one reader stands still.

use std::{
    hint::black_box,
    ops::BitOr,
    sync::{
        Barrier as Meeting,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    thread,
};

use super::heap::{self, touches};
use zonelist_core::{
    Capacity,
    conformance::Sample,
    publish::{Allocates, Barrier, Progress, Published, ReaderError, StalledReader},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};
use zonelist_verify::cases;

/// What publishes and walks reached for, in all.
#[derive(Clone, Copy, Default, Debug)]
struct Reached {
    publishes: u64,
    walks: u64,
}

/// Publishes and walks thousands of times, by turns on one thread and then at once on two.
struct Use;

const TIMES: usize = 5000;

impl Visitor for Use {
    type Output = Reached;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Reached {
        let versions = Sample::default().versions;
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        let publish = |turn: usize| {
            let version = &versions[turn % versions.len()];
            touches(|| published.publish(version).unwrap()).0
        };
        let mut reached = Reached::default();
        reached.walks += walks(&published, |turn| reached.publishes += publish(turn));
        let start = Meeting::new(2);
        thread::scope(|scope| {
            let walks = scope.spawn(|| {
                start.wait();
                walks(&published, |_| ())
            });
            start.wait();
            reached.publishes += (0..TIMES).map(publish).sum::<u64>();
            reached.walks += walks.join().unwrap();
        });
        reached
    }
}

/// What walks reach for, with something else done before each.
fn walks<S: Buildable, B: Barrier>(published: &Published<S, B, 1>, mut before: impl FnMut(usize)) -> u64 {
    let requests = Sample::default().requests;
    let filters: Vec<_> = requests.iter().map(|(node, request)| (*node, published.filter(request))).collect();
    let mut reader = published.reader().unwrap();
    let mut reached = 0;
    for turn in 0..TIMES {
        before(turn);
        let (node, filter) = &filters[turn % filters.len()];
        reached += touches(|| black_box(reader.enter().walk(*node, filter).count())).0;
        reached += touches(|| reader.quiescent()).0;
    }
    reached
}

#[test]
fn a_scheme_reaches_for_the_heap_where_it_says_and_nowhere_else() {
    for scheme in SchemeId::all() {
        let reached = scheme.visit(&mut Use);
        println!("{}: {reached:?} in {} publishes and {} walks", scheme.name(), 2 * TIMES, 2 * TIMES);
        let measured = match (reached.publishes > 0, reached.walks > 0) {
            (false, false) => Allocates::Never,
            (true, false) => Allocates::Publish,
            (false, true) => Allocates::Walk,
            (true, true) => Allocates::Both,
        };
        assert_eq!(scheme.facts().allocates, measured, "{}: {reached:?}", scheme.name());
    }
}

/// Whether a reader takes a place of its own: one of two seats, or memory.
struct Register;

/// Threads that register at once, more than this process has had before at a time: a place that an
/// ended thread has left behind would do for a few.
const NEWCOMERS: usize = 64;

impl Visitor for Register {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> bool {
        let published: Published<S, B, 2> = Published::new(S::build(self.capacity()));
        let all_are_in = Meeting::new(NEWCOMERS);
        let newcomer = || {
            let (made, reader) = touches(|| published.reader());
            all_are_in.wait();
            match reader {
                Ok(_) => made > 0,
                Err(ReaderError::NoSeat { seats }) => seats == 2,
                Err(error) => panic!("{error}"),
            }
        };
        thread::scope(|scope| {
            let newcomers: Vec<_> = (0..NEWCOMERS).map(|_| scope.spawn(newcomer)).collect();
            newcomers.into_iter().map(|newcomer| newcomer.join().unwrap()).fold(false, BitOr::bitor)
        })
    }
}

#[test]
fn a_reader_takes_a_place_of_its_own_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        assert_eq!(scheme.visit(&mut Register), scheme.facts().registers, "{}", scheme.name());
    }
}

/// Bytes that so many publishes keep while a reader stands within a walk.
struct Stall {
    publishes: usize,
}

impl Visitor for Stall {
    type Output = i64;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> i64 {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        published.publish(&versions[0]).unwrap();
        let filter = published.filter(&requests[0].1);
        let (kept, done) = (AtomicI64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            // Gone before the others are waited for: they may wait for it.
            let mut reader = published.reader().unwrap();
            let guard = reader.enter();
            let mut walk = guard.walk(requests[0].0, &filter);
            assert!(walk.next().is_some());
            scope.spawn(|| {
                let before = heap::kept();
                for version in versions.iter().cycle().take(self.publishes) {
                    published.publish(version).unwrap();
                    kept.store(heap::kept() - before, SeqCst);
                }
                done.store(true, SeqCst);
            });
            // A writer that waits for readers gets nowhere, and keeps nothing.
            let waits = S::FACTS.writer == Progress::Blocking;
            let mut turns = 0;
            while !(done.load(SeqCst) || waits && turns == 10_000) {
                turns += 1;
                thread::yield_now();
            }
            let kept = kept.load(SeqCst);
            drop(walk);
            drop(guard);
            kept
        })
    }
}

#[test]
fn what_is_kept_for_a_stalled_reader_is_bounded_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        // Of those that keep more and more, no more than shows it.
        let bounded = scheme.facts().stalled_reader == StalledReader::Bounded;
        let most = if bounded { cases(1_000_000, 20) as usize } else { 20_000 };
        let [few, many] = [100, most].map(|publishes| scheme.visit(&mut Stall { publishes }));
        println!("{}: {few} bytes kept by 100 publishes, {many} by {most}", scheme.name());
        let measured = if many > 10 * few.max(1) { StalledReader::Unbounded } else { StalledReader::Bounded };
        assert_eq!(scheme.facts().stalled_reader, measured, "{}", scheme.name());
    }
}

/// Bytes on the heap of a scheme with so much room, before and after a hundred publishes.
struct Weigh(Capacity);

impl Visitor for Weigh {
    type Output = Option<[i64; 3]>;

    fn capacity(&self) -> Capacity {
        self.0
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Option<[i64; 3]> {
        let versions = Sample::default().versions;
        let before = heap::kept();
        let published: Published<S, B, 1> = Published::new(S::build(self.capacity()));
        let built = heap::kept() - before;
        versions.iter().cycle().take(100).for_each(|version| assert!(published.publish(version).is_ok()));
        S::heap(self.capacity()).map(|claimed| [claimed as i64, built, heap::kept() - before])
    }
}

#[test]
fn a_scheme_of_tables_is_as_large_as_it_says_from_the_start() {
    for (nodes, zones) in [(3, 4), (8, 24), (64, 64)] {
        for scheme in SchemeId::all() {
            let weighed = scheme.visit(&mut Weigh(Capacity::new(nodes, zones).unwrap()));
            assert_eq!(weighed.is_none(), ["EpochSwap", "ArcSwap"].contains(&scheme.name()));
            if let Some([claimed, built, used]) = weighed {
                assert_eq!((claimed, claimed), (built, used), "{}: {nodes} nodes, {zones} zones", scheme.name());
            }
        }
    }
}
