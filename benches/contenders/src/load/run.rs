//! One run under load: threads that read, and one that publishes.

use std::{
    ops::AddAssign,
    sync::{Barrier as Meeting, atomic::AtomicU64},
    time::Duration,
};

use hdrhistogram::CreationError;
use zonelist_core::{NodeId, Zonelists};
use zonelist_schemes::threads::{Job, run_together};

use super::{
    clock::Clock,
    error::LoadError,
    pace::Rate,
    reads::{BATCH, Reads},
    updates::{Update, Updates},
};
use crate::contender::Publication;

/// A load: what is read and published, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The versions to publish, in a cycle. Not empty.
    pub versions: &'a [Zonelists],
    /// The nodes to read, in a cycle: a multiple of [`BATCH`].
    pub nodes: &'a [NodeId],
    /// Threads that read.
    pub readers: usize,
    /// The length of the run.
    pub time: Duration,
    /// How often lists are published.
    pub rate: Rate,
    /// The clock of reads and publishes.
    pub clock: &'a Clock,
}

/// The times of a run, or of several.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Reads of all threads.
    pub reads: Reads,
    /// Publishes, or grace periods.
    pub updates: Updates,
}

impl Loaded {
    /// No times.
    ///
    /// # Errors
    /// A histogram can't be made.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Self { reads: Reads::new()?, updates: Updates::new()? })
    }

    /// The times of several runs.
    ///
    /// # Errors
    /// A histogram can't be made.
    pub fn sum<'l>(parts: impl IntoIterator<Item = &'l Self>) -> Result<Self, CreationError> {
        let mut sum = Self::new()?;
        parts.into_iter().for_each(|part| sum += part);
        Ok(sum)
    }
}

impl AddAssign<&Self> for Loaded {
    fn add_assign(&mut self, other: &Self) {
        self.reads += &other.reads;
        self.updates += &other.updates;
    }
}

/// Reads while lists are published at the load's rate, for any publication.
///
/// Every thread stops by the time, so that the run ends though readers and publishes wait for each other.
///
/// # Errors
/// The lists do not fit, or there is no room for the readers.
///
/// # Panics
/// The nodes are not a multiple of [`BATCH`], or there is no version.
pub fn under_load<P: Publication>(publication: &P, load: &Load<'_>) -> Result<Loaded, LoadError> {
    publication.publish(load.versions[0].lists())?;
    let publish = |turn: usize| {
        let lists = load.versions[turn % load.versions.len()].lists();
        let begin = load.clock.now();
        publication.publish(lists)?;
        Ok(load.clock.now().saturating_sub(begin))
    };
    with_readers(publication, load, &publish)
}

/// Reads while a thread makes updates at the load's rate.
pub(super) fn with_readers<P: Publication>(
    publication: &P,
    load: &Load<'_>,
    update: &Update<'_>,
) -> Result<Loaded, LoadError> {
    together(load, update, &reading(publication, load), &AtomicU64::new(0), &mut |start| start())
}

/// A reader's thread: registers a reader, meets the others at the start, and reads.
pub(super) type Reading<'r> = dyn Fn(&Meeting, &mut Reads) -> Result<(), LoadError> + Sync + 'r;

/// The work of each reader's thread. Only this is compiled for each publication.
pub(super) fn reading<P: Publication>(
    publication: &P,
    load: &Load<'_>,
) -> impl Fn(&Meeting, &mut Reads) -> Result<(), LoadError> + Sync {
    |start, reads| {
        // Also a reader that is refused meets the others, which would wait for it.
        let reader = publication.reader();
        start.wait();
        reads.run(&mut reader?, load.clock, load.nodes, load.time);
        Ok(())
    }
}

/// Runs the readers' threads and the publisher's, and `meanwhile` on this thread. They begin when `meanwhile` calls its
/// argument, which it has to do once. `returned` counts the updates that have returned.
pub(super) fn together(
    load: &Load<'_>,
    update: &Update<'_>,
    reading: &Reading<'_>,
    returned: &AtomicU64,
    meanwhile: &mut dyn FnMut(&dyn Fn()),
) -> Result<Loaded, LoadError> {
    assert!(load.nodes.len().is_multiple_of(BATCH) && !load.nodes.is_empty(), "{} nodes", load.nodes.len());
    // The readers, the publisher, and this thread.
    let start = Meeting::new(load.readers + 2);
    let mut jobs = Vec::<Job<'_, Result<Loaded, LoadError>>>::new();
    for _ in 0..load.readers {
        let (mut loaded, start) = (Loaded::new()?, &start);
        jobs.push(Box::new(move || reading(start, &mut loaded.reads).map(|()| loaded)));
    }
    let (mut loaded, start) = (Loaded::new()?, &start);
    jobs.push(Box::new(move || {
        start.wait();
        loaded.updates.run(update, load.clock, load.rate, load.time, returned)?;
        Ok(loaded)
    }));
    let parts = run_together(jobs, &mut |_| {
        meanwhile(&|| {
            start.wait();
        });
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Loaded::sum(&parts)?)
}
