//! The baseline: a stack of words that one thread owns, without sharing, splits or merges.

use super::pool::{BlockRef, Pool, PoolError};

/// Allocates numbers from a `Vec` of each thread: the cheapest possible contender.
#[derive(Debug)]
pub struct Baseline {
    frames_per_thread: u64,
}

impl Pool for Baseline {
    type Handle<'p> = Vec<u64>;

    fn new(frames: usize, threads: usize) -> Result<Self, PoolError> {
        Ok(Self { frames_per_thread: (frames / threads.max(1)) as u64 })
    }

    fn handle(&self, _: usize) -> Vec<u64> {
        (1..=self.frames_per_thread).collect()
    }

    fn alloc(handle: &mut Vec<u64>, _: u8, _: bool) -> Option<BlockRef> {
        handle.pop().and_then(BlockRef::new)
    }

    unsafe fn free(handle: &mut Vec<u64>, block: BlockRef, _: u8) {
        // The vector never grows here, since it began full. The check for that is part of a push's cost.
        handle.push(block.get());
    }
}
