//! How long an operation waits for pages that somebody still has.

use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Why an operation waits no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// It was not to wait.
    AtOnce,
    /// The time is over.
    Deadline,
    /// Somebody called it off.
    Cancelled,
}

/// Says how long to wait. Asked again and again while pages of a block that goes off line are in use.
///
/// Called within the operation, with the block's pages out of reach and no page of its zone in a cache: it may
/// allocate, free, publish and drain, but do no operation (that is refused, as [`Frames`](super::Frames) says). If it
/// panics the operation is undone.
///
/// A closure is one, and so is `()`, which does not wait at all.
///
/// ```
/// use zonelist_core::hotplug::{Limit, Stop};
/// let mut turns = 0;
/// let mut thrice = || { turns += 1; if turns > 3 { Err(Stop::Cancelled) } else { Ok(()) } };
/// assert_eq!((0..9).take_while(|_| thrice.go_on().is_ok()).count(), 3);
/// assert_eq!(().go_on(), Err(Stop::AtOnce));
/// ```
pub trait Limit {
    /// Whether to wait on.
    ///
    /// # Errors
    /// Why not.
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

/// Waits until somebody sets the flag.
#[derive(Clone, Copy, Debug)]
pub struct UntilCancelled<'c>(pub &'c AtomicBool);

impl Limit for UntilCancelled<'_> {
    fn go_on(&mut self) -> Result<(), Stop> {
        if self.0.load(Relaxed) { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

/// Waits until a moment.
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
    /// So long from now on; a moment that is too far away to be told never comes.
    #[must_use]
    pub fn after(time: std::time::Duration) -> Self {
        let now = std::time::Instant::now();
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
