//! (a) and (d): a block is allocated and freed, over and over.

use std::hint::black_box;

use super::{Outcome, sum};
use crate::{
    Pool,
    clock::Span,
    course::{Course, TrialError},
    pool::{alloc, free},
};

/// Pairs that are timed, at the most.
const PAIRS: usize = 1 << 19;

/// Pairs before the clock starts.
const WARM: usize = 1 << 12;

/// Runs it once.
pub(crate) fn run<P: Pool>(course: &Course<'_>, order: u8) -> Result<Outcome, TrialError> {
    let pool = P::new(course.frames, course.threads)?;
    let spans = course.together(vec![(); course.threads], |thread, (), gate| {
        let mut local = pool.local(thread);
        let (order, mut refused) = (black_box(order), 0);
        let mut pair = |_| match alloc::<P>(&mut local, order, true) {
            // SAFETY: allocated just now, at this order.
            Some(block) => unsafe { free::<P>(&mut local, block, order) },
            None => refused += 1,
        };
        (0..WARM).for_each(&mut pair);
        gate.wait();
        let span = Span::of_many(PAIRS, pair);
        span.with_refused(refused)
    })?;
    Ok(sum(spans))
}
