//! Workload (e): blocks of all orders are allocated and freed at random, and the free blocks of order 9 are counted.
//!
//! Each order is half as frequent as the order below it, so that all orders take about the same number of frames. A
//! tenth of the blocks is unmovable.
//!
//! 1. Allocate at random until 80 % of the frames are allocated.
//! 2. Allocate below that level and free a random block above it: the timed part.
//! 3. Free random blocks until 30 % of the frames are allocated, and count the free blocks of order 9.
//! 4. Free all movable blocks, as if they had migrated elsewhere, and count again.

use super::outcome::{HugeShare, Outcome, ideal_huge_blocks};
use crate::{
    clock::TimedOps,
    pool::{BlockRef, HUGE_ORDER, LARGEST_ORDER, Pool, alloc, free},
    run_config::{RunConfig, WorkloadError},
};

/// Timed steps. Each allocates a block or frees one.
const STEPS: usize = 300_000;

/// Percent of the frames that are allocated in the timed part.
const FULL: usize = 80;

/// Percent of the frames that are still allocated when blocks are counted.
const SHRUNK: usize = 30;

/// An allocated block.
#[derive(Clone, Copy)]
struct HeldBlock {
    block: BlockRef,
    order: u8,
    movable: bool,
}

/// The random choices of one step: the block to allocate below the level, and the block to free above it.
#[derive(Clone, Copy)]
struct Step {
    /// The position of the block to free, as a fraction of all positions.
    victim: u32,
    order: u8,
    movable: bool,
}

impl Step {
    fn random(rng: &mut fastrand::Rng) -> Self {
        let order = (rng.u64(..).trailing_zeros() as u8).min(LARGEST_ORDER);
        Self { victim: rng.u32(..), order, movable: rng.u8(..10) != 0 }
    }
}

/// The user of a pool, with the blocks that it has allocated.
struct User<'p, P: Pool + 'p> {
    handle: P::Handle<'p>,
    held: Vec<HeldBlock>,
    /// Frames of all blocks in `held`.
    frames: usize,
    refused: u64,
}

/// Runs the workload once, on one thread.
pub(super) fn run<P: Pool>(config: &RunConfig<'_>) -> Result<Outcome, WorkloadError> {
    let pool = P::new(config.frames, config.threads)?;
    let mut outcomes = config.run_threads(vec![()], |thread, (), _| {
        let mut rng = config.rng(thread);
        let full = config.frames * FULL / 100;
        let mut user = User::<P> { handle: pool.handle(thread), held: Vec::new(), frames: 0, refused: 0 };
        // Room for all frames one by one: the vector does not grow while the clock runs.
        user.held.reserve(config.frames);
        user.fill(full, &mut rng);

        let steps: Vec<Step> = (0..STEPS).map(|_| Step::random(&mut rng)).collect();
        let timed = TimedOps::of_all(STEPS, || steps.iter().for_each(|&step| user.step(step, full)));

        rng.shuffle(&mut user.held);
        user.free_while(|user| user.frames > config.frames * SHRUNK / 100);
        let mixed = user.huge_share(config.frames);
        // Unmovable blocks sort first, so that `free_while` finds all movable blocks at the end.
        user.held.sort_unstable_by_key(|held| held.movable);
        user.free_while(|user| user.held.last().is_some_and(|held| held.movable));
        let unmovable = user.huge_share(config.frames);
        Outcome { timed: timed.with_refused(user.refused), huge_share: Some(HugeShare { mixed, unmovable }) }
    })?;
    outcomes.pop().ok_or(WorkloadError::Panicked)
}

impl<P: Pool> User<'_, P> {
    /// Allocates until this number of frames is held, with at most as many requests.
    fn fill(&mut self, frames: usize, rng: &mut fastrand::Rng) {
        let mut tries = 0..frames;
        while self.frames < frames && tries.next().is_some() {
            self.alloc(Step::random(rng));
        }
        self.refused = 0;
    }

    /// Allocates below `full` frames, else frees.
    #[inline]
    fn step(&mut self, step: Step, full: usize) {
        if self.frames < full {
            self.alloc(step);
        } else {
            // The multiplication scales the fraction to an index without a division in the timed part.
            let index = (self.held.len() as u64 * u64::from(step.victim)) >> 32;
            let victim = self.held.swap_remove(index as usize);
            self.free(victim);
        }
    }

    #[inline]
    fn alloc(&mut self, Step { order, movable, .. }: Step) {
        match alloc::<P>(&mut self.handle, order, movable) {
            Some(block) => {
                self.held.push(HeldBlock { block, order, movable });
                self.frames += 1 << order;
            }
            None => self.refused += 1,
        }
    }

    #[inline]
    fn free(&mut self, HeldBlock { block, order, .. }: HeldBlock) {
        self.frames -= 1 << order;
        // SAFETY: this handle allocated the block at `order`, and every caller has removed it from `held`.
        unsafe { free::<P>(&mut self.handle, block, order) };
    }

    /// Frees blocks from the end of `held` while the condition is true.
    fn free_while(&mut self, condition: impl Fn(&Self) -> bool) {
        while condition(self)
            && let Some(last) = self.held.pop()
        {
            self.free(last);
        }
    }

    /// Allocates all free blocks of order 9 and frees them again; returns their number as a share of the ideal.
    fn huge_share(&mut self, all_frames: usize) -> f64 {
        let ideal = ideal_huge_blocks(all_frames - self.frames);
        let (held, frames) = (self.held.len(), self.frames);
        let refused = self.refused;
        while self.refused == refused {
            self.alloc(Step { victim: 0, order: HUGE_ORDER, movable: true });
        }
        // The request that ends the count is no failure of the workload.
        self.refused = refused;
        let count = self.held.len() - held;
        self.free_while(|user| user.frames > frames);
        count as f64 / ideal.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_half_as_frequent_and_a_tenth_is_unmovable() {
        let mut rng = fastrand::Rng::with_seed(1);
        let steps: Vec<Step> = (0..1 << 16).map(|_| Step::random(&mut rng)).collect();
        let count = |like: &dyn Fn(&Step) -> bool| steps.iter().filter(|step| like(step)).count() as f64;
        for order in 0..LARGEST_ORDER - 2 {
            let ratio = count(&|step| step.order == order) / count(&|step| step.order == order + 1);
            assert!((1.5..2.7).contains(&ratio), "order {order}: {ratio}");
        }
        assert!(steps.iter().all(|step| step.order <= LARGEST_ORDER));
        assert!((0.09..0.11).contains(&(count(&|step| !step.movable) / steps.len() as f64)));
    }
}
