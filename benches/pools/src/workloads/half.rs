//! Workload (c): with half of the frames allocated, at random, one is freed and another allocated.

use super::outcome::Outcome;
use crate::{
    clock::TimedOps,
    pool::{BlockRef, Pool, alloc, free},
    run_config::{RunConfig, WorkloadError},
};

/// Timed steps of each thread, at most. Each frees one frame and allocates one.
const STEPS: usize = 1 << 18;

/// Runs the workload once.
pub(super) fn run<P: Pool>(config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    let pool = P::new(config.frames, config.threads)?;
    let timed = config.run_threads(vec![(); config.threads], |thread, (), start| {
        let mut handle = pool.handle(thread);
        let mut rng = config.rng(thread);
        let mut held = scattered::<P>(&mut handle, config.frames / config.threads, &mut rng);
        // Victims are chosen before the clock starts, so that the generator's time is not counted.
        let victims: Vec<u32> = (0..STEPS).map(|_| rng.u32(..held.len().max(1) as u32)).collect();

        start.wait();
        let mut refused = 0;
        let timed = TimedOps::of_many(STEPS, |step| {
            let Some(entry) = held.get_mut(victims[step] as usize) else { return };
            if let Some(block) = *entry {
                // SAFETY: this handle allocated the block at order 0; the entry is overwritten below, so the block
                // is freed once.
                unsafe { free::<P>(&mut handle, block, 0) };
            }
            *entry = alloc::<P>(&mut handle, 0, true);
            refused += u64::from(entry.is_none());
        });
        timed.with_refused(refused)
    })?;
    Ok(Outcome::sum(timed))
}

/// Allocates three quarters of `share` frames, frees a third of these at random, and returns the rest.
fn scattered<P: Pool>(handle: &mut P::Handle<'_>, share: usize, rng: &mut fastrand::Rng) -> Vec<Option<BlockRef>> {
    let mut held: Vec<_> = (0..share / 4 * 3).map_while(|_| alloc::<P>(handle, 0, true)).map(Some).collect();
    rng.shuffle(&mut held);
    for block in held.drain(held.len() / 3 * 2..).flatten() {
        // SAFETY: this handle allocated the block at order 0, and `drain` has removed it from `held`.
        unsafe { free::<P>(handle, block, 0) };
    }
    held
}
