//! Walks of an outside peer, judged as those of a scheme that guarantees snapshots.
//!
//! The load is that of `zonelist_core::conformance::Stress`, with one publisher: bursts in which every reader does a
//! number of walks while the publisher publishes, and after which every walk is compared with the versions that were
//! current during it.

use std::{
    sync::{
        Barrier,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    thread::yield_now,
    time::{Duration, Instant},
};

use zonelist_core::{
    Request, Zonelists, Zoneref,
    conformance::{History, Published, Span, Tally, Walked},
    publish::{Guarantee, Version},
    table::{SlotFilter, Storage},
};
use zonelist_schemes::{
    threads::{Job, run_together},
    workload::Toggle,
};

use crate::{
    consistency::{Consistency, Pressure, PressureError},
    contender::Peer,
};

/// Every 61st walk yields in its middle, and the publisher after every 61st publish. A prime number, so that walks of
/// each request yield.
const PAUSE: usize = 61;

/// Walks and publishes for the given time, at least one burst, and judges every walk.
///
/// # Errors
/// The record of the publishes is not complete.
pub fn judge<W: Storage, P: Peer<W>>(pressure: &mut Pressure<'_>) -> Result<Consistency, PressureError> {
    let toggle = pressure.toggle;
    let peer = P::new(toggle.versions[0].lists());
    let longest = toggle.versions.iter().map(|version| version.lists().longest()).max().unwrap_or(0);
    let walks = pressure.burst();
    let mut walkers: Vec<_> = (0..pressure.readers).map(|first| Walker::new(first, walks, longest)).collect();
    let (clock, mut published) = (Clock::default(), 0);
    let mut tally = Tally::default();
    let publish = pressure.run_bursts(|record| {
        let base = published;
        let burst = Burst {
            peer: &peer,
            toggle,
            longest,
            walks,
            clock: &clock,
            start: Barrier::new(walkers.len() + 1),
            walking: AtomicUsize::new(walkers.len()),
        };
        let publishes = burst.run(&mut walkers, &mut published, record);
        let history = History::after(Version::of(base), burst.version(base), publishes)?;
        tally += walkers.iter().map(|walker| walker.judged(&history, toggle)).sum();
        Ok(())
    })?;
    Ok(Consistency { tally, publishes: published as u64, publish })
}

/// The clock of all threads.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    /// Returns a stamp that no other call gets.
    ///
    /// Acquire pairs with the release of the calls that got lower stamps. So what a thread did before its stamp is
    /// visible to every thread after a higher stamp.
    fn stamp(&self) -> u64 {
        self.0.fetch_add(1, AcqRel)
    }
}

/// The state that the threads of a burst share.
struct Burst<'a, 'b, P> {
    peer: &'b P,
    toggle: &'a Toggle,
    /// The number of entries of the longest list of any version.
    longest: usize,
    /// The walks of each reader.
    walks: usize,
    clock: &'b Clock,
    start: Barrier,
    /// The number of readers that are not done.
    walking: AtomicUsize,
}

impl<'a, P> Burst<'a, '_, P> {
    /// The lists of a version. The first one is number 0, so that versions and publishes are counted alike.
    fn version(&self, number: usize) -> &'a Zonelists {
        &self.toggle.versions[number % self.toggle.versions.len()]
    }

    /// Walks and publishes until the last reader is done. `published` counts the publishes, whose times `record` gets.
    fn run<W: Storage>(
        &self,
        walkers: &mut [Walker],
        published: &mut usize,
        record: &mut dyn FnMut(Duration),
    ) -> Vec<Published<&'a Zonelists>>
    where
        P: Peer<W>,
    {
        let jobs = walkers.iter_mut().map(|walker| Box::new(|| walker.run(self)) as Job<'_, ()>).collect();
        let (mut publishes, mut took) = (Vec::with_capacity(self.walks), Vec::with_capacity(self.walks));
        run_together(jobs, &mut |_| {
            self.start.wait();
            // At least one publish a burst, however short it is.
            loop {
                *published += 1;
                let lists = self.version(*published);
                let begin = self.clock.stamp();
                let called = Instant::now();
                self.peer.publish(lists.lists());
                took.push(called.elapsed());
                let span = Span { begin, end: self.clock.stamp() };
                publishes.push(Published { version: Version::of(*published), span, lists });
                if self.walking.load(Relaxed) == 0 {
                    break;
                }
                if publishes.len().is_multiple_of(PAUSE) {
                    yield_now();
                }
            }
        });
        took.into_iter().for_each(record);
        publishes
    }
}

/// One reading thread's records.
struct Walker {
    /// The number of walks so far, from an offset for each thread on. It continues from burst to burst, so that each
    /// request is left early at each position.
    count: usize,
    walks: Vec<WalkRecord>,
    /// The entries that the walks showed, concatenated.
    seen: Vec<Zoneref>,
}

struct WalkRecord {
    /// An index into the requests.
    request: usize,
    span: Span,
    /// The number of entries that the walk showed.
    shown: usize,
    full: bool,
}

impl Walker {
    fn new(first: usize, walks: usize, longest: usize) -> Self {
        Self { count: first, walks: Vec::with_capacity(walks), seen: Vec::with_capacity(walks * (longest + 1)) }
    }

    fn run<W: Storage, P: Peer<W>>(&mut self, burst: &Burst<'_, '_, P>) {
        let &Burst { peer, toggle, longest, walks, clock, ref start, ref walking } = burst;
        let _done = Done(walking);
        self.walks.clear();
        self.seen.clear();
        // This precedes everything that could panic: else the other threads would wait for ever.
        start.wait();
        let filter = |(_, request): &(_, Request)| SlotFilter::new(request);
        let filters: Vec<SlotFilter> = toggle.walks.iter().map(filter).collect();
        let mut reader = peer.reader();
        for _ in 0..walks {
            let (round, request) = (self.count / filters.len(), self.count % filters.len());
            // Two of three walks go to the end. A limit of one entry more than the longest list has tells a walk that
            // never ends from one that ends.
            let limit = if round % 3 == 2 { 1 + round / 3 % longest.max(1) } else { longest + 1 };
            let pause = self.count.is_multiple_of(PAUSE).then_some(1 + self.count / PAUSE % limit);
            self.count += 1;
            let begin = clock.stamp();
            let (shown, end) = P::read(&mut reader, |table| {
                let shown = self.record(table.walk(toggle.walks[request].0, &filters[request]), limit, pause);
                (shown, clock.stamp())
            });
            self.walks.push(WalkRecord { request, span: Span { begin, end }, shown, full: shown < limit });
        }
    }

    /// Appends up to `limit` entries of the walk to `seen`, and returns how many there were. Yields after `pause`
    /// entries.
    fn record(&mut self, mut walk: impl Iterator<Item = Zoneref>, limit: usize, pause: Option<usize>) -> usize {
        let before = self.seen.len();
        let first = pause.unwrap_or(limit);
        self.seen.extend(walk.by_ref().take(first));
        // A walk ends at its first `None`, after which `next` must not be called again.
        if pause.is_some() && self.seen.len() - before == first {
            yield_now();
            self.seen.extend(walk.by_ref().take(limit - first));
        }
        self.seen.len() - before
    }

    fn judged(&self, history: &History<&Zonelists>, toggle: &Toggle) -> Tally {
        let mut tally = Tally::default();
        let mut rest = &self.seen[..];
        for &WalkRecord { request, span, shown, full } in &self.walks {
            let (seen, others) = rest.split_at(shown);
            rest = others;
            let (node, request) = &toggle.walks[request];
            let verdict = history.judge(&Walked { node: *node, request, span, seen, full });
            // A walk of more entries than the longest list has differs from every version, so it counts, too.
            tally.count(verdict, false, Guarantee::Snapshot);
        }
        tally
    }
}

/// Counts a reader as done when it is dropped, also by a panic: the publisher stops when all are done.
///
/// Relaxed: the join of the threads orders their records before the judgement.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
