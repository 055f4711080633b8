//! Errors: of a zone's construction, of a range of its frames, of a free.

use crate::{Pfn, ZoneId, ids::Order};

/// Why a zone cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// The span is empty, too long, or ends too high.
    #[error(
        "zone {zone} spans frames {start} to {end}; expected at least one frame, at most 2^31 (8 TiB of pages of 4 KiB), \
         and none from 2^44 on"
    )]
    Span {
        /// The zone.
        zone: ZoneId,
        /// Its first frame.
        start: Pfn,
        /// Its exclusive end.
        end: Pfn,
    },
    /// There is too little memory for the metadata.
    #[error("{words} words for the metadata; expected at least {needed}")]
    Memory {
        /// The number of words given.
        words: usize,
        /// The number of words needed: [`Zone::words`](crate::Zone::words).
        needed: usize,
    },
    /// The heap has no room for the metadata.
    #[error("{bytes} bytes of metadata; expected a heap that has them")]
    Heap {
        /// The number of bytes needed.
        bytes: usize,
    },
}

/// Why a range of frames was not changed. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The range is empty, or not within the zone's span.
    #[error("frames {start} to {end}; expected one or more within the zone's span, {} to {}", .span.0, .span.1)]
    Outside {
        /// Its first frame.
        start: Pfn,
        /// Its exclusive end.
        end: Pfn,
        /// The span's first frame, and its exclusive end.
        span: (Pfn, Pfn),
    },
    /// The range does not start and end at boundaries of pageblocks.
    #[error("frames {start} to {end}; expected whole pageblocks of 512")]
    Unaligned {
        /// Its first frame.
        start: Pfn,
        /// Its exclusive end.
        end: Pfn,
    },
    /// A frame is allocated, reserved, or not the zone's.
    #[error("frame {pfn} is not free; expected a range of free frames")]
    NotFree {
        /// The frame.
        pfn: Pfn,
    },
    /// The zone manages a frame already.
    #[error("frame {pfn} is managed already; expected frames that are new")]
    Managed {
        /// The frame.
        pfn: Pfn,
    },
    /// The managed frames of a pageblock are scattered, and the metadata has no bitmap left to record them. Returned
    /// only by a zone in given memory: see [`Zone::words`](crate::Zone::words).
    #[error(
        "the managed frames of the pageblock of frame {pfn} are in too many pieces; expected one run, all but one run, \
         or more words of metadata"
    )]
    Scattered {
        /// The pageblock's first frame.
        pfn: Pfn,
    },
    /// The heap has no room to record which frames are managed.
    #[error("{bytes} bytes to note which frames are managed; expected a heap that has them")]
    Heap {
        /// The number of bytes needed.
        bytes: usize,
    },
    /// A frame belongs to another zone of the allocator.
    #[error("frame {pfn} is zone {zone}'s; expected frames that no zone has")]
    Owned {
        /// The frame.
        pfn: Pfn,
        /// The zone.
        zone: ZoneId,
    },
    /// The allocator has no such zone.
    #[error("zone {zone}: not the allocator's; expected one that it was given")]
    NoZone {
        /// The zone.
        zone: ZoneId,
    },
    /// The zone has no metadata.
    #[error("the zone has no metadata; expected one with metadata")]
    NoMetadata,
    /// A pageblock is isolated already, or not isolated already.
    #[error("the pageblock of frame {pfn} is {}isolated already; expected the opposite", if *.isolated { "" } else { "not " })]
    Isolation {
        /// Its first frame.
        pfn: Pfn,
        /// True if it is isolated.
        isolated: bool,
    },
}

/// Why a block was not freed. Nothing has changed.
///
/// Small: a free of a page returns it beside the page ([`NotFreed`](crate::page_alloc::NotFreed)), both in registers. So it has no
/// page frame number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreeError {
    /// No block of the zone is that large.
    #[error("a block of order {order}; expected at most order {max_order}")]
    Order {
        /// The order.
        order: Order,
        /// The order of the zone's largest block.
        max_order: Order,
    },
    /// The block does not start at a multiple of its size.
    #[error("the block does not begin at a multiple of its length; expected one as it was handed out")]
    Misaligned,
    /// The frame is outside the zone's span, or in a hole.
    #[error("the zone has no such frame; expected one that it handed out")]
    NoSuchFrame,
    /// All or part of the block is free.
    #[error("some of the block is free already; expected one that is handed out")]
    AlreadyFree,
    /// The block is reserved, in a hole, or in per-CPU pages.
    #[error("the block was not handed out; expected one that is")]
    NeverHandedOut,
    /// The block was allocated with another order. Detected only with the feature `checked`.
    #[error("the block was handed out with order {order}; expected to get it back with that")]
    WrongOrder {
        /// The order that it was allocated with.
        order: Order,
    },
    /// The page is in no zone of this allocator.
    #[error("the page is of no zone of this allocator; expected one that it handed out")]
    NoSuchZone,
}

/// Why a zone cannot have a boot layout. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootLayoutError {
    /// A frame is allocated, or isolated.
    #[error("{free} of {managed} frames are free and in reach; expected all of them")]
    InUse {
        /// Free frames that are not isolated.
        free: usize,
        /// Managed frames.
        managed: usize,
    },
    /// There is no memory to record which frames are managed: [`RangeError::Scattered`] or [`RangeError::Heap`].
    #[error(transparent)]
    Metadata(RangeError),
    /// The blocks of an order do not all fit beside the larger ones without merging.
    #[error("{missing} of the blocks of order {order} have no place; expected as many as fit without merging")]
    NoEntry {
        /// The highest order that does not fit.
        order: Order,
        /// The number of its blocks that do not fit.
        missing: usize,
    },
    /// More pages are to be managed than exist, or fewer than are to be free.
    #[error("{managed} managed pages; expected from {free} to {present}")]
    Managed {
        /// Pages to be managed.
        managed: usize,
        /// Pages to be free.
        free: usize,
        /// Pages that exist.
        present: usize,
    },
}

/// The spans of two zones overlap, and the description leaves open which of them owns the frames in both.
///
/// What determines the owner: exact ranges of one of the zones
/// ([`MachineDescription::zone_ranges`](crate::topology::MachineDescription::zone_ranges)), memory blocks that lie in one zone
/// each, or the size of a zone that needs all frames that no other zone can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "zones {} and {} overlap at frame {pfn}, and the description does not say whose the frames are; expected exact \
     ranges of one of them",
    .zones.0, .zones.1
)]
pub struct UnknownOwner {
    /// The zones.
    pub zones: (ZoneId, ZoneId),
    /// The first frame with two possible owners.
    pub pfn: Pfn,
}
