//! What a thread spends, by its own clock: a preemption does not count.

use std::{ops::Add, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Operations between two looks at the clock, which takes as long as a hundred of the floor's.
const CHUNK: usize = 1 << 14;

/// A loop that has taken this long is told to end: the slowest peer takes a thousand times what
/// the fastest does, and is no better known for it.
pub(super) const ENOUGH: Duration = Duration::from_millis(60);

/// Operations, and the time they took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// CPU time, in nanoseconds.
    pub ns: u64,
    /// How many.
    pub ops: u64,
    /// Of them, requests for a block that were refused.
    pub refused: u64,
}

impl Span {
    /// Times so many operations, which are told their number; fewer where they are slow.
    pub fn of_many(ops: usize, mut operation: impl FnMut(usize)) -> Self {
        let begin = cpu_time();
        let (mut done, mut took) = (0, Duration::ZERO);
        while done < ops && took < ENOUGH {
            let end = ops.min(done + CHUNK);
            (done..end).for_each(&mut operation);
            done = end;
            took = cpu_time().saturating_sub(begin);
        }
        Self { ns: took.as_nanos() as u64, ops: done as u64, refused: 0 }
    }

    /// Times something that is so many operations.
    pub fn of_all(ops: usize, all: impl FnOnce()) -> Self {
        let begin = cpu_time();
        all();
        let took = cpu_time().saturating_sub(begin);
        Self { ns: took.as_nanos() as u64, ops: ops as u64, refused: 0 }
    }

    /// The same, with so many requests refused.
    #[must_use]
    pub fn with_refused(self, refused: u64) -> Self {
        Self { refused, ..self }
    }

    /// Nanoseconds of an operation.
    #[must_use]
    pub fn each(self) -> f64 {
        self.ns as f64 / self.ops.max(1) as f64
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Self { ns, ops, refused } = other;
        Self { ns: self.ns + ns, ops: self.ops + ops, refused: self.refused + refused }
    }
}

/// CPU time of the calling thread since it began.
fn cpu_time() -> Duration {
    // Neither is ever negative.
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_operations_are_cut_short_and_counted() {
        let mut done = 0;
        let span = Span::of_many(usize::MAX, |i| done = i as u64 + 1);
        assert_eq!(span.ops, done);
        assert!(Duration::from_nanos(span.ns) >= ENOUGH);
        assert_eq!(Span::of_many(CHUNK + 1, |_| ()).ops, CHUNK as u64 + 1);
    }

    #[test]
    fn sleep_is_not_spent() {
        let span = Span::of_all(1, || std::thread::sleep(Duration::from_millis(50)));
        assert!(span.ns < 40_000_000, "{span:?}");
    }

    #[test]
    fn spans_of_threads_add_up() {
        let span = Span { ns: 30, ops: 10, refused: 1 } + Span { ns: 50, ops: 10, refused: 0 };
        assert_eq!((span.each(), span.refused), (4.0, 1));
        assert_eq!(Span::default().each(), 0.0);
    }
}
