//! Workloads (a) and (d): a block is allocated and freed, repeatedly.

use std::hint::black_box;

use super::outcome::Outcome;
use crate::{
    clock::TimedOps,
    pool::{Pool, alloc, free},
    run_config::{RunConfig, WorkloadError},
};

/// Timed pairs of each thread, at most.
const PAIRS: usize = 1 << 19;

/// Pairs of each thread before the clock starts.
const WARM_UP: usize = 1 << 12;

/// Runs the workload once, with blocks of this order.
pub(crate) fn run<P: Pool>(config: &RunConfig<'_>, order: u8) -> Result<Outcome, WorkloadError> {
    let pool = P::new(config.frames, config.threads)?;
    let timed = config.run_threads(vec![(); config.threads], |thread, (), start| {
        let mut handle = pool.handle(thread);
        let (order, mut refused) = (black_box(order), 0);
        let mut pair = |_| match alloc::<P>(&mut handle, order, true) {
            // SAFETY: the same handle has just allocated the block, at this order.
            Some(block) => unsafe { free::<P>(&mut handle, block, order) },
            None => refused += 1,
        };
        (0..WARM_UP).for_each(&mut pair);
        start.wait();
        let timed = TimedOps::of_many(PAIRS, pair);
        timed.with_refused(refused)
    })?;
    Ok(Outcome::sum(timed))
}
