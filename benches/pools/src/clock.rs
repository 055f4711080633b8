//! CPU time of the calling thread, which does not count preemptions.

use std::{ops::Add, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Operations between two reads of the clock. A read takes as long as a hundred operations of the baseline.
const CHUNK: usize = 1 << 14;

/// CPU time after which a timed loop ends early. The slowest peer takes a thousand times as long as the fastest, and
/// a longer loop would make its figure no more exact.
pub(super) const ENOUGH: Duration = Duration::from_millis(60);

/// A number of operations with the CPU time that they took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimedOps {
    /// CPU time in nanoseconds.
    pub ns: u64,
    /// Operations.
    pub ops: u64,
    /// Operations that were refused requests for a block.
    pub refused: u64,
}

impl TimedOps {
    /// Times up to `ops` calls, each with its number. A slow loop ends after 60 ms, with fewer operations.
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

    /// Times one call that does `ops` operations.
    pub fn of_all(ops: usize, all: impl FnOnce()) -> Self {
        let begin = cpu_time();
        all();
        let took = cpu_time().saturating_sub(begin);
        Self { ns: took.as_nanos() as u64, ops: ops as u64, refused: 0 }
    }

    /// The same time and operations, with this number of refused requests.
    #[must_use]
    pub fn with_refused(self, refused: u64) -> Self {
        Self { refused, ..self }
    }

    /// Nanoseconds per operation.
    #[must_use]
    pub fn each(self) -> f64 {
        self.ns as f64 / self.ops.max(1) as f64
    }
}

impl Add for TimedOps {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Self { ns, ops, refused } = other;
        Self { ns: self.ns + ns, ops: self.ops + ops, refused: self.refused + refused }
    }
}

/// CPU time of the calling thread since its start.
fn cpu_time() -> Duration {
    // A thread's CPU time is never negative, so neither cast changes a value.
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_operations_are_cut_short_and_counted() {
        let mut done = 0;
        let timed = TimedOps::of_many(usize::MAX, |i| done = i as u64 + 1);
        assert_eq!(timed.ops, done);
        assert!(Duration::from_nanos(timed.ns) >= ENOUGH);
        assert_eq!(TimedOps::of_many(CHUNK + 1, |_| ()).ops, CHUNK as u64 + 1);
    }

    #[test]
    fn a_sleep_takes_no_cpu_time() {
        let timed = TimedOps::of_all(1, || std::thread::sleep(Duration::from_millis(50)));
        assert!(timed.ns < 40_000_000, "{timed:?}");
    }

    #[test]
    fn timed_operations_of_threads_add_up() {
        let timed = TimedOps { ns: 30, ops: 10, refused: 1 } + TimedOps { ns: 50, ops: 10, refused: 0 };
        assert_eq!((timed.each(), timed.refused), (4.0, 1));
        assert_eq!(TimedOps::default().each(), 0.0);
    }
}
