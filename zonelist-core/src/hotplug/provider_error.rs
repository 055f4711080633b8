//! The errors of a page provider.

use core::fmt;

use super::{backing::BackingError, deadline::StopReason};
use crate::{
    Pfn, ZoneId,
    publish::{BarrierError, ReaderError},
    zone::{RangeError, UnknownOwner, ZoneError},
};

/// Why a page provider could not prepare or isolate frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// A page is pinned, its user refuses to move it for good, or it was never managed.
    #[error("page {pfn} can't be moved; expected only pages that are free or can be moved")]
    Pinned {
        /// The page's frame.
        pfn: Pfn,
    },
    /// A page is still in use, and the operation waits no longer.
    #[error("page {pfn} is still in use {}; expected only pages that come free in time", match .why {
        StopReason::NoWait => "and the operation does not wait",
        StopReason::Deadline => "at the deadline",
        StopReason::Cancelled => "and the operation was cancelled",
    })]
    InUse {
        /// The page's frame.
        pfn: Pfn,
        /// Why the wait ended.
        why: StopReason,
    },
    /// The allocator has no such zone.
    #[error("zone {zone}: not the allocator's; expected one that it was given")]
    NoZone {
        /// The zone.
        zone: ZoneId,
    },
    /// Frames that go online lie outside the room that the allocator has for their zone: see
    /// [`AllocatorProvider::with_room`](super::AllocatorProvider::with_room).
    #[error(
        "frames {} to {} of zone {zone}; expected frames within the room that there is for it, {}", .frames.0, .frames.1,
        Room(*.room)
    )]
    NoRoom {
        /// The zone.
        zone: ZoneId,
        /// The first frame that goes online, and the exclusive end.
        frames: (Pfn, Pfn),
        /// The same of the zone's room; `None` if the allocator was not given the zone at all.
        room: Option<(Pfn, Pfn)>,
    },
    /// Frames lie outside the zone's span, or a zone has them already, or another call has isolated them; or there is
    /// no memory to record which of them are managed.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The description leaves open which zone has some of the frames.
    #[error(transparent)]
    Owner(#[from] UnknownOwner),
    /// There is no memory for the zone's metadata.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// The heap has no room to compute which frames a zone has.
    #[error("the heap has no room to compute which frames a zone has; expected some")]
    Heap,
    /// There is no reader slot for the migration of pages.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// There is no memory behind the frames.
    #[error(transparent)]
    Backing(#[from] BackingError),
    /// The barrier pair failed, so the per-CPU pages could not be drained.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
}

/// Displays the frames that there is room for.
struct Room(Option<(Pfn, Pfn)>);

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((start, end)) => write!(f, "{start} to {end}"),
            None => f.write_str("none"),
        }
    }
}
