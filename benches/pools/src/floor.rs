//! The floor: a thread's own stack of words, which nobody shares, splits or merges.

use super::{Block, Pool, pool::SetUpError};

/// Hands out numbers from a `Vec` of each thread.
#[derive(Debug)]
pub struct Floor {
    each: u64,
}

impl Pool for Floor {
    type Local<'p> = Vec<u64>;

    fn new(frames: usize, threads: usize) -> Result<Self, SetUpError> {
        Ok(Self { each: (frames / threads.max(1)) as u64 })
    }

    fn local(&self, _: usize) -> Vec<u64> {
        (1..=self.each).collect()
    }

    fn alloc(local: &mut Vec<u64>, _: u8, _: bool) -> Option<Block> {
        local.pop().and_then(Block::new)
    }

    unsafe fn free(local: &mut Vec<u64>, block: Block, _: u8) {
        // It never has to grow here; that it could is part of what a push costs.
        local.push(block.get());
    }
}
