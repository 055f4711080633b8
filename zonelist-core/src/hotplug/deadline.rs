//! How long an operation waits for pages in use.

use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Why an operation stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It does not wait at all.
    AtOnce,
    /// The deadline has passed.
    Deadline,
    /// It was cancelled.
    Cancelled,
}

/// Limits a wait: polled while pages of a block that goes offline are in use.
///
/// Called within the operation, with the block's pages isolated and the per-CPU pages of its zone drained. It may
/// allocate, free, publish and drain, but an operation is refused, as [`Frames`](super::Frames) says. A panic undoes
/// the operation.
///
/// Closures implement it, and so does `()`, which does not wait at all.
///
/// ```
/// use zonelist_core::hotplug::{Limit, Stop};
/// let mut polls = 0;
/// let mut thrice = || { polls += 1; if polls > 3 { Err(Stop::Cancelled) } else { Ok(()) } };
/// assert_eq!((0..9).take_while(|_| thrice.go_on().is_ok()).count(), 3);
/// assert_eq!(().go_on(), Err(Stop::AtOnce));
/// ```
pub trait Limit {
    /// Allows one more wait.
    ///
    /// # Errors
    /// The operation is to stop, for this reason.
    fn go_on(&mut self) -> Result<(), Stop>;
}

impl Limit for () {
    fn go_on(&mut self) -> Result<(), Stop> {
        Err(Stop::AtOnce)
    }
}

impl<F: FnMut() -> Result<(), Stop>> Limit for F {
    fn go_on(&mut self) -> Result<(), Stop> {
        self()
    }
}

/// Waits until the flag is set.
#[derive(Clone, Copy, Debug)]
pub struct UntilCancelled<'c>(pub &'c AtomicBool);

impl Limit for UntilCancelled<'_> {
    fn go_on(&mut self) -> Result<(), Stop> {
        // Relaxed: the flag carries no data, and a late value costs one more poll.
        if self.0.load(Relaxed) { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

/// Waits until a point in time.
///
/// ```
/// use std::time::{Duration, Instant};
/// use zonelist_core::hotplug::{Limit, Stop, Until};
/// assert_eq!(Until(Instant::now()).go_on(), Err(Stop::Deadline));
/// assert_eq!(Until::after(Duration::from_secs(3600)).go_on(), Ok(()));
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
impl Limit for Until {
    fn go_on(&mut self) -> Result<(), Stop> {
        if std::time::Instant::now() < self.0 { Ok(()) } else { Err(Stop::Deadline) }
    }
}
