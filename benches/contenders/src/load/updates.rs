//! Timed publishes of one thread, at a pace.

use std::{
    ops::AddAssign,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use hdrhistogram::CreationError;

use super::{
    clock::Clock,
    error::LoadError,
    pace::{Pacer, Rate},
    times::Times,
};

/// The times of publishes, or of grace periods.
#[derive(Clone, Debug)]
pub struct Updates {
    /// From the call until it returns, in nanoseconds. What was late does not count as longer.
    pub times: Times,
    /// The time in which they were made.
    pub elapsed: Duration,
}

/// One publish, or one grace period: called with its number, returns its ticks.
pub(super) type Update<'u> = dyn Fn(usize) -> Result<u64, LoadError> + Sync + 'u;

impl Updates {
    /// No updates.
    ///
    /// # Errors
    /// A histogram can't be made.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Self { times: Times::new()?, elapsed: Duration::ZERO })
    }

    /// The number of updates a second. `None` of less than a millisecond, in which none may be due.
    #[must_use]
    pub fn a_second(&self) -> Option<f64> {
        (self.elapsed >= Duration::from_millis(1)).then(|| self.times.count() as f64 / self.elapsed.as_secs_f64())
    }

    /// Updates for this time, at a pace. `returned` counts each update when it has returned.
    pub(super) fn run(
        &mut self,
        update: &Update<'_>,
        clock: &Clock,
        rate: Rate,
        time: Duration,
        returned: &AtomicU64,
    ) -> Result<(), LoadError> {
        if time.is_zero() {
            return Ok(());
        }
        let (begin, mut pacer) = (Instant::now(), Pacer::new(rate));
        loop {
            let since_start = begin.elapsed();
            let Some(left) = time.checked_sub(since_start).filter(|left| !left.is_zero()) else { break };
            match pacer.wait(since_start) {
                Some(Duration::ZERO) => {
                    // The first version is published before the start.
                    let ticks = update(pacer.count() as usize + 1)?;
                    self.times.record(clock.ns(ticks).round() as u64);
                    pacer.published();
                    // Relaxed, with the load in `Stalled`: the count carries no data.
                    returned.fetch_add(1, Relaxed);
                }
                wait => thread::sleep(wait.map_or(left, |wait| wait.min(left))),
            }
        }
        self.elapsed += begin.elapsed();
        Ok(())
    }
}

impl AddAssign<&Self> for Updates {
    fn add_assign(&mut self, other: &Self) {
        self.times.add(&other.times);
        self.elapsed += other.elapsed;
    }
}
