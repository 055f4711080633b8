//! What a stalled reader costs others: one reader stays within a walk while lists are published and others read.

use std::{
    hint::black_box,
    sync::{
        Barrier as Meeting,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use zonelist_core::{
    publish::{Platform, Published},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, Visitor};

use super::{
    error::LoadError,
    heap::Counted,
    reads::Reads,
    run::{Load, Loaded, reading, together},
    schemes::published,
};
use crate::contender::{ANY, Publication};

/// A run in which a reader is stalled within a walk for the load's time.
///
/// Not [`Visitor::TIMED`]: what counts are waits, not single instructions.
#[derive(Debug)]
pub struct Stalled<'a> {
    /// The load, without the stalled reader. Its rate bounds the memory that is kept.
    pub load: Load<'a>,
    /// The room for all versions.
    pub capacity: Capacity,
}

/// What others did while a reader was stalled.
#[derive(Clone, Debug)]
pub struct StalledRun {
    /// Publishes that had returned when the reader left.
    pub returned: u64,
    /// Reads of the other readers, and publishes. Those that waited for the stalled reader are included: they returned
    /// when it left.
    pub loaded: Loaded,
    /// Bytes that were allocated and not freed from the first publish to the last that had returned. `None` if there was
    /// none, or if the program's allocator does not count bytes.
    pub bytes_kept: Option<i64>,
}

/// The time for which the other readers go on when the publisher's time is over, and the stalled one when theirs is: so
/// what does not wait for it has returned.
const LONGER: Duration = Duration::from_millis(5);

impl Visitor for Stalled<'_> {
    type Output = Result<StalledRun, LoadError>;

    fn capacity(&self) -> Capacity {
        self.capacity
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Self::Output {
        let load = &self.load;
        let counted = Counted::begin();
        let kept = || counted.as_ref().map_or(0, Counted::kept);
        // One more, which stalls.
        let published: Published<S, P> = published(self.capacity, load.readers + 1);
        Publication::publish(&published, load.versions[0].lists())?;
        let filter = published.filter(&ANY);
        let mut reader = Some(published.reader()?);

        // Relaxed, with every other access to the three: each is a number by itself, and the publisher alone writes it.
        let (returned, kept_before, kept_since) = (AtomicU64::new(0), AtomicI64::new(0), AtomicI64::new(0));
        let publish = |turn: usize| {
            if turn == 1 {
                // All readers are registered by now.
                kept_before.store(kept(), Relaxed);
            }
            let begin = load.clock.now();
            Publication::publish(&published, load.versions[turn % load.versions.len()].lists())?;
            let ticks = load.clock.now().saturating_sub(begin);
            // Here, since a publish under way may have allocated more.
            kept_since.store(kept() - kept_before.load(Relaxed), Relaxed);
            Ok(ticks)
        };
        let (mut returned_before, mut bytes_kept) = (0, None);
        let others = Load { time: load.time + LONGER, ..*load };
        let read = reading(&published, &others);
        // The threads of the other readers end only when this one has left: a thread frees memory when it ends, and a
        // busy machine may delay the publisher for longer than it delays them.
        let left = Meeting::new(load.readers + 1);
        let read_and_wait = |start: &Meeting, reads: &mut Reads| {
            let result = read(start, reads);
            left.wait();
            result
        };
        let loaded = together(load, &publish, &read_and_wait, &returned, &mut |start| {
            // Dropped before the meeting, since the others may wait for the guard and for the reader.
            if let Some(mut reader) = reader.take() {
                let guard = reader.enter();
                let mut walk = guard.walk(load.nodes[0], &filter);
                black_box(walk.next());
                start();
                thread::sleep(load.time + 2 * LONGER);
                returned_before = returned.load(Relaxed);
                bytes_kept = counted.as_ref().filter(|_| returned_before > 0).map(|_| kept_since.load(Relaxed));
            }
            left.wait();
        })?;
        Ok(StalledRun { returned: returned_before, loaded, bytes_kept })
    }
}
