//! The pages that a CPU or thread keeps at hand, of one zone: a stack for each order and mobility.
//!
//! The stacks stand in the allocator, not in the handle that uses them, so that a handle that is
//! leaked loses nothing. They are touched by one at a time: by the handle from its seat, or by
//! somebody who has borrowed the seat's drawer. Only the lengths are looked at by everybody.

use core::cell::UnsafeCell;

use super::page::Tag;
use crate::{
    MAX_ORDER, RawLock, Zone,
    sync::{
        Track,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
        const_fn,
    },
};

/// How many blocks of each order a stack has room for: single pages, small blocks, and those of 512
/// frames, which are a huge page.
const DEPTH: [usize; MAX_ORDER as usize + 1] = [1024, 64, 64, 64, 0, 0, 0, 0, 0, 16, 0];

/// Room for all stacks of both mobilities.
const FRAMES: usize = {
    let (mut sum, mut order) = (0, 0);
    while order < DEPTH.len() {
        sum += 2 * DEPTH[order];
        order += 1;
    }
    sum
};

/// Where each stack begins.
const START: [usize; Tag::LIMIT] = {
    let (mut start, mut tag, mut sum) = ([FRAMES; Tag::LIMIT], 0, 0);
    while tag < 2 * DEPTH.len() {
        start[tag] = sum;
        sum += DEPTH[tag / 2];
        tag += 1;
    }
    start
};

/// Room for as many blocks as a stack can have.
pub(super) const fn depth(tag: Tag) -> usize {
    let order = tag.order() as usize;
    if order < DEPTH.len() { DEPTH[order] } else { 0 }
}

/// The pages of one zone that one handle keeps at hand. Memory for them comes from the caller, or from `alloc`.
///
/// ```
/// use zonelist_core::PageCache;
/// // Four handles, three zones.
/// static CACHES: [PageCache; 12] = [const { PageCache::new() }; 12];
/// assert!(size_of_val(&CACHES[0]) < 12_000);
/// ```
#[repr(C, align(128))]
#[derive(Debug)]
pub struct PageCache {
    stacks: [Stack; Tag::LIMIT],
    track: Track,
    /// The stacks' frames, as numbers in the zone.
    frames: UnsafeCell<[u32; FRAMES]>,
}

// SAFETY: `frames` is reached only through `Hands`, of which there is one at a time.
unsafe impl Sync for PageCache {}

/// How much is on a stack, and how much may be.
#[derive(Debug)]
struct Stack {
    /// In the low 16 bits how many blocks there are, above them how many were taken from here so
    /// far: both change with one addition. Written by whoever has the hands.
    state: AtomicUsize,
    /// How many there may be; 0 until somebody asks.
    limit: AtomicU32,
    /// How many come and go at a time.
    batch: AtomicU32,
}

const LEN: usize = 0xffff;
const ONE_TAKEN: usize = LEN + 1;

impl Stack {
    const_fn! {
        const fn new() -> Self {
            Self { state: AtomicUsize::new(0), limit: AtomicU32::new(0), batch: AtomicU32::new(0) }
        }
    }
}

impl PageCache {
    const_fn! {
        /// Without any page.
        #[must_use]
        pub const fn new() -> Self {
            #[cfg(not(loom))]
            let stacks = [const { Stack::new() }; Tag::LIMIT];
            #[cfg(loom)]
            let stacks = core::array::from_fn(|_| Stack::new());
            Self { stacks, track: Track::new(), frames: UnsafeCell::new([0; FRAMES]) }
        }
    }

    /// Pages on all stacks. What somebody is changing counts as before or after.
    pub(super) fn pages(&self) -> usize {
        let stacks = self.stacks.iter().enumerate();
        stacks.map(|(tag, stack)| (stack.state.load(Relaxed) & LEN) << (tag / 2)).sum()
    }

    /// Whether there is any page on a stack.
    pub(super) fn is_in_use(&self) -> bool {
        self.stacks.iter().any(|stack| stack.state.load(Relaxed) & LEN > 0)
    }

    /// Blocks taken from stacks so far.
    pub(super) fn hits(&self) -> usize {
        self.stacks.iter().map(|stack| stack.state.load(Relaxed) / ONE_TAKEN).sum()
    }
}

impl Default for PageCache {
    fn default() -> Self {
        Self::new()
    }
}

/// The hands that may touch a cache.
#[derive(Debug)]
pub(super) struct Hands<'c>(&'c PageCache);

impl<'c> Hands<'c> {
    /// # Safety
    /// No other hands touch the cache as long as these are there, and all that others did before is
    /// seen: its owner is in its seat and nobody has borrowed its drawer, or the drawer is borrowed.
    #[inline(always)]
    pub(super) unsafe fn on(cache: &'c PageCache) -> Self {
        Self(cache)
    }

    #[inline(always)]
    fn stack(&self, tag: Tag) -> &'c Stack {
        &self.0.stacks[tag.index()]
    }

    #[inline(always)]
    fn first(&self) -> *mut u32 {
        self.0.frames.get().cast()
    }

    /// Takes the block on top.
    #[inline(always)]
    pub(super) fn pop(&mut self, tag: Tag) -> Option<u32> {
        let stack = self.stack(tag);
        let state = stack.state.load(Relaxed);
        let top = (state & LEN).checked_sub(1)?;
        self.0.track.write();
        stack.state.store(state.wrapping_add(ONE_TAKEN - 1), Relaxed);
        // SAFETY: a stack has at most `depth` blocks, so that this one is within the frames.
        let slot = unsafe { self.first().add(START[tag.index()] + top) };
        // SAFETY: only these hands touch the frames.
        Some(unsafe { slot.read() })
    }

    /// The same, of a block that was got for the very request that takes it: no hit.
    pub(super) fn pop_unasked(&mut self, tag: Tag) -> Option<u32> {
        let frame = self.pop(tag)?;
        let stack = self.stack(tag);
        stack.state.store(stack.state.load(Relaxed).wrapping_sub(ONE_TAKEN), Relaxed);
        Some(frame)
    }

    /// Puts a block on top, unless there are as many as may be.
    #[inline(always)]
    pub(super) fn push(&mut self, tag: Tag, frame: u32) -> bool {
        let stack = self.stack(tag);
        let state = stack.state.load(Relaxed);
        let len = state & LEN;
        if len >= stack.limit.load(Relaxed) as usize {
            return false;
        }
        self.0.track.write();
        stack.state.store(state + 1, Relaxed);
        // SAFETY: a stack's limit is at most its `depth`, so that this block is within the frames.
        let slot = unsafe { self.first().add(START[tag.index()] + len) };
        // SAFETY: only these hands touch the frames.
        unsafe { slot.write(frame) };
        true
    }

    /// Whether there are as many blocks as may be.
    pub(super) fn is_full(&self, tag: Tag) -> bool {
        let stack = self.stack(tag);
        stack.state.load(Relaxed) & LEN >= stack.limit.load(Relaxed) as usize
    }

    /// How many blocks come and go at a time; 0 while nothing is kept.
    pub(super) fn batch(&self, tag: Tag) -> usize {
        self.stack(tag).batch.load(Relaxed) as usize
    }

    /// Sets how many blocks come and go at a time, and with it how many may be there: four times as many.
    pub(super) fn set_batch(&mut self, tag: Tag, batch: usize) {
        let limit = (4 * batch).min(depth(tag));
        let stack = self.stack(tag);
        stack.batch.store(batch as u32, Relaxed);
        stack.limit.store(limit as u32, Relaxed);
    }

    fn room(&mut self, tag: Tag) -> &mut [u32] {
        self.0.track.write();
        // SAFETY: only these hands touch the frames.
        let frames = unsafe { &mut *self.0.frames.get() };
        &mut frames[START[tag.index()]..][..depth(tag)]
    }

    /// Fills an empty stack with what `supply` writes down: at most so many blocks, of which it says how many there are.
    pub(super) fn fill(&mut self, tag: Tag, most: usize, supply: impl FnOnce(&mut [u32]) -> usize) {
        let stack = self.stack(tag);
        let room = self.room(tag);
        let most = most.min(room.len());
        let blocks = supply(&mut room[..most]).min(most);
        // Taken from the top, so that the lowest goes first.
        room[..blocks].reverse();
        let state = stack.state.load(Relaxed);
        stack.state.store(state & !LEN | blocks, Relaxed);
    }

    /// Hands the lowest blocks of a stack, which are there the longest, to `restock`.
    pub(super) fn empty(&mut self, tag: Tag, most: usize, restock: impl FnOnce(&[u32])) {
        let stack = self.stack(tag);
        let state = stack.state.load(Relaxed);
        let (len, room) = (state & LEN, self.room(tag));
        let out = len.min(most);
        if out > 0 {
            restock(&room[..out]);
            room.copy_within(out..len, 0);
            stack.state.store(state - out, Relaxed);
        }
    }

    /// Gives all blocks back to their zone, and begins anew with small batches. Returns how many pages there were.
    pub(super) fn empty_into<L: RawLock>(&mut self, zone: &Zone<'_, L>) -> usize {
        let mut pages = 0;
        for tag in Tag::all().filter(|&tag| depth(tag) > 0) {
            self.empty(tag, usize::MAX, |blocks| {
                pages += blocks.len() << tag.order();
                zone.restock(tag.order(), blocks);
            });
            self.set_batch(tag, 0);
        }
        pages
    }
}
