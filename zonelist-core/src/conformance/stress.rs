//! Load on real threads: walks concurrent with publishes, each walk judged.
//!
//! The work is cut into bursts. In a burst each reader does a number of walks, and the publishers publish until the
//! last reader is done. When all threads have ended, the burst's records are judged. The caller decides how many bursts
//! there are: a test counts them, a command stops by time and shows progress between them.
//!
//! ```text
//! burst: each reader, `walks` times            each publisher, until all readers are done
//!            begin = clock.stamp()                 begin = clock.stamp()
//!            walk, and must_retry                  publish the next version
//!            end = clock.stamp()                   end = clock.stamp()
//!        join all threads
//!        history = the publishes, sorted by version
//!        for each walk: compare with the versions that were current within begin..=end
//! ```
//!
//! Threads that live this briefly may share a CPU even on a machine that has others. So some walks yield in their
//! middle, and publishers yield between publishes.

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
    publish::{FirstZone, Guarantee, Platform, PublishError, Published, ReaderError, Scheme, Version, Walk},
};

/// Every 61st walk yields in its middle, and a publisher after every 61st publish. A prime number, so that walks of
/// each request yield.
const PAUSE: usize = 61;

/// The work of each burst.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The number of threads that walk.
    pub readers: usize,
    /// The number of threads that publish.
    pub publishers: usize,
    /// The number of walks of each reader in a burst.
    pub walks: usize,
    /// The versions to publish, in a cycle. Must not be empty.
    pub versions: &'a [Zonelists],
    /// The walks to do, in a cycle. Two of three go to the end of the list, the third is left early. Must not be empty.
    pub requests: &'a [(NodeId, Request)],
}

/// A scheme under load, with the verdicts on its walks.
///
/// ```
/// use zonelist_core::{
///     conformance::{Load, Sample, Stress},
///     publish::Published,
///     stop_world::StopWorld,
///     table::Slots,
/// };
/// let Sample { versions, requests } = Sample::default();
/// let scheme = StopWorld::new(Slots::boxed(Sample::CAPACITY));
/// let published = Published::new(scheme);
/// let load = Load { readers: 2, publishers: 1, walks: 100, versions: &versions, requests: &requests };
/// let mut stress = Stress::new(&published, load).unwrap();
/// for _ in 0..3 {
///     stress.burst().unwrap();
/// }
/// assert_eq!((stress.tally().walks, stress.tally().violations), (600, 0));
/// ```
#[derive(Debug)]
pub struct Stress<'a, S, P> {
    published: &'a Published<S, P>,
    load: Load<'a>,
    /// The number of entries of the longest list of any version: no guarantee allows a walk to show more.
    longest: usize,
    /// The current version between bursts, when no publish is in progress.
    current: (Version, &'a Zonelists),
    clock: Clock,
    walkers: Vec<Walker>,
    publishers: Vec<Publisher<'a>>,
    tally: Tally,
    publishes: u64,
}

/// Why a burst failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StressError {
    /// The load names no version or no request.
    #[error("nothing to publish or nothing to walk; expected at least one version and one request")]
    Idle,
    /// A reader could not be registered.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// A version could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// `publish` returned wrong numbers, or a thread outside the burst published too.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl<'a, S: Scheme, P: Platform> Stress<'a, S, P> {
    /// Allocates the memory of a burst's records, and publishes the first version.
    ///
    /// # Errors
    /// The load has no version or no request, or the version does not fit.
    pub fn new(published: &'a Published<S, P>, load: Load<'a>) -> Result<Self, StressError> {
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
            walkers: (0..load.readers).map(|first| Walker::new(first, load.walks, longest)).collect(),
            publishers: (0..load.publishers).map(|i| Publisher::new(1 + i, load.walks)).collect(),
            tally: Tally::default(),
            publishes: 0,
        })
    }

    /// Runs and judges one burst.
    ///
    /// # Errors
    /// A reader could not be registered, a publish failed, or the publishes are no [`History`]. Then nothing of the
    /// burst is counted.
    pub fn burst(&mut self) -> Result<(), StressError> {
        self.run()?;
        self.judge()
    }

    /// The verdicts on all walks so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many versions were published in all bursts so far.
    #[must_use]
    pub fn publishes(&self) -> u64 {
        self.publishes
    }

    /// The duration of each publish of the last burst, as its caller measured it.
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
        run_together(jobs)
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

/// Runs the least load that a scheme's own tests need: two readers and `publishers` publishers of the [`Sample`], until
/// there were many walks and many publishes. Prints and returns the tally of the walks.
///
/// # Panics
/// The scheme has no reader slots for two readers, no room for the lists, or numbers versions wrongly.
pub fn run_stress<S: Scheme, P: Platform>(published: &Published<S, P>, publishers: usize) -> Tally {
    let Sample { versions, requests } = Sample::default();
    // Miri is a thousand times slower and checks each access, so a few bursts suffice.
    let (walks, least) = if cfg!(miri) { (20, (200, 20)) } else { (1000, (20_000, 2_000)) };
    let load = Load { readers: 2, publishers, walks, versions: &versions, requests: &requests };
    let mut stress = Stress::new(published, load).expect("room for the sample");
    while stress.tally().walks < least.0 || stress.publishes() < least.1 {
        stress.burst().expect("a burst");
    }
    println!("{}, {publishers} publishing: {} publishes; {}", S::FACTS.scheme, stress.publishes(), stress.tally());
    stress.tally()
}

/// The state that the threads of a burst share.
struct Burst<'a, 'b, S, P> {
    published: &'a Published<S, P>,
    load: Load<'a>,
    longest: usize,
    clock: &'b Clock,
    start: Meeting,
    /// The number of readers that are not done.
    walking: AtomicUsize,
}

/// The work of one thread of a burst.
type Job<'j> = Box<dyn FnOnce() -> Result<(), StressError> + Send + 'j>;

/// Runs each job on a thread of its own. Takes boxes, so that the code that starts a thread is not compiled for each
/// scheme.
fn run_together(jobs: Vec<Job<'_>>) -> Result<(), StressError> {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        // All threads are joined, also after one has failed.
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
    /// Returns a stamp that no other call gets.
    ///
    /// Acquire pairs with the release of the calls that got lower stamps. So what a thread did before its stamp is
    /// visible to every thread after a higher stamp. Stamps do not order operations that overlap.
    #[cfg(target_has_atomic = "64")]
    fn stamp(&self) -> u64 {
        self.0.fetch_add(1, core::sync::atomic::Ordering::AcqRel)
    }

    /// Returns a stamp that no other call gets. The lock orders each stamp with the next.
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
    /// The number of walks so far, from an offset for each thread on. It continues from burst to burst, so that each
    /// request is left early at each position.
    count: usize,
    walks: Vec<WalkRecord>,
    /// The entries that the walks showed, concatenated.
    seen: Vec<Zoneref>,
}

#[derive(Clone, Copy, Debug)]
struct WalkRecord {
    /// An index into the load's requests.
    request: usize,
    span: Span,
    /// The number of entries that the walk showed.
    shown: usize,
    full: bool,
    /// What `must_retry` returned.
    reported: bool,
    /// True if the reader remembered the zone that it shows, and did not walk.
    remembered: bool,
}

impl Walker {
    fn new(first: usize, walks: usize, longest: usize) -> Self {
        Self { count: first, walks: Vec::with_capacity(walks), seen: Vec::with_capacity(walks * (longest + 1)) }
    }

    fn run<S: Scheme, P: Platform>(&mut self, burst: &Burst<'_, '_, S, P>) -> Result<(), StressError> {
        let &Burst { published, load, longest, clock, ref start, ref walking } = burst;
        let _done = Done(walking);
        self.walks.clear();
        self.seen.clear();
        // This precedes everything that could panic: else the other threads would wait for ever.
        start.wait();
        let filters: Vec<S::Filter> = load.requests.iter().map(|(_, request)| published.filter(request)).collect();
        // A reader need not be `Send`, so each thread makes its own.
        let mut reader = published.reader()?;
        let memory = |((node, _), filter): (&(NodeId, Request), _)| published.first_zone(*node, filter);
        let mut memories: Vec<_> = load.requests.iter().zip(&filters).map(memory).collect();
        for _ in 0..load.walks {
            let (round, request) = (self.count / filters.len(), self.count % filters.len());
            // Every second round of the requests.
            if let Some(record) = (round % 2 == 1).then(|| self.recall(clock, &memories[request], request)).flatten() {
                reader.quiescent();
                self.walks.push(record);
                self.count += 1;
                continue;
            }
            // A limit of one entry more than the longest list has tells a walk that never ends from one that ends.
            let limit = if round % 3 == 2 { 1 + round / 3 % longest.max(1) } else { longest + 1 };
            let pause = (self.count % PAUSE == 0).then_some(1 + self.count / PAUSE % limit);
            self.count += 1;
            let begin = clock.stamp();
            let guard = reader.enter();
            let mut walk = guard.walk(load.requests[request].0, &filters[request]);
            let shown = self.record(&mut walk, limit, pause);
            let reported = walk.must_retry();
            let span = Span { begin, end: clock.stamp() };
            self.walks.push(WalkRecord { request, span, shown, full: shown < limit, reported, remembered: false });
            drop(walk);
            drop(guard);
            // A scheme that never shows a zone, and always reports torn walks, would be walked for ever.
            if shown > 0 {
                reader.first(&mut memories[request]);
            }
            reader.quiescent();
        }
        Ok(())
    }

    /// Reads the first zone, if it is remembered.
    fn recall<S: Scheme, P: Platform>(
        &mut self,
        clock: &Clock,
        memory: &FirstZone<'_, S, P>,
        request: usize,
    ) -> Option<WalkRecord> {
        let begin = clock.stamp();
        let zone = memory.recall()?;
        let span = Span { begin, end: clock.stamp() };
        self.seen.push(zone);
        Some(WalkRecord { request, span, shown: 1, full: false, reported: false, remembered: true })
    }

    /// Appends up to `limit` entries of the walk to `seen`, and returns how many there were. Yields after `pause`
    /// entries.
    fn record(&mut self, walk: &mut impl Walk, limit: usize, pause: Option<usize>) -> usize {
        let before = self.seen.len();
        let first = pause.unwrap_or(limit);
        self.seen.extend(walk.by_ref().take(first));
        // A walk ends at its first `None`, after which `next` must not be called again.
        if pause.is_some() && self.seen.len() - before == first {
            thread::yield_now();
            self.seen.extend(walk.by_ref().take(limit - first));
        }
        self.seen.len() - before
    }

    fn judged(&self, history: &History<&Zonelists>, load: Load<'_>, longest: usize, guarantee: Guarantee) -> Tally {
        let mut tally = Tally::default();
        let mut rest = &self.seen[..];
        for &WalkRecord { request, span, shown, full, reported, remembered } in &self.walks {
            let (seen, others) = rest.split_at(shown);
            rest = others;
            let (node, request) = &load.requests[request];
            let verdict = history.judge(&Walked { node: *node, request, span, seen, full });
            // What is remembered is the first zone of some version, whatever walks guarantee.
            let guarantee = if remembered { Guarantee::Snapshot } else { guarantee };
            tally.count(verdict, reported, guarantee);
            tally.remembered += u64::from(remembered);
            // No guarantee allows more entries than the longest list has; a walk counts as a violation once.
            tally.violations += u64::from(shown > longest && verdict.is_within(guarantee, reported));
        }
        tally
    }
}

/// Counts a reader as done when it is dropped, also by a panic: publishers stop when all are done.
///
/// Relaxed: the join of the threads orders their records before the judgement.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// One publishing thread's records.
#[derive(Debug)]
struct Publisher<'a> {
    /// The number of publishes so far, from an offset for each thread on.
    count: usize,
    records: Vec<Record<&'a Zonelists>>,
    took: Vec<Duration>,
}

impl<'a> Publisher<'a> {
    fn new(first: usize, room: usize) -> Self {
        Self { count: first, records: Vec::with_capacity(room), took: Vec::with_capacity(room) }
    }

    fn run<S: Scheme, P: Platform>(&mut self, burst: &Burst<'a, '_, S, P>) -> Result<(), StressError> {
        let Burst { published, load: Load { versions, .. }, clock, start, walking, .. } = burst;
        self.records.clear();
        self.took.clear();
        start.wait();
        while walking.load(Relaxed) > 0 {
            let lists = &versions[self.count % versions.len()];
            self.count += 1;
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
