//! The zone's side of per-CPU pages: refills, returns, and single blocks that are not cached.
//!
//! Per-CPU pages number frames from the first frame of the span, so that each number below the span's length denotes a
//! frame of the span. The zone itself numbers frames from its base:
//!
//! ```text
//! refill(order, mobility, room):        one acquisition of the zone's lock
//!     order 0: alloc_bulk               the lowest free frames of one pageblock after another
//!     else:    alloc for each block     the best fit, a new pick for each
//!     both prefer pageblocks of the mobility, and may steal one of the other: see `buddy` and `migrate_group`
//!     fell = free pages were at or above the low watermark before, and are below it now
//!     subtract the span's offset from each number
//! ```

use super::{allocator::Zone, counters::Counters, error::FreeError, free_frames::FreeFrames, migrate_group::Mobility};
use crate::{
    ids::Order,
    locking::RawLock,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The outcome of a refill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refilled {
    /// The number of blocks allocated.
    pub(crate) blocks: usize,
    /// True if the refill made the zone's free pages fall below the low watermark.
    pub(crate) fell: bool,
}

impl<'m, L: RawLock> Zone<'m, L> {
    /// The number of frames of the span.
    pub(crate) fn spanned(&self) -> u32 {
        // A span has at most 2^31 frames.
        (self.span.end - self.span.start) as u32
    }

    /// The number of the span's first frame, counted from the base.
    fn span_offset(&self) -> u32 {
        // Fits: base and span are less than one largest block apart.
        (self.span.start - self.base) as u32
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The number of operations that forbid pages of the zone in caches.
    pub(crate) fn uncached(&self) -> &AtomicUsize {
        &self.counters.uncached
    }

    /// Allocates blocks of an order, at most as many as `blocks` has room for. Writes the number of each block's first
    /// frame, counted from the span's first frame.
    #[inline]
    pub(crate) fn refill(&self, order: Order, mobility: Mobility, blocks: &mut [u32]) -> Refilled {
        // Loaded before the lock is taken: any value of this time serves, since watermarks are estimates.
        let low = self.watermark_counters().low();
        let refilled = self.with_frames(|frames| refill_from(frames, low, order, mobility, blocks));
        self.number_from_span(refilled, blocks)
    }

    /// Converts numbers from the base to numbers from the span.
    #[inline]
    fn number_from_span(&self, refilled: Refilled, blocks: &mut [u32]) -> Refilled {
        let offset = self.span_offset();
        // As a rule the span starts at the base, and numbers stay as they are.
        if offset > 0 {
            blocks.iter_mut().take(refilled.blocks).for_each(|block| *block = block.wrapping_sub(offset));
        }
        refilled
    }

    /// Allocates blocks as [`Zone::refill`] does, unless the lock stays held for all attempts.
    pub(crate) fn try_refill(&self, order: Order, mobility: Mobility, blocks: &mut [u32]) -> Option<Refilled> {
        let low = self.watermark_counters().low();
        let refilled = self.trying(|frames| refill_from(frames, low, order, mobility, blocks))?;
        Some(self.number_from_span(refilled, blocks))
    }

    /// Changes the frames if the lock is free within a few attempts.
    ///
    /// The holder may be the thread that the caller has interrupted: waiting for the lock would never end then.
    fn trying<R>(&self, mut change: impl FnMut(&mut FreeFrames<'m>) -> R) -> Option<R> {
        (0..TRIES).find_map(|_| {
            let done = self.try_with_frames(&mut change);
            if done.is_none() {
                core::hint::spin_loop();
            }
            done
        })
    }

    /// Frees blocks of an order that a cache returns. A block that is not an allocated one stays as it is, and is
    /// counted as misdirected.
    #[inline]
    pub(crate) fn return_blocks(&self, order: Order, blocks: &[u32]) {
        self.count_misdirected(self.with_frames(|frames| free_each(frames, order, blocks, self.span_offset())));
    }

    /// Frees blocks as [`Zone::return_blocks`] does, unless the lock is held. Returns whether it did.
    #[inline]
    pub(crate) fn try_return_blocks(&self, order: Order, blocks: &[u32]) -> bool {
        let misdirected = self.try_with_frames(|frames| free_each(frames, order, blocks, self.span_offset()));
        misdirected.map(|misdirected| self.count_misdirected(misdirected)).is_some()
    }

    fn count_misdirected(&self, misdirected: usize) {
        // As a rule there are none: then the counter's cache line is not written.
        if misdirected > 0 {
            self.counters.misdirected.fetch_add(misdirected, Relaxed);
        }
    }

    /// Frees one block.
    pub(crate) fn free_block(&self, frame: u32, order: Order) -> Result<(), FreeError> {
        self.with_frames(|frames| frames.free(frame, order.number()))
    }

    /// Frees one block, unless the lock stays held for all attempts.
    pub(crate) fn try_free_block(&self, frame: u32, order: Order) -> Option<Result<(), FreeError>> {
        self.trying(|frames| frames.free(frame, order.number()))
    }

    /// Notes that a block goes from a cache to its user.
    #[cfg(feature = "checked")]
    pub(crate) fn note_allocated(&self, frame: u32, order: Order) {
        self.frames.with(|frames| frames.handed_out.note(frame, order));
    }

    /// Notes that a block goes from a cache to its user, unless the lock stays held. Returns whether it did.
    #[cfg(feature = "checked")]
    pub(crate) fn try_note_allocated(&self, frame: u32, order: Order) -> bool {
        self.trying(|frames| frames.handed_out.note(frame, order)).is_some()
    }

    /// Notes that a block goes from its user to a cache, unless the lock stays held.
    #[cfg(feature = "checked")]
    pub(crate) fn try_note_freed(&self, frame: u32, order: Order) -> Option<Result<(), FreeError>> {
        self.trying(|frames| frames.handed_out.remove(frame, order))
    }

    /// Frees a block that comes from its user, and removes its note under the same lock.
    #[cfg(feature = "checked")]
    pub(crate) fn try_free_block_noted(&self, frame: u32, order: Order) -> Option<Result<(), FreeError>> {
        self.trying(|frames| {
            // The note is removed only after the free has succeeded: an error must not change it.
            frames.handed_out.check(frame, order)?;
            frames.free(frame, order.number())?;
            frames.handed_out.forget(frame);
            Ok(())
        })
    }

    /// Allocates one block for its user, and notes that under the same lock.
    #[cfg(feature = "checked")]
    pub(crate) fn try_refill_noted(&self, order: Order, mobility: Mobility, block: &mut [u32; 1]) -> Option<Refilled> {
        let low = self.watermark_counters().low();
        let refilled = self.trying(|frames| {
            let refilled = refill_from(frames, low, order, mobility, block);
            if refilled.blocks == 1 {
                // Numbered from the base still: the number from the span comes after the lock.
                frames.handed_out.note(block[0], order);
            }
            refilled
        })?;
        Some(self.number_from_span(refilled, block))
    }

    /// Notes that a block is two from now on.
    #[cfg(feature = "checked")]
    pub(crate) fn note_split(&self, frame: u32, order: Order) -> Result<(), FreeError> {
        self.frames.with(|frames| {
            frames.handed_out.check(frame, order)?;
            // A block of order 0 has no halves, and its note stays.
            if let Some(half) = order.half() {
                [frame, frame + half.pages() as u32].into_iter().for_each(|frame| frames.handed_out.note(frame, half));
            }
            Ok(())
        })
    }

    /// Notes that a block goes from its user to a cache.
    #[cfg(feature = "checked")]
    pub(crate) fn note_freed(&self, frame: u32, order: Order) -> Result<(), FreeError> {
        self.frames.with(|frames| frames.handed_out.remove(frame, order))
    }
}

/// The number of attempts to take a lock that must not be waited for.
///
/// A holder on another CPU needs the lock for as long as it takes to access a few cache lines. With several attempts
/// such a holder is rarely the reason for a refusal. Under loom each attempt is one more branch of the search, so there
/// is one.
const TRIES: usize = if cfg!(loom) { 1 } else { 64 };

#[inline]
fn refill_from(
    frames: &mut FreeFrames<'_>,
    low: usize,
    order: Order,
    mobility: Mobility,
    blocks: &mut [u32],
) -> Refilled {
    let before = frames.free_count;
    let taken = if order == Order::ZERO {
        frames.alloc_bulk(mobility, blocks)
    } else {
        alloc_each(frames, order, mobility, blocks)
    };
    // Only the refill that crosses the watermark reports it, and not each one below it.
    Refilled { blocks: taken, fell: before >= low && frames.free_count < low }
}

fn alloc_each(frames: &mut FreeFrames<'_>, order: Order, mobility: Mobility, blocks: &mut [u32]) -> usize {
    for (taken, block) in blocks.iter_mut().enumerate() {
        match frames.alloc(order.number(), mobility) {
            Some(frame) => *block = frame,
            None => return taken,
        }
    }
    blocks.len()
}

/// The number of blocks whose numbers are converted at a time.
const BATCH: usize = 64;

/// Frees blocks that are numbered from the frame `offset`. Returns how many were misdirected frees.
#[inline]
fn free_each(frames: &mut FreeFrames<'_>, order: Order, blocks: &[u32], offset: u32) -> usize {
    if offset == 0 {
        return free_numbered(frames, order, blocks);
    }
    let mut misdirected = 0;
    // The caller's slice stays as it is: numbers are converted into a buffer on the stack.
    for blocks in blocks.chunks(BATCH) {
        let mut numbers = [0; BATCH];
        numbers.iter_mut().zip(blocks).for_each(|(number, block)| *number = block.wrapping_add(offset));
        misdirected += free_numbered(frames, order, numbers.get(..blocks.len()).unwrap_or_default());
    }
    misdirected
}

#[inline]
fn free_numbered(frames: &mut FreeFrames<'_>, order: Order, blocks: &[u32]) -> usize {
    let mut misdirected = 0;
    if order == Order::ZERO {
        frames.free_bulk(blocks, |_| misdirected += 1);
    } else {
        blocks.iter().for_each(|&block| misdirected += usize::from(frames.free(block, order.number()).is_err()));
    }
    misdirected
}
