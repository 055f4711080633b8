//! Walks under publishers that do not pause, on real threads, and every one of them judged.
//!
//! The work is cut into bursts. In a burst each reader does a number of walks while the publishers
//! publish until the last reader is done; when all have ended, the burst's records are judged.
//! The caller decides how many bursts there are: a test counts them, a command looks at its
//! clock and moves a progress bar.
//!
//! Threads that live this briefly may share a CPU even where there are others. So some walks pause
//! in their middle and let others run, and publishers let others run now and then.

use std::{
    boxed::Box,
    panic::resume_unwind,
    println,
    sync::{
        Barrier as Meeting,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
    vec::Vec,
};

use super::{History, HistoryError, Published as Record, Sample, Span, Tally, Walked};
use crate::{
    NodeId, Request, Zonelists, Zoneref,
    publish::{Barrier, Guarantee, PublishError, Published, ReaderError, Scheme, Version, Walk},
};

/// One walk in this number pauses in its middle, and a publisher after this number of publishes. A prime, so
/// that each request is paused in.
const PAUSE: usize = 61;

/// Who does what in each burst.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// Threads that walk.
    pub readers: usize,
    /// Threads that publish.
    pub publishers: usize,
    /// Walks of each reader in a burst.
    pub walks: usize,
    /// What is published, in turn. Must not be empty.
    pub versions: &'a [Zonelists],
    /// What is walked, in turn; two walks of three to the end, the third left early. Must not be empty.
    pub requests: &'a [(NodeId, Request)],
}

/// A scheme under load.
///
/// ```
/// use zonelist_core::{Slots, StopWorld, conformance::{Load, Sample, Stress}, publish::{FullFence, Published}};
/// let Sample { versions, requests } = Sample::default();
/// let scheme = StopWorld::new(Slots::boxed(Sample::CAPACITY));
/// let published: Published<_, FullFence, 2> = Published::new(scheme);
/// let load = Load { readers: 2, publishers: 1, walks: 100, versions: &versions, requests: &requests };
/// let mut stress = Stress::new(&published, load).unwrap();
/// for _ in 0..3 {
///     stress.burst().unwrap();
/// }
/// assert_eq!((stress.tally().walks, stress.tally().violations), (600, 0));
/// ```
#[derive(Debug)]
pub struct Stress<'a, S, B, const READERS: usize> {
    published: &'a Published<S, B, READERS>,
    load: Load<'a>,
    /// Zonerefs of the longest list of any version: no guarantee allows a walk to show more.
    longest: usize,
    /// Before the next burst this version is current, and no publish is under way.
    current: (Version, &'a Zonelists),
    clock: Clock,
    walkers: Vec<Walker>,
    publishers: Vec<Publisher<'a>>,
    tally: Tally,
    publishes: u64,
}

/// Why a burst came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StressError {
    /// The load names no version or no request.
    #[error("nothing to publish or nothing to walk; expected a version and a request at least")]
    Idle,
    /// A reader could not be registered.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// A version could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// `publish` numbered wrongly, or another thread was publishing too.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl<'a, S: Scheme, B: Barrier, const READERS: usize> Stress<'a, S, B, READERS> {
    /// Makes room for a burst's records, and publishes the first version.
    ///
    /// # Errors
    /// There is nothing to publish or nothing to walk, or the version does not fit.
    pub fn new(published: &'a Published<S, B, READERS>, load: Load<'a>) -> Result<Self, StressError> {
        let [first, ..] = load.versions else { return Err(StressError::Idle) };
        if load.requests.is_empty() {
            return Err(StressError::Idle);
        }
        let longest = load.versions.iter().map(|version| version.lists().longest()).max().unwrap_or(0);
        Ok(Self {
            published,
            load,
            longest,
            current: (published.publish(first)?, first),
            clock: Clock::default(),
            walkers: (0..load.readers).map(|turn| Walker::new(turn, load.walks, longest)).collect(),
            publishers: (0..load.publishers).map(|i| Publisher::new(1 + i, load.walks)).collect(),
            tally: Tally::default(),
            publishes: 0,
        })
    }

    /// Runs and judges one burst.
    ///
    /// # Errors
    /// Nothing of the burst is counted then.
    pub fn burst(&mut self) -> Result<(), StressError> {
        self.run()?;
        self.judge()
    }

    /// What all walks so far were.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many versions were published in all bursts so far.
    #[must_use]
    pub fn publishes(&self) -> u64 {
        self.publishes
    }

    /// How long each publish of the last burst took its caller.
    pub fn took(&self) -> impl Iterator<Item = Duration> {
        self.publishers.iter().flat_map(|publisher| publisher.took.iter().copied())
    }

    fn run(&mut self) -> Result<(), StressError> {
        let burst = &Burst {
            published: self.published,
            load: self.load,
            longest: self.longest,
            clock: &self.clock,
            start: Meeting::new(self.load.readers + self.load.publishers),
            walking: AtomicUsize::new(self.load.readers),
        };
        let (walkers, publishers) = (&mut self.walkers, &mut self.publishers);
        let mut jobs = Vec::<Job<'_>>::new();
        walkers.iter_mut().for_each(|walker| jobs.push(Box::new(|| walker.run(burst))));
        publishers.iter_mut().for_each(|publisher| jobs.push(Box::new(|| publisher.run(burst))));
        together(jobs)
    }

    fn judge(&mut self) -> Result<(), StressError> {
        let records = self.publishers.iter().flat_map(|publisher| &publisher.records);
        let last = records.clone().max_by_key(|publish| publish.version);
        let next = last.map_or(self.current, |last| (last.version, last.lists));
        let publishes: Vec<_> = records.cloned().collect();
        let count = publishes.len() as u64;
        let history = History::after(self.current.0, self.current.1, publishes)?;
        let judged = |walker: &Walker| walker.judged(&history, self.load, self.longest, S::FACTS.guarantee);
        let tally: Tally = self.walkers.iter().map(judged).sum();
        self.tally += tally;
        self.publishes += count;
        self.current = next;
        Ok(())
    }
}

/// The least load that a scheme's own tests put on it: two readers and a number of publishers of the
/// [`Sample`], until each side has met the other often. Prints and gives what the walks were.
///
/// # Panics
/// There are no reader slots for two readers, no room for the lists, or versions are numbered wrongly.
pub fn stressed<S: Scheme, B: Barrier, const READERS: usize>(
    published: &Published<S, B, READERS>,
    publishers: usize,
) -> Tally {
    let Sample { versions, requests } = Sample::default();
    // Miri runs a thousandth as fast, and looks at each access: it needs no more than a few bursts.
    let (walks, least) = if cfg!(miri) { (20, (200, 20)) } else { (1000, (20_000, 2_000)) };
    let load = Load { readers: 2, publishers, walks, versions: &versions, requests: &requests };
    let mut stress = Stress::new(published, load).expect("room for the sample");
    while stress.tally().walks < least.0 || stress.publishes() < least.1 {
        stress.burst().expect("a burst");
    }
    println!("{}, {publishers} publishing: {} publishes; {}", S::FACTS.scheme, stress.publishes(), stress.tally());
    stress.tally()
}

/// What the threads of a burst share.
struct Burst<'a, 'b, S, B, const READERS: usize> {
    published: &'a Published<S, B, READERS>,
    load: Load<'a>,
    longest: usize,
    clock: &'b Clock,
    start: Meeting,
    /// Readers that are not done.
    walking: AtomicUsize,
}

/// What one thread of a burst does.
type Job<'j> = Box<dyn FnOnce() -> Result<(), StressError> + Send + 'j>;

/// Runs each job on a thread of its own. Takes boxes, so that the start of a thread, which is a good
/// deal of code, is not compiled for each scheme.
fn together(jobs: Vec<Job<'_>>) -> Result<(), StressError> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        // All are joined, also behind one that failed.
        let ends = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ends.fold(Ok(()), Result::and)
    })
}

/// The one clock of all threads.
#[cfg(target_has_atomic = "64")]
#[derive(Default, Debug)]
struct Clock(core::sync::atomic::AtomicU64);

/// The one clock of all threads, where there are no atomics of 64 bits.
#[cfg(not(target_has_atomic = "64"))]
#[derive(Default, Debug)]
struct Clock(std::sync::Mutex<u64>);

impl Clock {
    /// A stamp that no other caller gets.
    ///
    /// Release and acquire, so that a lower stamp is also a stamp before: whatever ended below it is
    /// seen above it. A thread between two stamps is not ordered by them with what overlaps it.
    #[cfg(target_has_atomic = "64")]
    fn stamp(&self) -> u64 {
        self.0.fetch_add(1, core::sync::atomic::Ordering::AcqRel)
    }

    /// The same: the lock orders one stamp with the next.
    #[cfg(not(target_has_atomic = "64"))]
    fn stamp(&self) -> u64 {
        let mut next = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *next += 1;
        *next - 1
    }
}

/// One reading thread's records.
#[derive(Debug)]
struct Walker {
    /// Goes on from burst to burst, so that each request is left early at each place.
    turn: usize,
    walks: Vec<WalkRecord>,
    /// What the walks showed, one behind the other.
    seen: Vec<Zoneref>,
}

#[derive(Clone, Copy, Debug)]
struct WalkRecord {
    /// Which of the load's requests.
    request: usize,
    span: Span,
    /// How many zonerefs.
    shown: usize,
    full: bool,
    reported: bool,
}

impl Walker {
    fn new(turn: usize, walks: usize, longest: usize) -> Self {
        Self { turn, walks: Vec::with_capacity(walks), seen: Vec::with_capacity(walks * (longest + 1)) }
    }

    fn run<S: Scheme, B: Barrier, const READERS: usize>(
        &mut self,
        burst: &Burst<'_, '_, S, B, READERS>,
    ) -> Result<(), StressError> {
        let &Burst { published, load, longest, clock, ref start, ref walking } = burst;
        let _done = Done(walking);
        self.walks.clear();
        self.seen.clear();
        // Before anything that could panic, or the others would wait for ever.
        start.wait();
        let filters: Vec<S::Filter> = load.requests.iter().map(|(_, request)| published.filter(request)).collect();
        // A handle need not be `Send`: each thread makes its own.
        let mut reader = published.reader()?;
        for _ in 0..load.walks {
            let (round, request) = (self.turn / filters.len(), self.turn % filters.len());
            // One more than there can be tells a walk that goes on and on from one that ends.
            let enough = if round % 3 == 2 { 1 + round / 3 % longest.max(1) } else { longest + 1 };
            let pause = (self.turn % PAUSE == 0).then_some(1 + self.turn / PAUSE % enough);
            self.turn += 1;
            let begin = clock.stamp();
            let guard = reader.enter();
            let mut walk = guard.walk(load.requests[request].0, &filters[request]);
            let shown = self.record(&mut walk, enough, pause);
            let reported = walk.must_retry();
            let span = Span { begin, end: clock.stamp() };
            self.walks.push(WalkRecord { request, span, shown, full: shown < enough, reported });
            drop(walk);
            drop(guard);
            reader.quiescent();
        }
        Ok(())
    }

    /// Takes down what the walk shows, up to `enough` zonerefs, and says how many there were.
    fn record(&mut self, walk: &mut impl Walk, enough: usize, pause: Option<usize>) -> usize {
        let before = self.seen.len();
        let first = pause.unwrap_or(enough);
        self.seen.extend(walk.by_ref().take(first));
        // A walk is over at its first `None`: asked again, it might go on.
        if pause.is_some() && self.seen.len() - before == first {
            thread::yield_now();
            self.seen.extend(walk.by_ref().take(enough - first));
        }
        self.seen.len() - before
    }

    fn judged(&self, history: &History<&Zonelists>, load: Load<'_>, longest: usize, guarantee: Guarantee) -> Tally {
        let mut tally = Tally::default();
        let mut rest = &self.seen[..];
        for &WalkRecord { request, span, shown, full, reported } in &self.walks {
            let (seen, others) = rest.split_at(shown);
            rest = others;
            let (node, request) = &load.requests[request];
            let verdict = history.judge(&Walked { node: *node, request, span, seen, full });
            tally.count(verdict, reported, guarantee);
            tally.violations += u64::from(shown > longest && verdict.is_within(guarantee, reported));
        }
        tally
    }
}

/// Counts a reader off, also out of a panic: publishers wait for that.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One publishing thread's records.
#[derive(Debug)]
struct Publisher<'a> {
    turn: usize,
    records: Vec<Record<&'a Zonelists>>,
    took: Vec<Duration>,
}

impl<'a> Publisher<'a> {
    fn new(turn: usize, room: usize) -> Self {
        Self { turn, records: Vec::with_capacity(room), took: Vec::with_capacity(room) }
    }

    fn run<S: Scheme, B: Barrier, const READERS: usize>(
        &mut self,
        burst: &Burst<'a, '_, S, B, READERS>,
    ) -> Result<(), StressError> {
        let Burst { published, load: Load { versions, .. }, clock, start, walking, .. } = burst;
        self.records.clear();
        self.took.clear();
        start.wait();
        while walking.load(Relaxed) > 0 {
            let lists = &versions[self.turn % versions.len()];
            self.turn += 1;
            let begin = clock.stamp();
            let called = Instant::now();
            let version = published.publish(lists)?;
            self.took.push(called.elapsed());
            let span = Span { begin, end: clock.stamp() };
            self.records.push(Record { version, span, lists });
            if self.records.len() % PAUSE == 0 {
                thread::yield_now();
            }
        }
        Ok(())
    }
}
