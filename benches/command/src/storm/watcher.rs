//! The thread that walks the node's list while it changes, and judges every walk.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use zonelist_core::{
    Request, ZoneKind, Zonelists, Zoneref,
    conformance::{History, Span, Tally, Walked},
    publish::{Barrier, Version, Walk},
};
use zonelist_schemes::{Buildable, allocator::AllocatorError};

use super::{StormError, ground::Ground};

/// Walks between two judgements.
const BURST: usize = 4_000;

/// One walk in so many pauses in its middle, so that publishes get between.
const PAUSE: usize = 61;

/// The requests that are walked: of movable memory, and of the kernel's.
const REQUESTS: [Request; 2] = [Request::up_to(ZoneKind::Movable), Request::up_to(ZoneKind::Normal)];

pub(super) struct Watcher<'g, S: Buildable, B: Barrier> {
    ground: &'g Ground<S, B>,
    walks: Vec<Record>,
    seen: Vec<Zoneref>,
    /// What was current before the records that are still kept.
    base: Option<(Version, Zonelists)>,
    tally: Tally,
}

struct Record {
    request: usize,
    span: Span,
    shown: usize,
    full: bool,
    told: bool,
}

impl<'g, S: Buildable, B: Barrier> Watcher<'g, S, B> {
    pub(super) fn new(ground: &'g Ground<S, B>) -> Self {
        Self { ground, walks: Vec::new(), seen: Vec::new(), base: None, tally: Tally::default() }
    }

    /// Walks until it is told to stop, and says what the walks were.
    pub(super) fn watch(mut self, stop: &AtomicBool) -> Result<Tally, StormError> {
        let published = self.ground.allocator().published();
        let filters = REQUESTS.map(|request| published.filter(&request));
        let clock = &self.ground.running.frames().clock;
        let mut reader = published.reader().map_err(AllocatorError::from)?;
        while !stop.load(Relaxed) {
            for turn in 0..BURST {
                let request = turn % REQUESTS.len();
                let begin = clock.stamp();
                let guard = reader.enter();
                let mut walk = guard.walk(self.ground.node, &filters[request]);
                let before = self.seen.len();
                if turn.is_multiple_of(PAUSE) {
                    self.seen.extend(walk.next());
                    std::thread::yield_now();
                }
                // A walk whose first was its last is over, and not to be asked again.
                if !turn.is_multiple_of(PAUSE) || self.seen.len() > before {
                    self.seen.extend(walk.by_ref().take(LONGEST));
                }
                let (shown, told) = (self.seen.len() - before, walk.must_retry());
                let span = Span { begin, end: clock.stamp() };
                self.walks.push(Record { request, span, shown, full: shown < LONGEST, told });
                drop(walk);
                drop(guard);
                reader.quiescent();
            }
            reader.offline(|| self.judge())?;
        }
        Ok(self.tally)
    }

    fn judge(&mut self) -> Result<(), StormError> {
        let records = self.ground.running.frames().records().clone();
        let history = match self.base.clone() {
            None => History::new(records)?,
            Some((version, lists)) => History::after(version, lists, records)?,
        };
        let mut rest = &self.seen[..];
        for &Record { request, span, shown, full, told } in &self.walks {
            let (seen, others) = rest.split_at(shown);
            rest = others;
            let walk = Walked { node: self.ground.node, request: &REQUESTS[request], span, seen, full };
            self.tally.count(history.judge(&walk), told, S::FACTS.guarantee);
        }
        self.walks.clear();
        self.seen.clear();
        self.forget();
        Ok(())
    }

    /// Forgets what was replaced before now. One record is kept, by which the next is numbered.
    fn forget(&mut self) {
        let mut records = self.ground.running.frames().records();
        let ended = records.iter().take_while(|record| record.span.end < u64::MAX).count();
        if let Some(before) = ended.checked_sub(1).and_then(|last| records[..last].last()) {
            self.base = Some((before.version, before.lists.clone()));
        }
        records.drain(..ended.saturating_sub(1));
    }
}

/// More zonerefs than any list of a machine has that storms are for: a walk that goes on is cut off.
const LONGEST: usize = 4096;
