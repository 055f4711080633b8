//! What a scheme does with the heap: what reaches for it, what a reader's place takes, and what is kept while one
//! reader stands still.

use core::{
    hint::black_box,
    ops::BitOr,
    sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};
use std::{sync::Barrier as Meeting, thread, vec::Vec};

use super::{
    cases,
    heap::{self, touches},
};
use crate::{
    NodeId, Request,
    conformance::Sample,
    publish::{Allocates, Barrier, Progress, Published, ReaderError, Scheme, StalledReader},
};

/// How often publishes and walks reached for the heap, [`TIMES`](Self::TIMES) of each twice.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reached {
    /// Publishes, on their own thread.
    pub publishes: u64,
    /// Walks.
    pub walks: u64,
}

impl Reached {
    /// Publishes, and walks, by turns on one thread; then at once on two.
    pub const TIMES: usize = 5000;

    /// What the facts would say of it.
    #[must_use]
    pub fn fact(self) -> Allocates {
        match (self.publishes > 0, self.walks > 0) {
            (false, false) => Allocates::Never,
            (true, false) => Allocates::Publish,
            (false, true) => Allocates::Walk,
            (true, true) => Allocates::Both,
        }
    }
}

/// What publishes and walks reach for, by turns on one thread and then at once on two.
///
/// # Panics
/// The lists do not fit, or the heap is not counted.
pub fn reached<S: Scheme, B: Barrier>(make: impl Fn() -> S, sample: &Sample) -> Reached {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    let published: Published<S, B, 1> = Published::new(make());
    let publish = |turn: usize| {
        let version = &versions[turn % versions.len()];
        touches(|| published.publish(version).expect("room")).0
    };
    let mut reached = Reached::default();
    reached.walks += walks(&published, requests, |turn| reached.publishes += publish(turn));
    let start = Meeting::new(2);
    thread::scope(|scope| {
        let walks = scope.spawn(|| {
            start.wait();
            walks(&published, requests, |_| ())
        });
        start.wait();
        reached.publishes += (0..Reached::TIMES).map(publish).sum::<u64>();
        reached.walks += walks.join().expect("the walks");
    });
    reached
}

/// What walks reach for, with something else done before each.
fn walks<S: Scheme, B: Barrier>(
    published: &Published<S, B, 1>,
    requests: &[(NodeId, Request)],
    mut before: impl FnMut(usize),
) -> u64 {
    let filters: Vec<_> = requests.iter().map(|(node, request)| (*node, published.filter(request))).collect();
    let mut reader = published.reader().expect("a reader slot");
    let mut reached = 0;
    for turn in 0..Reached::TIMES {
        before(turn);
        let (node, filter) = &filters[turn % filters.len()];
        reached += touches(|| black_box(reader.enter().walk(*node, filter).count())).0;
        reached += touches(|| reader.quiescent()).0;
    }
    reached
}

/// Whether construction, registration, a publish or a walk reaches for the heap at all.
///
/// # Panics
/// The lists do not fit, or the heap is not counted.
pub fn needs_a_heap<S: Scheme, B: Barrier>(make: impl Fn() -> S, sample: &Sample) -> bool {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    let all = || {
        let published: Published<S, B, 1> = Published::new(make());
        for version in versions {
            published.publish(version).expect("room");
            let (mut reader, filter) = (published.reader().expect("a reader slot"), published.filter(&requests[0].1));
            black_box(reader.enter().walk(requests[0].0, &filter).count());
        }
    };
    // The first time, something around the scheme may be set up for good.
    all();
    touches(all).0 > 0
}

/// Threads that register at once, more than this process has had before at a time: a place that an
/// ended thread has left behind would do for a few.
const NEWCOMERS: usize = 64;

/// Whether a reader takes a place of its own: one of two reader slots, or memory.
///
/// # Panics
/// A reader is refused for another reason, or the heap is not counted.
pub fn registers<S: Scheme, B: Barrier>(make: impl Fn() -> S) -> bool {
    heap::expect_counting();
    let published: Published<S, B, 2> = Published::new(make());
    let all_are_in = Meeting::new(NEWCOMERS);
    let newcomer = || {
        let (made, reader) = touches(|| published.reader());
        all_are_in.wait();
        match reader {
            Ok(_) => made > 0,
            Err(ReaderError::NoSlot { slots: seats }) => seats == 2,
            Err(error) => panic!("{error}"),
        }
    };
    thread::scope(|scope| {
        let newcomers: Vec<_> = (0..NEWCOMERS).map(|_| scope.spawn(newcomer)).collect();
        newcomers.into_iter().map(|newcomer| newcomer.join().expect("a newcomer")).fold(false, BitOr::bitor)
    })
}

/// Bytes that so many publishes keep while a reader stands within a walk.
///
/// # Panics
/// The lists do not fit, or the heap is not counted.
pub fn kept_by<S: Scheme, B: Barrier>(publishes: usize, make: impl Fn() -> S, sample: &Sample) -> i64 {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    let published: Published<S, B, 1> = Published::new(make());
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&requests[0].1);
    let (kept, done) = (AtomicI64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // Gone before the others are waited for: they may wait for it.
        let mut reader = published.reader().expect("a reader slot");
        let guard = reader.enter();
        let mut walk = guard.walk(requests[0].0, &filter);
        assert!(walk.next().is_some());
        scope.spawn(|| {
            let before = heap::kept();
            for version in versions.iter().cycle().take(publishes) {
                published.publish(version).expect("room");
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

/// What a scheme keeps for a reader that stands still, with the bytes kept by few publishes and by how many more.
///
/// # Panics
/// The lists do not fit, or the heap is not counted.
pub fn stalled_reader<S: Scheme, B: Barrier>(
    make: impl Fn() -> S,
    sample: &Sample,
) -> (StalledReader, [(usize, i64); 2]) {
    // Of those that keep more and more, no more than shows it.
    let bounded = S::FACTS.stalled_reader == StalledReader::Bounded;
    let most = if bounded { cases(1_000_000, 20) as usize } else { 20_000 };
    let kept = [100, most].map(|publishes| (publishes, kept_by::<S, B>(publishes, &make, sample)));
    let [(_, few), (_, many)] = kept;
    let measured = if many > 10 * few.max(1) { StalledReader::Unbounded } else { StalledReader::Bounded };
    (measured, kept)
}
