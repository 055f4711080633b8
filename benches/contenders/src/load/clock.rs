//! The clock of single reads: the time-stamp counter of the CPU, or [`Instant`] where there is none.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// A clock whose readings are ordered with the loads around them.
///
/// On x86-64 it is the time-stamp counter, if that runs at a constant rate: `lfence; rdtsc; lfence`. The first fence
/// waits until the loads before it have their values, the second holds back the loads behind the reading. A store that
/// is still in the store buffer is not waited for. Elsewhere it is [`Instant`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// True if ticks are those of the time-stamp counter. Otherwise they are nanoseconds since `origin`.
    has_counter: bool,
    origin: Instant,
    ns_per_tick: f64,
    resolution_ns: f64,
}

/// The time for which the counter is compared with [`Instant`]: its rate is then known to a thousandth of a percent.
const CALIBRATION: Duration = Duration::from_millis(10);

/// Pairs of readings from which the resolution is taken.
const PAIRS: usize = 10_000;

impl Clock {
    /// A clock with the rate of its ticks measured, which takes 10 ms.
    #[must_use]
    pub fn new() -> Self {
        let has_counter = has_constant_counter();
        let mut clock = Self { has_counter, origin: Instant::now(), ns_per_tick: 1.0, resolution_ns: 0.0 };
        if has_counter {
            let (begin, first) = (Instant::now(), clock.now());
            while begin.elapsed() < CALIBRATION {}
            clock.ns_per_tick = begin.elapsed().as_nanos() as f64 / clock.now().saturating_sub(first).max(1) as f64;
        }
        let mut last = clock.unordered();
        let steps = (0..PAIRS).map(|_| {
            let before = std::mem::replace(&mut last, black_box(clock.unordered()));
            last.saturating_sub(before)
        });
        let step = steps.filter(|&step| step > 0).min().unwrap_or(1);
        clock.resolution_ns = step as f64 * clock.ns_per_tick;
        clock
    }

    /// The name of the source: `tsc`, or `Instant`.
    #[must_use]
    pub fn source(&self) -> &'static str {
        if self.has_counter { "tsc" } else { "Instant" }
    }

    /// The smallest difference between two readings in a sequence, in nanoseconds. Times differ by multiples of about
    /// this much.
    #[must_use]
    pub fn resolution_ns(&self) -> f64 {
        self.resolution_ns
    }

    /// The time now, in ticks.
    #[inline(always)]
    #[must_use]
    pub fn now(&self) -> u64 {
        if self.has_counter { ordered_counter() } else { self.origin.elapsed().as_nanos() as u64 }
    }

    /// The time now, in ticks, not ordered with other loads.
    fn unordered(&self) -> u64 {
        if self.has_counter { counter() } else { self.now() }
    }

    /// A number of ticks in nanoseconds.
    #[must_use]
    pub fn ns(&self, ticks: u64) -> f64 {
        ticks as f64 * self.ns_per_tick
    }

    /// A duration in ticks.
    #[must_use]
    pub fn ticks(&self, time: Duration) -> u64 {
        (time.as_nanos() as f64 / self.ns_per_tick) as u64
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// True if the CPU has a time-stamp counter that runs at a constant rate, also while the CPU is idle.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn has_constant_counter() -> bool {
    use std::arch::x86_64::__cpuid;
    const HIGHEST_EXTENDED_LEAF: u32 = 0x8000_0000;
    const POWER_MANAGEMENT_LEAF: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    __cpuid(HIGHEST_EXTENDED_LEAF).eax >= POWER_MANAGEMENT_LEAF
        && __cpuid(POWER_MANAGEMENT_LEAF).edx & INVARIANT_TSC != 0
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn has_constant_counter() -> bool {
    false
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 CPU has the instruction, which reads a register.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn ordered_counter() -> u64 {
    use std::arch::x86_64::_mm_lfence;
    // SAFETY: every x86-64 CPU has the instruction, which changes no state.
    unsafe { _mm_lfence() };
    let now = counter();
    // SAFETY: every x86-64 CPU has the instruction, which changes no state.
    unsafe { _mm_lfence() };
    now
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn counter() -> u64 {
    unreachable!("`has_constant_counter` is false")
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn ordered_counter() -> u64 {
    counter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_nanoseconds_of_real_time() {
        let clock = Clock::new();
        let (begin, first) = (Instant::now(), clock.now());
        std::thread::sleep(Duration::from_millis(20));
        let last = clock.now();
        // The sleep lies between the readings of the counter, which lie between those of `Instant`, less the error of
        // the rate.
        let ns = clock.ns(last - first);
        assert!(ns >= 19e6 && ns <= begin.elapsed().as_nanos() as f64 * 1.05, "{ns} {clock:?}");
        assert!(clock.resolution_ns() > 0.0);
    }

    #[test]
    fn a_duration_in_ticks_and_back_is_the_same() {
        let clock = Clock::new();
        let back = clock.ns(clock.ticks(Duration::from_millis(7)));
        assert!((back - 7e6).abs() <= clock.ns(2), "{back} {clock:?}");
    }
}
