//! Deadlines: how long an operation waits for pages in use.

use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Why an operation stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StopReason {
    /// It does not wait at all.
    NoWait,
    /// The deadline has passed.
    Deadline,
    /// It was cancelled.
    Cancelled,
}

/// Limits a wait: polled while pages of a block that goes offline are in use.
///
/// Called within the operation, with the block's pages isolated and the per-CPU pages of its zone drained. A deadline
/// may allocate, free, publish and drain, but an operation is refused, as [`PageProvider`](super::PageProvider) says. A
/// panic undoes the operation.
///
/// Closures implement it, and so does `()`, which does not wait at all.
///
/// ```
/// use zonelist_core::hotplug::{Deadline, StopReason};
/// let mut polls = 0;
/// let mut thrice = || { polls += 1; if polls > 3 { Err(StopReason::Cancelled) } else { Ok(()) } };
/// assert_eq!((0..9).take_while(|_| thrice.check().is_ok()).count(), 3);
/// assert_eq!(().check(), Err(StopReason::NoWait));
/// ```
pub trait Deadline {
    /// Allows one more wait.
    ///
    /// # Errors
    /// The operation is to stop, for this reason.
    fn check(&mut self) -> Result<(), StopReason>;
}

impl Deadline for () {
    fn check(&mut self) -> Result<(), StopReason> {
        Err(StopReason::NoWait)
    }
}

impl<F: FnMut() -> Result<(), StopReason>> Deadline for F {
    fn check(&mut self) -> Result<(), StopReason> {
        self()
    }
}

/// Waits until the flag is set.
#[derive(Clone, Copy, Debug)]
pub struct UntilCancelled<'c>(pub &'c AtomicBool);

impl Deadline for UntilCancelled<'_> {
    fn check(&mut self) -> Result<(), StopReason> {
        // Relaxed: the flag carries no data, and a late value costs one more poll.
        if self.0.load(Relaxed) { Err(StopReason::Cancelled) } else { Ok(()) }
    }
}

/// Waits until a point in time.
///
/// ```
/// use std::time::{Duration, Instant};
/// use zonelist_core::hotplug::{Deadline, StopReason, Until};
/// assert_eq!(Until(Instant::now()).check(), Err(StopReason::Deadline));
/// assert_eq!(Until::after(Duration::from_secs(3600)).check(), Ok(()));
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Until(pub std::time::Instant);

#[cfg(feature = "std")]
impl Until {
    /// A deadline that far from now; beyond 68 years it is 68 years.
    #[must_use]
    pub fn after(time: std::time::Duration) -> Self {
        let now = std::time::Instant::now();
        // The sum with a longer time may not be representable.
        let far = std::time::Duration::from_secs(1 << 31);
        Self(now.checked_add(time.min(far)).unwrap_or(now))
    }
}

#[cfg(feature = "std")]
impl Deadline for Until {
    fn check(&mut self) -> Result<(), StopReason> {
        if std::time::Instant::now() < self.0 { Ok(()) } else { Err(StopReason::Deadline) }
    }
}
