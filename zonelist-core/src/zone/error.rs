//! What can be wrong with a zone, a range of its frames, or a block that is freed.

use crate::ZoneId;

/// Why a zone cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// The span is empty, too long, or ends too high.
    #[error("a span from frame {start} to {end}; expected at least one frame, at most 2^31, and none from 2^44 on")]
    Span {
        /// Its first frame.
        start: u64,
        /// The one behind its last.
        end: u64,
    },
    /// A block of the longest order would be longer than can be.
    #[error("blocks up to order {max_order}; expected at most order 10")]
    Order {
        /// The order asked for.
        max_order: u8,
    },
    /// There is too little memory for the metadata.
    #[error("{words} words for the metadata; expected at least {needed}")]
    Memory {
        /// How many words there are.
        words: usize,
        /// How many are needed: [`Zone::words`](crate::Zone::words).
        needed: usize,
    },
    /// The heap has no room for the metadata.
    #[error("{bytes} bytes of metadata; expected a heap that has them")]
    Heap {
        /// How many are needed.
        bytes: usize,
    },
}

/// Why nothing was done to a range of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// It is empty, or reaches out of the zone's span.
    #[error("frames {start} to {end}; expected one or more within the zone's span, {} to {}", .span.0, .span.1)]
    Outside {
        /// Its first frame.
        start: u64,
        /// The one behind its last.
        end: u64,
        /// The span's first frame, and the one behind its last.
        span: (u64, u64),
    },
    /// It does not begin and end between two pageblocks.
    #[error("frames {start} to {end}; expected whole pageblocks of 512")]
    Unaligned {
        /// Its first frame.
        start: u64,
        /// The one behind its last.
        end: u64,
    },
    /// A frame is in use, reserved, or none of the zone's.
    #[error("frame {pfn} is not free; expected a range of free frames")]
    NotFree {
        /// The frame.
        pfn: u64,
    },
    /// A frame belongs to the zone already.
    #[error("frame {pfn} is managed already; expected frames that are new")]
    Managed {
        /// The frame.
        pfn: u64,
    },
    /// Which frames of a pageblock are managed can't be noted: they are in too many pieces for what the metadata has
    /// room for. Only of a zone in memory that the caller gave: see [`Zone::words`](crate::Zone::words).
    #[error(
        "the managed frames of the pageblock of frame {pfn} are in too many pieces; expected one run, all but one run, \
         or more words of metadata"
    )]
    Scattered {
        /// The pageblock's first frame.
        pfn: u64,
    },
    /// The heap has no room to note which frames are managed.
    #[error("{bytes} bytes to note which frames are managed; expected a heap that has them")]
    Heap {
        /// How many are needed.
        bytes: usize,
    },
    /// A frame belongs to another zone of the allocator.
    #[error("frame {pfn} is zone {zone}'s; expected frames that no zone has")]
    Owned {
        /// The frame.
        pfn: u64,
        /// The zone.
        zone: ZoneId,
    },
    /// The allocator has no zone of that name.
    #[error("zone {zone}: not the allocator's; expected one that it was given")]
    NoZone {
        /// The name.
        zone: ZoneId,
    },
    /// The zone has no metadata: it is vacant.
    #[error("the zone is vacant; expected one that has its metadata")]
    Vacant,
    /// A pageblock is isolated, or is not, contrary to what was asked.
    #[error("the pageblock of frame {pfn} is {}isolated already; expected the opposite", if *.isolated { "" } else { "not " })]
    Isolation {
        /// Its first frame.
        pfn: u64,
        /// Whether it is isolated.
        isolated: bool,
    },
}

/// Why a block was not freed. Nothing has changed.
///
/// Small enough to come back in a register with each free, so that it has no values but those that the zone knows better
/// than the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreeError {
    /// No block of the zone is that long.
    #[error("a block of order {order}; expected at most order {max_order}")]
    Order {
        /// The order.
        order: u8,
        /// The zone's longest.
        max_order: u8,
    },
    /// The block does not begin at a multiple of its length.
    #[error("the block does not begin at a multiple of its length; expected one as it was handed out")]
    Misaligned,
    /// The frame is out of the zone's span, or in a hole.
    #[error("the zone has no such frame; expected one that it handed out")]
    NoSuchFrame,
    /// All or part of the block is free.
    #[error("some of the block is free already; expected one that is handed out")]
    AlreadyFree,
    /// The block is reserved, in a hole, or in a cache.
    #[error("the block was not handed out; expected one that is")]
    NeverHandedOut,
    /// The block was handed out with another order. Only the feature `checked` can tell.
    #[error("the block was handed out with order {order}; expected to get it back with that")]
    WrongOrder {
        /// The order that it was handed out with.
        order: u8,
    },
    /// The page is none of this allocator's zones.
    #[error("the page is of no zone of this allocator; expected one that it handed out")]
    NoSuchZone,
}

/// Why a zone cannot have such free blocks. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// Some frame is in use, or isolated.
    #[error("{free} of {managed} frames are free and in reach; expected all of them")]
    InUse {
        /// Free frames in reach.
        free: usize,
        /// Frames that there are.
        managed: usize,
    },
    /// Which frames are managed can't be noted, as [`RangeError::Scattered`] and [`RangeError::Heap`] say.
    #[error(transparent)]
    Metadata(RangeError),
    /// So many blocks of an order do not fit between the longer ones without merging.
    #[error("{missing} of the blocks of order {order} have no place; expected as many as fit without merging")]
    NoPlace {
        /// The longest order that does not fit.
        order: u8,
        /// How many of its blocks are left over.
        missing: usize,
    },
    /// More pages are to be managed than there are, or fewer than are to be free.
    #[error("{managed} managed pages; expected from {free} to {present}")]
    Managed {
        /// Pages to be managed.
        managed: usize,
        /// Pages to be free.
        free: usize,
        /// Pages that there are.
        present: usize,
    },
}

/// The spans of two zones overlap, and nothing says whose the frames are that lie in both.
///
/// Exact ranges of one of them do ([`MachineDescription::zone_ranges`](crate::MachineDescription::zone_ranges)), and
/// memory blocks that lie in one zone each, and a zone's size where it has all frames that no other can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "zones {} and {} overlap at frame {pfn}, and the description does not say whose the frames are; expected exact \
     ranges of one of them",
    .zones.0, .zones.1
)]
pub struct UnknownOwner {
    /// The zones.
    pub zones: (ZoneId, ZoneId),
    /// The first frame that may be either's.
    pub pfn: u64,
}
