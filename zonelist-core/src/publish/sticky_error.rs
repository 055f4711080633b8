//! An error that a call could not report, kept for the next one.

use super::{BarrierError, PublishError, WaitError};
use crate::sync::{
    atomic::{AtomicU32, Ordering::Relaxed},
    const_fn,
};

/// The error of a heavy half that failed behind the swap of a publish, which returned `Ok`; or that a fork cut a
/// publish short.
#[derive(Debug)]
pub(super) struct StickyError(AtomicU32);

const NONE: u32 = 0;
/// A heavy half failed; the other bits are the error number.
const FAILED: u32 = 1 << 31;
/// No version can be published any more.
const FORKED: u32 = 1 << 30;

/// Why a call that publishes or retires does nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reported {
    Barrier(BarrierError),
    Forked,
}

impl From<Reported> for PublishError {
    fn from(reported: Reported) -> Self {
        WaitError::from(reported).into()
    }
}

impl From<Reported> for WaitError {
    fn from(reported: Reported) -> Self {
        match reported {
            Reported::Barrier(error) => Self::Barrier(error),
            Reported::Forked => Self::Forked,
        }
    }
}

impl StickyError {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self(AtomicU32::new(NONE))
        }
    }

    /// Notes that a heavy half failed.
    pub(super) fn note(&self, error: BarrierError) {
        // Error numbers are small and not negative. Relaxed: the number is all the data.
        let number = u32::try_from(error.errno).unwrap_or(0) & !(FAILED | FORKED);
        self.0.store(FAILED | number, Relaxed);
    }

    /// Notes that a publish was cut short, for good.
    pub(super) fn note_fork(&self) {
        self.0.store(FORKED, Relaxed);
    }

    /// True if a publish was cut short.
    pub(super) fn is_forked(&self) -> bool {
        self.0.load(Relaxed) & FORKED != 0
    }

    /// For a call that publishes or retires: reports a failure once, and a cut publish always.
    #[inline]
    pub(super) fn report(&self) -> Result<(), Reported> {
        self.report_failure().map_err(Reported::Barrier)?;
        if self.is_forked() { Err(Reported::Forked) } else { Ok(()) }
    }

    /// For a drain: reports a failure once. It needs nothing of a publish that was cut short.
    pub(super) fn report_failure(&self) -> Result<(), BarrierError> {
        let noted = self.0.load(Relaxed);
        if noted & FAILED == 0 {
            return Ok(());
        }
        // Of two calls at once, one reports it.
        match self.0.compare_exchange(noted, NONE, Relaxed, Relaxed) {
            Ok(_) => Err(BarrierError { errno: (noted & !FAILED) as i32 }),
            Err(_) => Ok(()),
        }
    }
}
