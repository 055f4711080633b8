//! The pace of a publisher: absolute instants at which publishes are due.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

/// How often lists are published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rate {
    /// This number a second; 0 for never.
    PerSecond(u32),
    /// Each as soon as the one before has returned.
    Unpaced,
}

impl Rate {
    /// The rates that are measured.
    pub const ALL: [Self; 4] = [Self::PerSecond(0), Self::PerSecond(10), Self::PerSecond(1000), Self::Unpaced];
}

impl fmt::Display for Rate {
    /// The number, or `unpaced`: also the key in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => rate.fmt(f),
            Self::Unpaced => f.pad("unpaced"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The instants at which publishes are due.
///
/// Publish number `n` is due `(n + 1/2) / rate` after the start, whenever the ones before it have returned. So a late
/// publish is caught up: those that became due meanwhile follow without a pause. The half lets a run as long as one
/// period have one publish.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    rate: Rate,
    published: u64,
}

impl Pacer {
    /// A pacer without a publish so far.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, published: 0 }
    }

    /// The time until the next publish is due, at this time since the start: zero if it is late. `None` if there will
    /// be none.
    #[must_use]
    pub fn wait(&self, since_start: Duration) -> Option<Duration> {
        match self.rate {
            Rate::PerSecond(0) => None,
            Rate::PerSecond(rate) => {
                let due_ns = (2 * u128::from(self.published) + 1) * 1_000_000_000 / (2 * u128::from(rate));
                Some(Duration::from_nanos(due_ns as u64).saturating_sub(since_start))
            }
            Rate::Unpaced => Some(Duration::ZERO),
        }
    }

    /// Counts a publish.
    pub fn published(&mut self) {
        self.published += 1;
    }

    /// The number of publishes so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.published
    }

    /// The number of publishes that are due within a time since the start. `None` without a pace.
    #[must_use]
    pub fn due_within(rate: Rate, time: Duration) -> Option<u64> {
        match rate {
            Rate::PerSecond(rate) => {
                Some(((2 * time.as_nanos() * u128::from(rate) + 1_000_000_000) / 2_000_000_000) as u64)
            }
            Rate::Unpaced => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Publishes for 100 ms of a simulated time, in which publish number `n` takes `takes(n)`. Returns the times at
    /// which publishes began.
    fn begins(rate: Rate, takes: impl Fn(u64) -> Duration) -> Vec<Duration> {
        let (mut pacer, mut now, mut begins) = (Pacer::new(rate), Duration::ZERO, Vec::new());
        while let Some(wait) = pacer.wait(now) {
            now += wait;
            if now >= 100 * MS {
                break;
            }
            begins.push(now);
            now += takes(pacer.count());
            pacer.published();
        }
        begins
    }

    #[test]
    fn publishes_begin_when_they_are_due() {
        let on_time = begins(Rate::PerSecond(1000), |_| MS / 10);
        assert_eq!(on_time, (0..100).map(|n| n * MS + MS / 2).collect::<Vec<_>>());
        assert_eq!(begins(Rate::PerSecond(10), |_| MS), [50 * MS]);
        assert_eq!(begins(Rate::PerSecond(0), |_| MS), []);
        assert_eq!(begins(Rate::Unpaced, |_| MS).len(), 100);
    }

    #[test]
    fn a_late_publish_is_caught_up() {
        let late = begins(Rate::PerSecond(1000), |n| if n == 10 { 30 * MS } else { MS / 10 });
        let on_time = begins(Rate::PerSecond(1000), |_| MS / 10);
        assert_eq!(late.len(), on_time.len(), "no publish is lost");
        assert!(late.iter().zip(&on_time).all(|(late, due)| late >= due), "none begins before it is due");
        // Those that became due meanwhile follow at once.
        assert!(late[11..40].windows(2).all(|pair| pair[1] - pair[0] == MS / 10), "{late:?}");
        assert_eq!(late[50..], on_time[50..], "the later ones are on time");
    }

    #[test]
    fn publishes_that_take_longer_than_the_period_do_not_reach_the_rate() {
        assert_eq!(begins(Rate::PerSecond(1000), |_| 2 * MS).len(), 50);
    }

    #[test]
    fn the_count_of_due_publishes_is_that_of_begun_ones() {
        for rate in [0, 10, 1000] {
            let rate = Rate::PerSecond(rate);
            assert_eq!(Pacer::due_within(rate, 100 * MS), Some(begins(rate, |_| Duration::ZERO).len() as u64));
        }
        assert_eq!(Pacer::due_within(Rate::Unpaced, MS), None);
    }
}
