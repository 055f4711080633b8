//! What was published when, written down beside the machine that publishes it.

use std::{
    ops::Range,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::AcqRel},
    },
};

use zonelist_core::{
    NodeId, ZoneId, Zonelists,
    conformance::{Published as Record, Span},
    hotplug::{Frames, FramesError, Limit, State},
    publish::{PublishError, Version},
};

/// The one clock of all threads.
///
/// Release and acquire, so that a lower stamp is also a stamp before.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn stamp(&self) -> u64 {
        self.0.fetch_add(1, AcqRel)
    }
}

/// A machine's pages, with a record of what is published.
#[derive(Debug)]
pub(super) struct Recorded<F> {
    pub(super) frames: F,
    pub(super) clock: Clock,
    records: Mutex<Vec<Record<Zonelists>>>,
}

impl<F> Recorded<F> {
    pub(super) fn new(frames: F) -> Self {
        Self { frames, clock: Clock::default(), records: Mutex::default() }
    }

    /// Every publish so far that was not forgotten. One that is under way ends at the end of time.
    pub(super) fn records(&self) -> MutexGuard<'_, Vec<Record<Zonelists>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Frames> Frames for Recorded<F> {
    /// One at a time, as operations are: so each is the version behind the last.
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        let last = self.records().last().map_or(0, |last| last.version.number());
        let (begin, lists_kept) = (self.clock.stamp(), lists.clone());
        let span = Span { begin, end: u64::MAX };
        self.records().push(Record { version: Version::of(last + 1), span, lists: lists_kept });
        let published = self.frames.publish(lists);
        let end = self.clock.stamp();
        let mut records = self.records();
        match &published {
            Ok(()) => records.iter_mut().rev().take(1).for_each(|record| record.span.end = end),
            // Nobody has seen it.
            Err(_) => drop(records.pop()),
        }
        published
    }

    fn set_marks(&self, state: &State) {
        self.frames.set_marks(state);
    }

    fn bring(&self, zone: ZoneId, frames: Range<u64>) -> Result<(), FramesError> {
        self.frames.bring(zone, frames)
    }

    fn give(&self, zone: ZoneId, frames: Range<u64>) {
        self.frames.give(zone, frames);
    }

    fn take(&self, state: &State, zone: ZoneId, frames: Range<u64>, limit: &mut dyn Limit) -> Result<(), FramesError> {
        self.frames.take(state, zone, frames, limit)
    }

    fn release(&self, zone: ZoneId, frames: Range<u64>) {
        self.frames.release(zone, frames);
    }

    fn forget(&self, node: NodeId) {
        self.frames.forget(node);
    }
}
