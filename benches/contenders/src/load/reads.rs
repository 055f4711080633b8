//! Timed reads of one thread: each by itself, and in batches.

use std::{hint::black_box, ops::AddAssign, time::Duration};

use hdrhistogram::CreationError;
use zonelist_core::NodeId;

use super::{clock::Clock, times::Times};
use crate::contender::{Contender, ReadList, after_compiler_fence};

/// Reads that are timed one by one, and then as many that are timed as one.
pub const BATCH: usize = 256;

/// The timed loops; every [`ReadList`] has them. Only these are compiled for each reader.
pub trait TimedReads {
    /// Reads the first zone of each node in turn, and stores the ticks of each read, with those of a pair of clock
    /// readings. Between two reads, not timed, the reader may report that it does not read.
    fn one_by_one(&mut self, clock: &Clock, nodes: &[NodeId], ticks: &mut [u64]);

    /// The ticks of all reads of the first zone of each node in turn, with those of a pair of clock readings.
    fn batch(&mut self, clock: &Clock, nodes: &[NodeId]) -> u64;
}

impl<L: ReadList> TimedReads for L {
    #[inline(never)]
    fn one_by_one(&mut self, clock: &Clock, nodes: &[NodeId], ticks: &mut [u64]) {
        for (&node, ticks) in nodes.iter().zip(ticks) {
            let begin = clock.now();
            black_box(after_compiler_fence(|| self.first(node)));
            // The counters of two CPUs may differ by a few ticks.
            *ticks = clock.now().saturating_sub(begin);
            self.between_reads();
        }
    }

    fn batch(&mut self, clock: &Clock, nodes: &[NodeId]) -> u64 {
        let begin = clock.now();
        black_box(self.independent(nodes));
        let ticks = clock.now().saturating_sub(begin);
        self.between_reads();
        ticks
    }
}

/// The times of reads.
#[derive(Clone, Debug)]
pub struct Reads {
    /// Each read by itself, in nanoseconds.
    pub single: Times,
    /// Batches: the mean time of a read in each, in picoseconds.
    pub batches: Times,
}

impl Reads {
    /// No reads.
    ///
    /// # Errors
    /// A histogram can't be made.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Self { single: Times::new()?, batches: Times::new()? })
    }

    /// The number of reads, timed in either way.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.single.count() + self.batches.count() * BATCH as u64
    }

    /// The mean time of a read in nanoseconds: the median over all batches.
    #[must_use]
    pub fn read_ns(&self) -> Option<f64> {
        Some(self.batches.quantile(0.5)? as f64 / 1e3)
    }

    /// Times reads for this time, in both ways by turns. There are as many nodes as a multiple of [`BATCH`].
    ///
    /// A read that has begun ends, however late; so do the others of its batch.
    pub(super) fn run(&mut self, reader: &mut dyn TimedReads, clock: &Clock, nodes: &[NodeId], time: Duration) {
        let mut ticks = [0; BATCH];
        let end = clock.now() + clock.ticks(time);
        for nodes in nodes.chunks_exact(BATCH).cycle() {
            if clock.now() >= end {
                return;
            }
            reader.one_by_one(clock, nodes, &mut ticks);
            let batch = reader.batch(clock, nodes);
            // Recorded behind the timed loops, so that those have the caches for themselves.
            ticks.iter().for_each(|&ticks| self.single.record(clock.ns(ticks).round() as u64));
            self.batches.record((clock.ns(batch) * 1e3 / BATCH as f64).round() as u64);
        }
    }
}

impl AddAssign<&Self> for Reads {
    fn add_assign(&mut self, other: &Self) {
        self.single.add(&other.single);
        self.batches.add(&other.batches);
    }
}
