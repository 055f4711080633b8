//! Workload (b): many frames are allocated, then freed in a random sequence.

use super::outcome::Outcome;
use crate::{
    clock::TimedOps,
    pool::{BlockRef, Pool, alloc, free},
    run_config::{RunConfig, WorkloadError},
};

/// Frames of each thread, at most: a quarter of a small pool.
const FRAMES: usize = 1 << 16;

/// Runs the workload once.
pub(super) fn run<P: Pool>(config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    let pool = P::new(config.frames, config.threads)?;
    let count = FRAMES.min(config.frames / 4);
    let timed = config.run_threads(vec![(); config.threads], |thread, (), start| {
        let mut handle = pool.handle(thread);
        let mut held = vec![None; count];
        let mut free_sequence: Vec<u32> = (0..count as u32).collect();
        config.rng(thread).shuffle(&mut free_sequence);

        // Only the second pass is timed: the first finds a pool that is free as a whole, which happens once.
        pass::<P>(&mut handle, &mut held, &free_sequence);
        start.wait();
        let mut refused = 0;
        let timed = TimedOps::of_all(count, || refused = pass::<P>(&mut handle, &mut held, &free_sequence));
        timed.with_refused(refused)
    })?;
    Ok(Outcome::sum(timed))
}

/// Allocates a frame for every entry of `held`, then frees the entries in this sequence; returns the refused requests.
fn pass<P: Pool>(handle: &mut P::Handle<'_>, held: &mut [Option<BlockRef>], free_sequence: &[u32]) -> u64 {
    let mut refused = 0;
    for entry in &mut *held {
        *entry = alloc::<P>(handle, 0, true);
        refused += u64::from(entry.is_none());
    }
    for &entry in free_sequence {
        if let Some(block) = held[entry as usize] {
            // SAFETY: the loop above allocated the block at order 0, and each entry occurs once in the sequence.
            unsafe { free::<P>(handle, block, 0) };
        }
    }
    refused
}
