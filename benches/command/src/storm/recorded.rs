//! A page provider that records each publish with its time.

use std::{
    ops::Range,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::AcqRel},
    },
};

use zonelist_core::{
    NodeId, Pfn, ZoneId, Zonelists,
    conformance::{Published as Record, Span},
    hotplug::{Deadline, PageProvider, ProviderError, State},
    publish::{PublishError, Version},
};

/// A logical clock that all threads share.
///
/// Its stamps are totally ordered: an event with the lower stamp happens before an event with the higher one.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn stamp(&self) -> u64 {
        // AcqRel pairs with itself: each stamp synchronizes with all lower ones, on any thread.
        self.0.fetch_add(1, AcqRel)
    }
}

/// A page provider, with a record of each publish.
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

    /// All publishes that have not been removed. A publish in progress has the end `u64::MAX`.
    pub(super) fn records(&self) -> MutexGuard<'_, Vec<Record<Zonelists>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: PageProvider> PageProvider for Recorded<F> {
    /// Operations exclude each other, so publishes do too: each has the number after the last one's.
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        let last = self.records().last().map_or(0, |last| last.version.number());
        let (begin, copy) = (self.clock.stamp(), lists.clone());
        // Recorded before the publish: a walk may see the new version before `publish` returns.
        let span = Span { begin, end: u64::MAX };
        self.records().push(Record { version: Version::of(last + 1), span, lists: copy });
        let published = self.frames.publish(lists);
        let end = self.clock.stamp();
        let mut records = self.records();
        match &published {
            Ok(()) => records.iter_mut().rev().take(1).for_each(|record| record.span.end = end),
            // A failed publish leaves the old version current.
            Err(_) => drop(records.pop()),
        }
        published
    }

    fn set_watermarks(&self, state: &State) {
        self.frames.set_watermarks(state);
    }

    fn prepare_online(&self, zone: ZoneId, frames: Range<Pfn>) -> Result<(), ProviderError> {
        self.frames.prepare_online(zone, frames)
    }

    fn finish_online(&self, zone: ZoneId, frames: Range<Pfn>) {
        self.frames.finish_online(zone, frames);
    }

    fn isolate(
        &self,
        state: &State,
        zone: ZoneId,
        frames: Range<Pfn>,
        limit: &mut dyn Deadline,
    ) -> Result<(), ProviderError> {
        self.frames.isolate(state, zone, frames, limit)
    }

    fn offline(&self, zone: ZoneId, frames: Range<Pfn>) {
        self.frames.offline(zone, frames);
    }

    fn remove_node(&self, node: NodeId) {
        self.frames.remove_node(node);
    }
}
