//! (b): many frames are allocated, then freed in random order.

use super::{Outcome, sum};
use crate::{
    Block, Pool,
    clock::Span,
    course::{Course, TrialError},
    pool::{alloc, free},
};

/// Frames of each thread; a quarter of all where there are few.
const FRAMES: usize = 1 << 16;

/// Runs it once; the second pass is timed, since the first finds the pool as nobody ever will again.
pub(super) fn run<P: Pool>(course: &Course<'_>) -> Result<Outcome, TrialError> {
    let pool = P::new(course.frames, course.threads)?;
    let count = FRAMES.min(course.frames / 4);
    let spans = course.together(vec![(); course.threads], |thread, (), gate| {
        let mut local = pool.local(thread);
        let mut held = vec![None; count];
        let mut order: Vec<u32> = (0..count as u32).collect();
        course.draw(thread).shuffle(&mut order);

        pass::<P>(&mut local, &mut held, &order);
        gate.wait();
        let mut refused = 0;
        let span = Span::of_all(count, || refused = pass::<P>(&mut local, &mut held, &order));
        span.with_refused(refused)
    })?;
    Ok(sum(spans))
}

/// Allocates a frame for every place, then frees them in this order; how many requests were refused.
fn pass<P: Pool>(local: &mut P::Local<'_>, held: &mut [Option<Block>], order: &[u32]) -> u64 {
    let mut refused = 0;
    for place in &mut *held {
        *place = alloc::<P>(local, 0, true);
        refused += u64::from(place.is_none());
    }
    for &place in order {
        if let Some(block) = held[place as usize] {
            // SAFETY: allocated above at this order; every place comes once in the order.
            unsafe { free::<P>(local, block, 0) };
        }
    }
    refused
}
