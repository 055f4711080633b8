//! A zone's page frames: which are free, and who may have how many of them.
//!
//! A zone keeps a bit for each frame, set while it is free, a word for each *pageblock* of 512
//! frames, and sets of pageblocks by the longest free run that each has. It never touches the
//! frames themselves, and no more than 0.15 byte a frame of its own memory, which the caller gives
//! or `alloc` does. There are no free lists and no merging: halves of a block are one block as soon
//! as both their bits are set, and a pageblock is one cache line of bits.
//!
//! Each operation takes the zone's lock once, also one on many frames. Caches in front of it, one
//! for each CPU, are the page allocator's business; the zone is what they are filled from.
//!
//! - **Blocks**: [`Zone::alloc`] and [`Zone::free`] for a block of `2^order` frames,
//!   [`Zone::alloc_singles`] and [`Zone::free_singles`] for many frames at once,
//!   [`Zone::alloc_run`] for contiguous frames of any number and alignment.
//! - **Mobility**: pages that can be moved and pages that cannot are kept in different pageblocks
//!   while that can be done, so that whole pageblocks come free when the movable ones go.
//! - **Frames come and go**: a zone is made without any, over the span that it can ever have.
//!   [`Zone::add`] and [`Zone::withdraw`] change which frames it manages; holes and what was
//!   reserved at start are simply never added. Which frames these are is known to the frame
//!   ([`Zone::manages`]): a pageblock's word tells of one run of them, or of all but one run, and for
//!   others there are bitmaps, as many as memory was given for. [`Zone::isolate`] puts free frames out of reach.
//!   A [`Zone::vacant`] one has no metadata either, until its node comes.
//! - **Marks**: [`Zone::set_marks`] and [`Zone::allows`].
//!
//! ```
//! use zonelist_core::{Mobility, NodeId, Spin, Zone, ZoneId, ZoneKind};
//! let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Dma32);
//! let mut words = [0; Zone::<Spin>::words(4096, 8192)];
//! let zone = Zone::new(id, 4096..8192, 10, &mut words, Spin::new())?;
//! zone.add(4096..8192)?;
//! zone.withdraw(4096..4196)?; // the kernel's image
//!
//! let huge = zone.alloc(9, Mobility::Movable).unwrap();
//! assert_eq!((huge % 512, zone.free_pages()), (0, 4096 - 100 - 512));
//! zone.free(huge, 9)?;
//! assert_eq!(zone.free(huge, 9).unwrap_err().to_string(), "some of the block is free already; expected one that is handed out");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
#[cfg(feature = "checked")]
mod checked;
mod error;
mod family;
mod frames;
mod group;
mod line;
mod managed;
mod marks;
mod memory;
mod ranges;
mod run;
mod shelves;
mod singles;
mod start;
mod supply;
mod urgency;
mod vacant;

use core::{fmt, ops::Range};

use crate::{Locked, RawLock, Spin, ZoneId, ZoneKind, sync::fault};
pub use error::{FreeError, LeaveError, RangeError, UnknownOwner, ZoneError};
use family::Family;
use frames::Frames;
pub(crate) use marks::Watch;
pub use marks::{Against, Marks};
use memory::Memory;
use shelves::Shelves;
use supply::Counters;
pub(crate) use supply::{Supplied, count};
pub use urgency::Urgency;
pub use vacant::ZoneMetadata;

/// The longest block that a zone can hand out has `2^MAX_ORDER` frames.
pub const MAX_ORDER: u8 = 10;

/// A pageblock has `2^PAGEBLOCK_ORDER` frames.
pub const PAGEBLOCK_ORDER: u8 = 9;

/// Orders from 0 to the highest that any zone can have.
pub(crate) const ORDERS: usize = MAX_ORDER as usize + 1;

/// Frames of a pageblock.
pub const PAGEBLOCK_FRAMES: usize = 1 << PAGEBLOCK_ORDER;

/// No frame has a number from here on.
pub(crate) const PFN_LIMIT: u64 = 1 << PFN_BITS;

/// Bits of a frame's number.
pub(crate) const PFN_BITS: u32 = 44;

/// Whether what is in a page can be put elsewhere. Pages of one sort keep together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Mobility {
    /// Somebody knows its address.
    Unmovable = 0,
    /// It can be copied, and all who refer to it be told.
    Movable = 1,
}

impl Mobility {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Unmovable, Self::Movable];

    const fn other(self) -> Self {
        match self {
            Self::Unmovable => Self::Movable,
            Self::Movable => Self::Unmovable,
        }
    }
}

/// What is known of one pageblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pageblock {
    /// Its free frames, whether in reach or not. Those in caches are not among them.
    pub free: usize,
    /// Its frames that the zone manages.
    pub managed: usize,
    /// What its pages were last handed out for.
    pub mobility: Mobility,
    /// Whether its free frames are out of reach.
    pub isolated: bool,
}

/// The page frames of one zone.
pub struct Zone<'m, L = Spin> {
    watch: Watch,
    id: ZoneId,
    span: Range<u64>,
    /// The frame that number 0 stands for: a multiple of the longest block.
    base: u64,
    max_order: u8,
    counters: Counters,
    frames: Locked<Frames<'m>, L>,
    family: Family<'m, L>,
}

/// How the metadata of a span is made up.
struct Layout {
    base: u64,
    blocks: usize,
}

impl Layout {
    /// Of a span that a zone can have.
    const fn of(start: u64, end: u64) -> Self {
        let base = start >> MAX_ORDER << MAX_ORDER;
        Self { base, blocks: (end - base).div_ceil(PAGEBLOCK_FRAMES as u64) as usize }
    }

    /// Words for the lines, and up to seven more to begin on a cache line.
    const fn words(&self) -> usize {
        self.blocks * (8 + 1 + CHECKED) + Shelves::words(self.blocks) + 8 * self.bitmaps() + 7
    }

    /// Bitmaps for pageblocks of which frames are managed here and there, without more words: as many as leave the
    /// metadata at 0.15 byte a frame.
    const fn bitmaps(&self) -> usize {
        1 + self.blocks / 128
    }
}

/// Whether a zone can have these frames.
const fn is_span(start: u64, end: u64) -> bool {
    start < end && end <= PFN_LIMIT && end - start <= 1 << 31
}

#[cfg(feature = "checked")]
const CHECKED: usize = checked::WORDS;
#[cfg(not(feature = "checked"))]
const CHECKED: usize = 0;

impl<'m, L: RawLock> Zone<'m, L> {
    /// Words of metadata that [`Zone::new`] needs for the frames from `start` to `end`, which it leaves out; 0 for a
    /// span that no zone can have.
    ///
    /// At most 0.15 byte a frame and 600 bytes; with the feature `checked`, half a byte a frame more. Each eight words
    /// beyond these are room for one pageblock more of which frames are managed here and there: neither one run of
    /// them, nor all but one run ([`RangeError::Scattered`]).
    #[must_use]
    pub const fn words(start: u64, end: u64) -> usize {
        if is_span(start, end) { Layout::of(start, end).words() } else { 0 }
    }

    /// A zone over a span of frames, none of which it manages yet, with its metadata in `words`.
    ///
    /// The span is what the zone can ever have: it does not grow. Blocks are handed out up to
    /// `max_order`, at most [`MAX_ORDER`].
    ///
    /// # Errors
    /// The span is empty or too long, the order too high, or there are too few words.
    pub fn new(id: ZoneId, span: Range<u64>, max_order: u8, words: &'m mut [u64], lock: L) -> Result<Self, ZoneError> {
        let layout = Self::check(&span, max_order)?;
        let (given, needed) = (words.len(), layout.words());
        let too_few = ZoneError::Memory { words: given, needed };
        let skip = words.as_ptr().align_offset(64).min(7);
        let words = words.get_mut(skip..).filter(|words| words.len() >= needed - 7).ok_or(too_few)?;
        let (lines, words) = words.split_at_mut_checked(8 * layout.blocks).ok_or(too_few)?;
        let (blocks, words) = words.split_at_mut_checked(layout.blocks).ok_or(too_few)?;
        let (sets, words) = words.split_at_mut_checked(Shelves::words(layout.blocks)).ok_or(too_few)?;
        let (_checked, words) = words.split_at_mut_checked(CHECKED * layout.blocks).ok_or(too_few)?;
        let (lines, bitmaps) = (line::lines(lines), line::lines(words));
        let frames =
            Frames::new(Memory::Given(lines), Memory::Given(blocks), Memory::Given(sets), Memory::Given(bitmaps));
        #[cfg(feature = "checked")]
        let frames = Frames { handed_out: checked::HandedOut::new(Memory::Given(_checked)), ..frames };
        Ok(Self::over(id, span, max_order, frames, lock))
    }

    /// The same, with its metadata on the heap.
    ///
    /// # Errors
    /// The span is empty or too long, the order too high, or the heap has not so much.
    #[cfg(feature = "alloc")]
    pub fn boxed(id: ZoneId, span: Range<u64>, max_order: u8, lock: L) -> Result<Self, ZoneError> {
        let frames = Frames::on_heap(&Self::check(&span, max_order)?)?;
        Ok(Self::over(id, span, max_order, frames, lock))
    }

    fn check(span: &Range<u64>, max_order: u8) -> Result<Layout, ZoneError> {
        let &Range { start, end } = span;
        if !is_span(start, end) {
            return Err(ZoneError::Span { start, end });
        }
        if max_order > MAX_ORDER {
            return Err(ZoneError::Order { max_order });
        }
        Ok(Layout::of(start, end))
    }

    fn over(id: ZoneId, span: Range<u64>, max_order: u8, frames: Frames<'m>, lock: L) -> Self {
        let base = Layout::of(span.start, span.end).base;
        Self {
            watch: Watch::new(),
            id,
            span,
            base,
            max_order,
            counters: Counters::new(),
            frames: Locked::new(lock, frames),
            family: Family::none(),
        }
    }

    /// Which zone it is.
    #[must_use]
    pub fn id(&self) -> ZoneId {
        self.id
    }

    /// The frames that it can ever have.
    #[must_use]
    pub fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// The order of the longest block that it hands out.
    #[must_use]
    pub fn max_order(&self) -> u8 {
        self.max_order
    }

    /// Free frames in reach: neither isolated, nor in a cache. Takes no lock.
    #[must_use]
    #[inline]
    pub fn free_pages(&self) -> usize {
        self.watch.free()
    }

    /// Frames that it manages, free or not. Takes no lock.
    #[must_use]
    pub fn managed(&self) -> usize {
        self.watch.managed()
    }

    /// Free blocks of each order up to the longest, in reach, as a row of `/proc/buddyinfo`. Each is
    /// as long as it can be. Looks at every pageblock.
    #[must_use]
    pub fn free_by_order(&self) -> [usize; MAX_ORDER as usize + 1] {
        let mut counts = [0; ORDERS];
        self.frames.with(|frames| frames.count_by_order(self.max_order, &mut counts));
        counts
    }

    /// What is known of a frame's pageblock; `None` out of the span.
    #[must_use]
    pub fn pageblock(&self, pfn: u64) -> Option<Pageblock> {
        let frame = self.number(pfn)?;
        self.frames.with(|frames| frames.state(frame as usize / PAGEBLOCK_FRAMES))
    }

    /// Sets the marks and reserves.
    pub fn set_marks(&self, marks: &Marks) {
        self.watch.set(marks);
    }

    /// The marks and reserves as they are now.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.watch.get()
    }

    /// Whether the marks let a request up to a kind have a block of that order. Takes no lock, and
    /// does not say that there is such a block.
    #[must_use]
    pub fn allows(&self, order: u8, highest: ZoneKind, against: Against) -> bool {
        self.watch.allows(order, highest, against)
    }

    /// Takes a block of `2^order` frames, whatever the marks say: its first frame, a multiple of its
    /// length. `None` if there is no such block.
    pub fn alloc(&self, order: u8, mobility: Mobility) -> Option<u64> {
        if order > self.max_order {
            return None;
        }
        let take = |frames: &mut Frames<'m>| {
            let frame = frames.take(order, mobility);
            #[cfg(feature = "checked")]
            frame.into_iter().for_each(|frame| frames.handed_out.note(frame, order));
            frame
        };
        self.changing(take).map(|frame| self.pfn(frame))
    }

    /// Gives a block back.
    ///
    /// # Errors
    /// It cannot have been handed out as it is; nothing has changed. Without the feature `checked`,
    /// what was never handed out is only noticed if its pageblock has no room for it.
    pub fn free(&self, pfn: u64, order: u8) -> Result<(), FreeError> {
        let max_order = self.max_order;
        if order > max_order {
            return Err(FreeError::Order { order, max_order });
        }
        let frame = self.number(pfn).ok_or(FreeError::NoSuchFrame)?;
        self.changing(|frames| {
            #[cfg(feature = "checked")]
            frames.handed_out.check(frame, order)?;
            frames.give(frame, order)?;
            #[cfg(feature = "checked")]
            frames.handed_out.forget(frame);
            Ok(())
        })
    }

    /// Takes the lock, and tells everybody the count of free frames before giving it back.
    #[inline]
    fn changing<R>(&self, change: impl FnOnce(&mut Frames<'m>) -> R) -> R {
        let (result, free) = self.frames.with(|frames| self.telling(frames, change));
        self.tell_late(free);
        result
    }

    /// The same, unless somebody else has the lock.
    #[inline]
    fn try_changing<R>(&self, change: impl FnOnce(&mut Frames<'m>) -> R) -> Option<R> {
        let (result, free) = self.frames.try_with(|frames| self.telling(frames, change))?;
        self.tell_late(free);
        Some(result)
    }

    #[inline]
    fn telling<R>(&self, frames: &mut Frames<'m>, change: impl FnOnce(&mut Frames<'m>) -> R) -> (R, usize) {
        let result = change(frames);
        if !fault("zone: free frames told too late") {
            self.watch.set_free(frames.free);
            self.watch.set_managed(frames.managed);
            self.watch.set_isolated(frames.isolated);
        }
        (result, frames.free)
    }

    #[inline]
    fn tell_late(&self, free: usize) {
        if fault("zone: free frames told too late") {
            self.watch.set_free(free);
        }
    }

    /// Whether a fork has left the holder of its lock behind: it has no frames then.
    pub(crate) fn is_lost(&self) -> bool {
        self.frames.is_lost()
    }

    #[inline]
    pub(crate) fn pfn(&self, frame: u32) -> u64 {
        self.base + u64::from(frame)
    }

    /// A frame's number, if it is in the span.
    #[inline(always)]
    pub(crate) fn number(&self, pfn: u64) -> Option<u32> {
        // A span has at most 2^31 frames, and begins within the first of the longest blocks behind the base.
        if self.span.contains(&pfn) { Some((pfn - self.base) as u32) } else { None }
    }
}

impl<L> fmt::Debug for Zone<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { watch, id, span, max_order, .. } = self;
        let free = watch.free();
        f.debug_struct("Zone")
            .field("id", id)
            .field("span", span)
            .field("max_order", max_order)
            .field("free", &free)
            .finish_non_exhaustive()
    }
}
