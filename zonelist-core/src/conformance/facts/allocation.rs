//! Measurements of heap use: which operations use the heap, whether a registration does, and how much is kept while one
//! reader is stalled.

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
    publish::{Allocates, Platform, Progress, Published, ReaderError, ReaderSlot, ReaderSlots, Scheme, StalledReader},
};

/// The number of heap operations of publishes and of walks, [`TIMES`](Self::TIMES) of each twice.
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

    /// The fact that these numbers prove.
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

/// Counts the heap operations of publishes and walks: by turns on one thread, and then at once on two.
///
/// # Panics
/// If the lists do not fit, or if the heap is not counted.
pub fn reached<S: Scheme, P: Platform>(make: impl Fn() -> S, sample: &Sample) -> Reached {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    let published: Published<S, P> = Published::with_platform(make(), ReaderSlots::boxed(1));
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

/// Counts the heap operations of walks. Calls `before` before each walk.
fn walks<S: Scheme, P: Platform>(
    published: &Published<S, P>,
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

/// True if construction, registration, a publish or a walk uses the heap.
///
/// # Panics
/// If the lists do not fit, or if the heap is not counted.
pub fn needs_a_heap<S: Scheme, P: Platform>(make: impl Fn() -> S, sample: &Sample) -> bool {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    // Not of the scheme: leaked, so that neither making nor dropping it counts.
    let slot = || ReaderSlots::borrowed(std::vec![ReaderSlot::new()].leak());
    let all = |slot| {
        let published: Published<S, P> = Published::with_platform(make(), slot);
        for version in versions {
            published.publish(version).expect("room");
            let (mut reader, filter) = (published.reader().expect("a reader slot"), published.filter(&requests[0].1));
            black_box(reader.enter().walk(requests[0].0, &filter).count());
        }
    };
    // The first run may set up what stays for the process, such as a barrier pair: only the second is counted.
    all(slot());
    let slot = slot();
    touches(|| all(slot)).0 > 0
}

/// Threads that register at once: more than this process has had before. A few could use the memory that ended threads
/// have left behind.
const THREADS: usize = 64;

/// True if a reader takes a reader slot or memory: one of two slots, or a heap block.
///
/// # Panics
/// If a reader is refused for another reason, or if the heap is not counted.
pub fn registers<S: Scheme, P: Platform>(make: impl Fn() -> S) -> bool {
    heap::expect_counting();
    let published: Published<S, P> = Published::with_platform(make(), ReaderSlots::boxed(2));
    let all_are_registered = Meeting::new(THREADS);
    let register = || {
        let (made, reader) = touches(|| published.reader());
        // No reader is dropped before the last has registered.
        all_are_registered.wait();
        match reader {
            Ok(_) => made > 0,
            Err(ReaderError::NoSlot { slots }) => slots == 2,
            Err(error) => panic!("{error}"),
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(register)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).fold(false, BitOr::bitor)
    })
}

/// Bytes that `publishes` publishes keep while a reader is stalled within a walk.
///
/// # Panics
/// If the lists do not fit, or if the heap is not counted.
pub fn kept_by<S: Scheme, P: Platform>(publishes: usize, make: impl Fn() -> S, sample: &Sample) -> i64 {
    heap::expect_counting();
    let Sample { versions, requests } = sample;
    let published: Published<S, P> = Published::with_platform(make(), ReaderSlots::boxed(1));
    published.publish(&versions[0]).expect("room");
    let filter = published.filter(&requests[0].1);
    let (kept, done) = (AtomicI64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // Dropped before the end of the scope, which joins the publisher: that may wait for this reader.
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
        // A writer that waits for readers makes no progress here, and keeps nothing: a number of yields shows that.
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

/// Measures what a scheme keeps for a stalled reader: bounded or not, with the bytes kept by few publishes and by many.
///
/// # Panics
/// If the lists do not fit, or if the heap is not counted.
pub fn stalled_reader<S: Scheme, P: Platform>(
    make: impl Fn() -> S,
    sample: &Sample,
) -> (StalledReader, [(usize, i64); 2]) {
    // A scheme without a bound gets fewer publishes, which already show it, since its memory grows with each.
    let bounded = S::FACTS.stalled_reader == StalledReader::Bounded;
    let most = if bounded { cases(1_000_000, 20) as usize } else { 20_000 };
    let kept = [100, most].map(|publishes| (publishes, kept_by::<S, P>(publishes, &make, sample)));
    let [(_, few), (_, many)] = kept;
    let measured = if many > 10 * few.max(1) { StalledReader::Unbounded } else { StalledReader::Bounded };
    (measured, kept)
}
