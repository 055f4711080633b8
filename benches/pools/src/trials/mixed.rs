//! (e): blocks of all orders come and go at random, and what that leaves of the large ones.
//!
//! Every order is half as frequent as the one below, so each takes about as many frames as any
//! other. A tenth of the blocks is unmovable. First the pool is filled to 80 %; then blocks are freed
//! and allocated at random around that mark, which is timed; then they are freed at random down
//! to 30 %, and the blocks of order 9 that can still be allocated are counted; then all movable
//! ones are freed, as if they had moved elsewhere, and it is counted again.

use super::{HUGE, Outcome};
use crate::{
    Block, Pool,
    clock::Span,
    course::{Course, TrialError},
    pool::{LARGEST, alloc, free},
};

/// Steps that are timed: each frees a block or allocates one.
const STEPS: usize = 300_000;

/// Percent of the frames that are taken while the clock runs.
const FULL: usize = 80;

/// Percent of the frames that are still taken when blocks are counted.
const SHRUNK: usize = 30;

/// Blocks of order 9 that could still be allocated, as a share of [`ideal`].
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Left {
    /// With 30 % of the frames taken, at random.
    pub mixed: f64,
    /// With only the unmovable blocks among them taken.
    pub unmovable: f64,
}

/// Blocks of order 9 that so many free frames would be, if they all lay together.
#[must_use]
pub fn ideal(free: usize) -> usize {
    free >> HUGE
}

/// A block that is held.
#[derive(Clone, Copy)]
struct Held {
    block: Block,
    order: u8,
    movable: bool,
}

/// What a step does: allocates this if there is room for it, else frees one of those held.
#[derive(Clone, Copy)]
struct Step {
    /// The victim's place, as a fraction of all places.
    victim: u32,
    order: u8,
    movable: bool,
}

impl Step {
    fn draw(from: &mut fastrand::Rng) -> Self {
        let order = (from.u64(..).trailing_zeros() as u8).min(LARGEST);
        Self { victim: from.u32(..), order, movable: from.u8(..10) != 0 }
    }
}

/// A pool's user: what it holds, and how much that is.
struct User<'p, P: Pool + 'p> {
    local: P::Local<'p>,
    held: Vec<Held>,
    /// Frames of all that is held.
    frames: usize,
    refused: u64,
}

/// Runs it once, on one thread.
pub(super) fn run<P: Pool>(course: &Course<'_>) -> Result<Outcome, TrialError> {
    let pool = P::new(course.frames, course.threads)?;
    let mut outcomes = course.together(vec![()], |thread, (), _| {
        let mut draw = course.draw(thread);
        let full = course.frames * FULL / 100;
        let mut user = User::<P> { local: pool.local(thread), held: Vec::new(), frames: 0, refused: 0 };
        user.held.reserve(course.frames);
        user.fill(full, &mut draw);

        let steps: Vec<Step> = (0..STEPS).map(|_| Step::draw(&mut draw)).collect();
        let span = Span::of_all(STEPS, || steps.iter().for_each(|&step| user.step(step, full)));

        draw.shuffle(&mut user.held);
        user.free_while(|user| user.frames > course.frames * SHRUNK / 100);
        let mixed = user.share_left(course.frames);
        user.held.sort_unstable_by_key(|held| held.movable);
        user.free_while(|user| user.held.last().is_some_and(|held| held.movable));
        let unmovable = user.share_left(course.frames);
        Outcome { span: span.with_refused(user.refused), left: Some(Left { mixed, unmovable }) }
    })?;
    outcomes.pop().ok_or(TrialError::Panicked)
}

impl<P: Pool> User<'_, P> {
    /// Allocates until so many frames are held, or until it is clear that they can't be had.
    fn fill(&mut self, frames: usize, draw: &mut fastrand::Rng) {
        let mut tries = 0..frames;
        while self.frames < frames && tries.next().is_some() {
            self.alloc(Step::draw(draw));
        }
        self.refused = 0;
    }

    /// Allocates while fewer than so many frames are held, else frees.
    #[inline]
    fn step(&mut self, step: Step, full: usize) {
        if self.frames < full {
            self.alloc(step);
        } else {
            let place = (self.held.len() as u64 * u64::from(step.victim)) >> 32;
            let victim = self.held.swap_remove(place as usize);
            self.free(victim);
        }
    }

    #[inline]
    fn alloc(&mut self, Step { order, movable, .. }: Step) {
        match alloc::<P>(&mut self.local, order, movable) {
            Some(block) => {
                self.held.push(Held { block, order, movable });
                self.frames += 1 << order;
            }
            None => self.refused += 1,
        }
    }

    #[inline]
    fn free(&mut self, Held { block, order, .. }: Held) {
        self.frames -= 1 << order;
        // SAFETY: allocated at this order, and held no longer.
        unsafe { free::<P>(&mut self.local, block, order) };
    }

    /// Frees from the end of what is held.
    fn free_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
        while goes_on(self)
            && let Some(last) = self.held.pop()
        {
            self.free(last);
        }
    }

    /// Counts the blocks of order 9 that can be allocated, by allocating them; the share of the ideal.
    fn share_left(&mut self, all: usize) -> f64 {
        let ideal = ideal(all - self.frames);
        let (held, frames) = (self.held.len(), self.frames);
        let refused = self.refused;
        while self.refused == refused {
            self.alloc(Step { victim: 0, order: HUGE, movable: true });
        }
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
    fn the_ideal_is_of_whole_blocks() {
        assert_eq!([0, 511, 512, 1535, 262_144].map(ideal), [0, 0, 1, 2, 512]);
    }

    #[test]
    fn orders_halve_and_a_tenth_is_unmovable() {
        let mut draw = fastrand::Rng::with_seed(1);
        let steps: Vec<Step> = (0..1 << 16).map(|_| Step::draw(&mut draw)).collect();
        let count = |like: &dyn Fn(&Step) -> bool| steps.iter().filter(|step| like(step)).count() as f64;
        for order in 0..LARGEST - 2 {
            let ratio = count(&|step| step.order == order) / count(&|step| step.order == order + 1);
            assert!((1.5..2.7).contains(&ratio), "order {order}: {ratio}");
        }
        assert!(steps.iter().all(|step| step.order <= LARGEST));
        assert!((0.09..0.11).contains(&(count(&|step| !step.movable) / steps.len() as f64)));
    }
}
