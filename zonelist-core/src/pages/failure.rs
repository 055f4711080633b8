//! Why there was no page.

use core::fmt;

use crate::{ZoneId, publish::BarrierError};

/// No zone could serve the request. [`Local::failure`](super::Local::failure) says which were asked, and why each refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no zone that the request admits has such a block to spare; expected one that has")]
pub struct OutOfMemory;

/// Why a zone did not serve a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It would have gone below its mark and reserve.
    Mark {
        /// Free pages that there were.
        free: usize,
        /// Free pages for which the zone would have served.
        needed: usize,
    },
    /// Pages enough, but no such block.
    NoBlock {
        /// Free pages that there were.
        free: usize,
    },
    /// The lists name it, but the allocator was not given such a zone.
    Unknown,
    /// Its lock was held, and the request must not wait for it.
    Locked,
    /// A fork has left the holder of its lock behind, and with him all that the zone had.
    Forked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark { free, needed } => write!(f, "{free} pages free, {needed} needed"),
            Self::NoBlock { free } => write!(f, "{free} pages free, but no block of that order"),
            Self::Unknown => f.write_str("no such zone"),
            Self::Locked => f.write_str("its lock is held, and the request must not wait"),
            Self::Forked => f.write_str("lost in a fork"),
        }
    }
}

/// What a request met on the last walk that it made in vain.
#[derive(Clone, Debug)]
pub struct Failure {
    refused: [Option<(ZoneId, Refusal)>; Self::ROOM],
    zones: usize,
    torn: bool,
    stopped: bool,
    barrier: Option<BarrierError>,
}

impl Failure {
    /// Zones that are remembered of a walk: the first so many.
    pub const ROOM: usize = 32;

    pub(super) const fn none() -> Self {
        Self { refused: [None; Self::ROOM], zones: 0, torn: false, stopped: false, barrier: None }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::none();
    }

    pub(super) fn note(&mut self, zone: ZoneId, why: Refusal) {
        if let Some(room) = self.refused.get_mut(self.zones) {
            *room = Some((zone, why));
        }
        self.zones += 1;
    }

    pub(super) fn note_torn(&mut self) {
        self.torn = true;
    }

    pub(super) fn note_stopped(&mut self) {
        self.stopped = true;
    }

    pub(super) fn note_barrier(&mut self, error: BarrierError) {
        self.barrier = Some(error);
    }

    /// The zones that were asked, in order, and why each refused: at most [`Failure::ROOM`] of them.
    pub fn refused(&self) -> impl Iterator<Item = (ZoneId, Refusal)> + '_ {
        self.refused.iter().map_while(|&refused| refused)
    }

    /// How many zones were asked.
    #[must_use]
    pub const fn zones(&self) -> usize {
        self.zones
    }

    /// Whether every walk was torn by a publish, so that a zone may have been passed over.
    #[must_use]
    pub const fn was_torn(&self) -> bool {
        self.torn
    }

    /// Whether there was something that a request which may block would have waited for: a publish, or a zone's lock.
    #[must_use]
    pub fn would_block(&self) -> bool {
        self.torn || self.stopped || self.refused().any(|(_, why)| why == Refusal::Locked)
    }

    /// Why other handles' caches could not be drained for the request, if that was so: some page may be there.
    #[must_use]
    pub const fn undrained(&self) -> Option<BarrierError> {
        self.barrier
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} zones asked", self.zones)?;
        for (zone, why) in self.refused() {
            write!(f, "; {zone}: {why}")?;
        }
        if self.torn {
            f.write_str("; every walk was torn by a publish")?;
        }
        if self.stopped {
            f.write_str("; a publish has walks stopped, and the request must not wait")?;
        }
        if let Some(error) = self.barrier {
            write!(f, "; caches not drained: {error}")?;
        }
        Ok(())
    }
}
