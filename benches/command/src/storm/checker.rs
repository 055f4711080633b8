//! The checker: the thread that walks the node's list while it changes, and judges every walk.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use zonelist_core::{
    Request, ZoneKind, Zonelists, Zoneref,
    conformance::{History, Span, Tally, Walked},
    publish::{Platform, Version, Walk},
    sync::Spin,
};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{error::StormError, fixture::Fixture};

/// Walks that are recorded before they are judged.
const BURST: usize = 4_000;

/// One in this many walks yields after its first entry, so that publishes can interleave.
const YIELD_EVERY: usize = 61;

/// The requests of the walks: for movable memory and for kernel memory.
const REQUESTS: [Request; 2] = [Request::up_to(ZoneKind::Movable), Request::up_to(ZoneKind::Normal)];

pub(super) struct Checker<'g, S: Buildable, P: Platform<Lock = Spin>> {
    fixture: &'g Fixture<S, P>,
    walks: Vec<Record>,
    /// The entries of all walks, one walk after the other.
    seen: Vec<Zoneref>,
    /// The version that was current before the oldest record.
    base: Option<(Version, Zonelists)>,
    tally: Tally,
}

/// A recorded walk.
struct Record {
    /// The index of the request.
    request: usize,
    span: Span,
    /// The number of entries in `Checker::seen`.
    entries: usize,
    /// False if the walk was cut off.
    full: bool,
    /// True if the walk itself reported that it may be torn.
    reported: bool,
}

impl<'g, S: Buildable, P: Platform<Lock = Spin>> Checker<'g, S, P> {
    pub(super) fn new(fixture: &'g Fixture<S, P>) -> Self {
        Self { fixture, walks: Vec::new(), seen: Vec::new(), base: None, tally: Tally::default() }
    }

    /// Walks until `stop` is set, and returns the tally of the verdicts.
    pub(super) fn run(mut self, stop: &AtomicBool) -> Result<Tally, StormError> {
        let published = self.fixture.allocator().published();
        let filters = REQUESTS.map(|request| published.filter(&request));
        let clock = &self.fixture.running.provider().clock;
        let mut reader = published.reader().map_err(AllocatorError::from)?;
        // Relaxed, with the store in `Storm::run_jobs`.
        while !stop.load(Relaxed) {
            for step in 0..BURST {
                let request = step % REQUESTS.len();
                let begin = clock.stamp();
                let guard = reader.enter();
                let mut walk = guard.walk(self.fixture.node, &filters[request]);
                let before = self.seen.len();
                if step.is_multiple_of(YIELD_EVERY) {
                    self.seen.extend(walk.next());
                    std::thread::yield_now();
                }
                // A walk that has returned `None` must not be advanced again.
                if !step.is_multiple_of(YIELD_EVERY) || self.seen.len() > before {
                    self.seen.extend(walk.by_ref().take(LONGEST));
                }
                let (entries, reported) = (self.seen.len() - before, walk.must_retry());
                let span = Span { begin, end: clock.stamp() };
                self.walks.push(Record { request, span, entries, full: entries < LONGEST, reported });
                drop(walk);
                drop(guard);
                reader.quiescent();
            }
            // Offline, since the judgement takes long and a grace period would wait for this reader meanwhile.
            reader.offline(|| self.judge())?;
        }
        Ok(self.tally)
    }

    /// Judges the recorded walks by the recorded publishes, and starts a new burst.
    fn judge(&mut self) -> Result<(), StormError> {
        let records = self.fixture.running.provider().records().clone();
        let history = match self.base.clone() {
            None => History::new(records)?,
            Some((version, lists)) => History::after(version, lists, records)?,
        };
        let mut rest = &self.seen[..];
        for &Record { request, span, entries, full, reported } in &self.walks {
            let (seen, others) = rest.split_at(entries);
            rest = others;
            let walk = Walked { node: self.fixture.node, request: &REQUESTS[request], span, seen, full };
            self.tally.count(history.judge(&walk), reported, S::FACTS.guarantee);
        }
        self.walks.clear();
        self.seen.clear();
        self.remove_replaced();
        Ok(())
    }

    /// Removes the records of replaced versions. The last one stays, since the next publish takes its number from it.
    fn remove_replaced(&mut self) {
        let mut records = self.fixture.running.provider().records();
        let ended = records.iter().take_while(|record| record.span.end < u64::MAX).count();
        if let Some(before) = ended.checked_sub(1).and_then(|last| records[..last].last()) {
            self.base = Some((before.version, before.lists.clone()));
        }
        records.drain(..ended.saturating_sub(1));
    }
}

/// A length above that of any list of a storm's machine. A walk that reaches it is cut off.
const LONGEST: usize = 4096;
