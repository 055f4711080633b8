//! (c): half of the frames are taken, scattered over all; one of them is freed, then one allocated.

use super::{Outcome, sum};
use crate::{
    Block, Pool,
    clock::Span,
    course::{Course, TrialError},
    pool::{alloc, free},
};

/// Steps that are timed, at the most: each frees one frame and allocates one.
const STEPS: usize = 1 << 18;

/// Runs it once.
pub(super) fn run<P: Pool>(course: &Course<'_>) -> Result<Outcome, TrialError> {
    let pool = P::new(course.frames, course.threads)?;
    let spans = course.together(vec![(); course.threads], |thread, (), gate| {
        let mut local = pool.local(thread);
        let mut draw = course.draw(thread);
        let mut held = scattered::<P>(&mut local, course.frames / course.threads, &mut draw);
        let victims: Vec<u32> = (0..STEPS).map(|_| draw.u32(..held.len().max(1) as u32)).collect();

        gate.wait();
        let mut refused = 0;
        let span = Span::of_many(STEPS, |step| {
            let Some(place) = held.get_mut(victims[step] as usize) else { return };
            if let Some(block) = *place {
                // SAFETY: allocated at this order; what is allocated next, or nothing, takes its place.
                unsafe { free::<P>(&mut local, block, 0) };
            }
            *place = alloc::<P>(&mut local, 0, true);
            refused += u64::from(place.is_none());
        });
        span.with_refused(refused)
    })?;
    Ok(sum(spans))
}

/// Takes three quarters of so many frames, and gives a third of them back at random.
fn scattered<P: Pool>(local: &mut P::Local<'_>, share: usize, draw: &mut fastrand::Rng) -> Vec<Option<Block>> {
    let mut held: Vec<_> = (0..share / 4 * 3).map_while(|_| alloc::<P>(local, 0, true)).map(Some).collect();
    draw.shuffle(&mut held);
    for block in held.drain(held.len() / 3 * 2..).flatten() {
        // SAFETY: allocated above at this order, and held no longer.
        unsafe { free::<P>(local, block, 0) };
    }
    held
}
