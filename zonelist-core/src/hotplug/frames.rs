//! Who hands out a machine's pages, as the operations on it see him.

use core::{fmt, ops::Range};

use super::{Limit, State, Stop};
use crate::{
    NodeId, RangeError, UnknownOwner, ZoneError, ZoneId, Zonelists,
    publish::{Barrier, BarrierError, PublishError, Published, ReaderError, Scheme},
};

/// Who publishes the lists of a machine, and hands out the pages that they lead to.
///
/// A [`Published`] is one that hands out no pages: they always come and go. An
/// [`AllocatorFrames`](super::AllocatorFrames) is a page allocator.
///
/// A block's pages come by [`bring`](Frames::bring), then, when their zone has marks and is listed,
/// [`give`](Frames::give); they go by [`take`](Frames::take), then, when the lists are without the
/// zone, [`release`](Frames::release). What fails midway is undone by the opposite.
///
/// All but [`operated`](Frames::operated) are called within an operation, one at a time, with the lock of the machine's
/// operations held and nothing else: they may allocate, publish, drain and wait for readers, but an operation of
/// the same machine is refused ([`HotplugError::Nested`](super::HotplugError::Nested); without `std`, where that can't
/// be told, it waits for ever). One that panics leaves the machine as after an error, but `release`, `give` and `forget`
/// as after success: those come when the operation can't fail any more.
///
/// A safe trait: the machine keeps names, numbers and lists, and no memory is touched on the strength of an answer. One that is
/// untrue, such as `Ok` for frames that are in use, leaves a state that says so, and users with pages that are gone.
pub trait Frames {
    /// Publishes lists.
    ///
    /// # Errors
    /// Readers go on to see those before.
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError>;

    /// Sets the marks and reserves of all zones that the state has.
    fn set_marks(&self, _state: &State) {}

    /// Takes frames into a zone, out of reach. All that can fail when memory comes is done here.
    ///
    /// # Errors
    /// Nothing has changed.
    fn bring(&self, _zone: ZoneId, _frames: Range<u64>) -> Result<(), FramesError> {
        Ok(())
    }

    /// Puts frames into reach that are out of it.
    fn give(&self, _zone: ZoneId, _frames: Range<u64>) {}

    /// Puts frames of a zone out of reach and sees to it that nobody uses them any more. Pages that can be moved go
    /// to other nodes that `state` says have memory, or if there is none stay on this one; for the rest it waits as
    /// long as `limit` says.
    ///
    /// # Errors
    /// Some frame can't be had. All are in reach again, as they were.
    fn take(
        &self,
        _state: &State,
        _zone: ZoneId,
        _frames: Range<u64>,
        _limit: &mut dyn Limit,
    ) -> Result<(), FramesError> {
        Ok(())
    }

    /// Takes frames out of a zone that are out of reach, and in use by nobody.
    fn release(&self, _zone: ZoneId, _frames: Range<u64>) {}

    /// Called behind each operation, done or refused, with nothing held any more: for what the operation put off.
    fn operated(&self) {}

    /// Gives up what is kept for the zones of a node that is gone, if walks over old lists allow that.
    fn forget(&self, _node: NodeId) {}
}

/// Why frames were not brought or taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramesError {
    /// Its owner says that a page can't be moved, or nobody was ever given it and it is not free.
    #[error("page {pfn} can't be moved; expected only pages that are free or can be moved")]
    Pinned {
        /// The page's frame.
        pfn: u64,
    },
    /// A page is still in use, and the caller waits no longer.
    #[error("page {pfn} is still in use {}; expected only pages that come free in time", match .why {
        Stop::AtOnce => "and nobody waits for it",
        Stop::Deadline => "at the deadline",
        Stop::Cancelled => "and the operation was called off",
    })]
    InUse {
        /// The page's frame.
        pfn: u64,
        /// Why not.
        why: Stop,
    },
    /// The allocator has no such zone.
    #[error("zone {zone}: not the allocator's; expected one that it was given")]
    NoZone {
        /// The zone.
        zone: ZoneId,
    },
    /// Frames that come lie beyond the room that the allocator was given for their zone: see
    /// [`AllocatorFrames::with_room`](super::AllocatorFrames::with_room).
    #[error(
        "frames {} to {} of zone {zone}; expected frames within the room that there is for it, {}", .frames.0, .frames.1,
        Room(*.room)
    )]
    NoRoom {
        /// The zone.
        zone: ZoneId,
        /// The first frame that comes, and the one behind the last.
        frames: (u64, u64),
        /// The same of the zone's room; `None` if the allocator was not given the zone at all.
        room: Option<(u64, u64)>,
    },
    /// The frames are out of the zone's span, or some zone's already, or are being taken by another call; or there is
    /// no memory to note which of them are managed.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Nothing says whose some frames are.
    #[error(transparent)]
    Owner(#[from] UnknownOwner),
    /// There is no memory for the zone's metadata.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// The heap has no room to work out which frames a zone has.
    #[error("the heap has no room to say which frames a zone has; expected some")]
    Heap,
    /// There is no seat for whoever moves pages.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// There is no memory behind the frames.
    #[error(transparent)]
    Backing(#[from] super::BackingError),
    /// The barrier pair failed, so that pages could not be taken from the caches of handles.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
}

/// The frames that there is room for.
struct Room(Option<(u64, u64)>);

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((start, end)) => write!(f, "{start} to {end}"),
            None => f.write_str("none"),
        }
    }
}

impl<S: Scheme, B: Barrier, const SEATS: usize> Frames for Published<S, B, SEATS> {
    fn publish(&self, lists: &Zonelists) -> Result<(), PublishError> {
        Self::publish(self, lists).map(drop)
    }
}
