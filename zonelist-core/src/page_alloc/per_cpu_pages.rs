//! Per-CPU pages of one zone: a stack of blocks for each order and mobility.
//!
//! The stacks are in the allocator, not in the handle that uses them, so that a leaked handle loses no page. One thread
//! at a time accesses them: the handle within its critical section, or a drain that has revoked them. Every thread may
//! read their lengths.
//!
//! ```text
//!   stacks: | state, limit of tag 0 | state, limit of tag 1 | ...
//!   frames: | ... stack of tag 0 ... | ... stack of tag 1 ... | ...      block numbers, relative to the zone's span
//!             ^start     ^top  ^limit   ^start + depth    counted in words from the stack's own state, the one address
//!   push: top == limit, or the block is not of this zone and tag: fail; else frames[top] := block, top += 1
//!   pop:  top == start: fail; else top -= 1, taken += 1, block := frames[top]
//!   full: the lowest blocks, which are there the longest, go to the zone by a batch
//! ```
//!
//! New pages are all zeros, so that a static of them is in `.bss` and takes no room in a program's file. Their tops and
//! limits are 0, below the start of each stack. The first handle sets them in `set_zone`. So the fast paths, which only
//! handles run, add no start to a top. A drain passes over stacks that are not set.

use core::{cell::UnsafeCell, mem::offset_of, ptr::NonNull};

use super::{
    page::{Page, PageWord, Tag},
    stack_layout::{FRAMES, depth, first, start, starts},
};
use crate::{
    Zone,
    chunks::{Chunked, Link},
    locking::RawLock,
    sync::{
        Track,
        atomic::{AtomicUsize, Ordering::Relaxed},
        const_fn,
    },
};

/// The per-CPU pages of one zone and one handle. The caller provides the memory, or `alloc` does.
///
/// ```
/// use zonelist_core::page_alloc::PerCpuPages;
/// // Two handles, three zones.
/// let mut caches = [const { PerCpuPages::new() }; 6];
/// assert!(size_of_val(&caches[0]) < 12_000);
/// ```
#[repr(C, align(128))]
#[derive(Debug)]
pub struct PerCpuPages {
    stacks: [Stack; Tag::LIMIT],
    track: Track,
    /// The first frame of each block, relative to the first frame of the zone's span.
    frames: UnsafeCell<[u32; FRAMES]>,
    /// In the first of a chunk: the next chunk.
    next: Link<Self>,
}

impl Chunked for PerCpuPages {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

// SAFETY: `frames` and the `plain` part of each stack are accessed only through `CacheAccess`, and at most one of it is
// in use for these pages at a time. All else is atomic.
unsafe impl Sync for PerCpuPages {}

/// The state of one stack: its length, its limit, and the zone and tag of its blocks.
#[repr(align(32))]
#[derive(Debug)]
struct Stack {
    /// The low 16 bits are the top: the place in the frames after the last block. The bits above count the blocks that
    /// were popped. One addition changes both. Only the owner of the access writes it.
    state: AtomicUsize,
    /// The count of blocks that were popped, where `state` has only 16 bits for it, which overflow soon.
    #[cfg(not(target_pointer_width = "64"))]
    taken: AtomicUsize,
    plain: UnsafeCell<Plain>,
}

/// The part of a stack that only the owner of the access reads and writes.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// The highest top: four batches above the start, or three quarters of the depth; up to the depth while another
    /// thread holds the zone's lock. The start, before the first request for such a block.
    limit: u32,
    /// The number of blocks of a refill or return.
    batch: u32,
    /// The exclusive limit of a block's number, relative to the first frame of the zone's span.
    frames: u64,
    /// The page of the stack's tag at the first frame of the span: block numbers are differences to it. `None`, which is
    /// all zeros, before the first handle: then the stack has no block.
    zero: Option<PageWord>,
}

// SAFETY: as for `PerCpuPages`: `plain` is accessed only through `CacheAccess`, and at most one is in use for these pages
// at a time. `state` and `taken` are atomic. So a handle, which keeps references to stacks, may go to another thread.
unsafe impl Sync for Stack {}

/// The start of each stack: its first place in the frames, counted in words from the stack itself.
pub(super) const STARTS: [usize; Tag::LIMIT] = starts(offset_of!(PerCpuPages, frames), size_of::<Stack>());
const _: () = assert!(STARTS[0] + FRAMES < TOP, "a place needs more bits than a top has");

/// The bits of the top.
const TOP: usize = 0xffff;
/// One block more in the count of popped blocks.
const ONE_TAKEN: usize = TOP + 1;

impl Stack {
    const_fn! {
        const fn new(start: usize) -> Self {
            let plain = Plain { limit: start as u32, batch: 0, frames: 0, zero: None };
            Self {
                state: AtomicUsize::new(start),
                #[cfg(not(target_pointer_width = "64"))]
                taken: AtomicUsize::new(0),
                plain: UnsafeCell::new(plain),
            }
        }
    }

    /// The count of popped blocks, without those for which the stack was refilled.
    fn taken(&self) -> usize {
        #[cfg(target_pointer_width = "64")]
        return self.state.load(Relaxed) / ONE_TAKEN;
        #[cfg(not(target_pointer_width = "64"))]
        self.taken.load(Relaxed)
    }

    /// Adds to the count of popped blocks where `state` does not hold it. Needs exclusive access to the stack.
    #[inline(always)]
    fn count_taken(&self, _more: usize) {
        #[cfg(not(target_pointer_width = "64"))]
        self.taken.store(self.taken.load(Relaxed).wrapping_add(_more), Relaxed);
    }

    /// The number of blocks. A concurrent change is seen whole or not at all.
    fn blocks(&self, tag: usize) -> usize {
        // The top is 0 before the first handle.
        (self.state.load(Relaxed) & TOP).saturating_sub(STARTS[tag])
    }
}

impl PerCpuPages {
    const_fn! {
        /// Creates per-CPU pages without any page. All bytes are 0, so that a static of them is in `.bss`.
        #[must_use]
        pub const fn new() -> Self {
            #[cfg(not(loom))]
            let stacks = [const { Stack::new(0) }; Tag::LIMIT];
            // Loom's atomics are not const. With the starts, the first handle costs a model no steps.
            #[cfg(loom)]
            let stacks = core::array::from_fn(|tag| Stack::new(STARTS[tag]));
            Self { stacks, track: Track::new(), frames: UnsafeCell::new([0; FRAMES]), next: Link::new() }
        }
    }

    /// The stack of a tag.
    #[inline(always)]
    pub(super) fn stack_ref(&self, tag: Tag) -> StackRef<'_> {
        // SAFETY: the stacks are the first field, and a tag is below their number.
        StackRef { cache: self, stack: unsafe { NonNull::from(self).cast::<Stack>().add(tag.index()) } }
    }

    /// The number of pages on all stacks.
    pub(super) fn pages(&self) -> usize {
        // A tag is twice the order, plus the mobility.
        (0..Tag::LIMIT).map(|tag| self.stacks[tag].blocks(tag) << (tag / 2)).sum()
    }

    /// Whether any stack has a page.
    pub(super) fn is_in_use(&self) -> bool {
        (0..Tag::LIMIT).any(|tag| self.stacks[tag].blocks(tag) > 0)
    }

    /// The number of blocks that were popped, modulo the word.
    pub(super) fn hits(&self) -> usize {
        self.stacks.iter().map(Stack::taken).fold(0, usize::wrapping_add)
    }
}

impl Default for PerCpuPages {
    fn default() -> Self {
        Self::new()
    }
}

/// A stack of a handle. One that is kept is a prediction: a correct guess saves the load of the page's zone and the lookup
/// of its stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackRef<'c> {
    pub(super) cache: &'c PerCpuPages,
    /// A pointer to all of the cache, at its stack: places in the frames are counted from there.
    stack: NonNull<Stack>,
}

// SAFETY: it is a reference to the per-CPU pages, which are `Sync`.
unsafe impl Send for StackRef<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for StackRef<'_> {}

impl<'c> StackRef<'c> {
    /// Pushes a block, which the stack owns then. Fails if the stack is at its limit, or the block is of another zone, order or mobility.
    ///
    /// # Safety
    /// The contract of [`CacheAccess::on`] for these pages.
    #[inline(always)]
    pub(super) unsafe fn push(self, page: PageWord) -> bool {
        // SAFETY: the caller guarantees exclusive access to these per-CPU pages, which is the contract of `on`.
        unsafe { CacheAccess::on(self.cache) }.push_to(self, page)
    }

    /// The state and the plain part.
    #[inline(always)]
    fn get(self) -> &'c Stack {
        // SAFETY: the pointer is to a stack of the cache, which is borrowed.
        unsafe { self.stack.as_ref() }
    }

    /// A pointer to a place in the frames. `at` must be one of this stack.
    #[inline(always)]
    fn place(self, at: usize) -> *mut u32 {
        // SAFETY: `at` is a place of the frames, which the pointer may access, since it is made of the cache's: a top is at
        // most the end of its stack and `pop` goes one below it, and `push` has checked that the top is below the limit,
        // which is at most that end.
        unsafe { self.stack.as_ptr().cast::<u32>().add(at) }
    }
}

/// Exclusive access to the per-CPU pages of one zone and handle.
#[derive(Debug)]
pub(super) struct CacheAccess<'c>(&'c PerCpuPages);

impl<'c> CacheAccess<'c> {
    /// Declares exclusive access.
    ///
    /// # Safety
    /// No other access is in use at the same time, and all writes of earlier accesses happened before. So either the
    /// handle that owns the pages is within a critical section in which they are not revoked, or they are revoked and
    /// the owner has released them, or no other thread has the allocator.
    #[inline(always)]
    pub(super) unsafe fn on(cache: &'c PerCpuPages) -> Self {
        Self(cache)
    }

    /// The stack of a tag.
    #[inline(always)]
    fn stack(&self, tag: Tag) -> &'c Stack {
        self.0.stack_ref(tag).get()
    }

    /// The plain part of a stack.
    #[inline(always)]
    fn plain(stack: &Stack) -> Plain {
        // SAFETY: this access is exclusive, and no reference to the plain part is kept.
        unsafe { stack.plain.get().read() }
    }

    /// Pops a block; `None` if the stack is empty. `start` is [`start`] of the tag.
    #[inline(always)]
    pub(super) fn pop(&mut self, tag: Tag, start: usize) -> Option<Page> {
        let places = self.0.stack_ref(tag);
        let stack = places.get();
        let state = stack.state.load(Relaxed);
        if state & TOP == start {
            return None;
        }
        self.0.track.write();
        // One less in the low bits, one more in the high bits. Relaxed: other threads read it as a statistic, and the
        // next access is ordered after this one by the critical section.
        stack.state.store(state.wrapping_add(ONE_TAKEN - 1), Relaxed);
        stack.count_taken(1);
        let place = places.place((state & TOP) - 1);
        // SAFETY: `place` is within the frames, and this access is exclusive.
        let frame = unsafe { place.read() };
        // SAFETY: the stack has had a block. A block gets there by `push`, which needs a zone, or by `fill`, which only a
        // handle calls; each handle sets the zone before anything else, and nothing unsets it.
        let zero = unsafe { Self::plain(stack).zero.unwrap_unchecked() };
        // The block was the stack's, and is the caller's now.
        Some(Page::new(zero.plus(frame)))
    }

    /// Pops a block for the request that refilled the stack: not counted, since it is no hit.
    pub(super) fn pop_refilled(&mut self, tag: Tag) -> Option<Page> {
        let page = self.pop(tag, start(tag))?;
        let stack = self.stack(tag);
        // The fast path's pop counts always; to uncount here keeps a branch out of it.
        stack.state.store(stack.state.load(Relaxed).wrapping_sub(ONE_TAKEN), Relaxed);
        stack.count_taken(1_usize.wrapping_neg());
        Some(page)
    }

    /// Pushes a block to the stack of its tag, which owns it then. Fails if the stack is at its limit, or the block is of another zone.
    #[inline(always)]
    pub(super) fn push(&mut self, page: PageWord) -> bool {
        self.push_to(self.0.stack_ref(page.tag()), page)
    }

    /// Pushes a block to this stack. Fails if the stack is at its limit, or the block is of another zone or tag.
    #[inline(always)]
    fn push_to(&mut self, places: StackRef<'_>, page: PageWord) -> bool {
        let stack = places.get();
        let (state, plain) = (stack.state.load(Relaxed), Self::plain(stack));
        let (top, frame) = (state & TOP, page.minus(plain.zero));
        // `minus` is very large for a page of another zone or tag, whose high bits differ: one compare checks all.
        if top as u32 >= plain.limit || frame >= plain.frames {
            return false;
        }
        self.0.track.write();
        stack.state.store(state + 1, Relaxed);
        let place = places.place(top);
        // SAFETY: `place` is within the frames, and this access is exclusive.
        unsafe { place.write(frame as u32) };
        true
    }

    /// Sets the zone: `zero` gives the page of a tag at the first frame of the span, which has `spanned` frames. To be
    /// called for a handle before any other access of it.
    pub(super) fn set_zone(&mut self, zero: impl Fn(Tag) -> PageWord, spanned: u32) {
        for tag in Tag::all() {
            let stack = self.stack(tag);
            let mut plain = Self::plain(stack);
            if self.is_unset(tag) {
                // Relaxed, as all stores to the top. No block was popped yet.
                stack.state.store(start(tag), Relaxed);
                plain.limit = start(tag) as u32;
            }
            plain.zero = Some(zero(tag));
            // A block that begins in the last frames would end after the span.
            plain.frames = u64::from(spanned).saturating_sub(tag.order().pages() - 1);
            self.set(tag, plain);
        }
    }

    /// True if the stack is all zeros, before its first handle, and its start is not 0.
    fn is_unset(&self, tag: Tag) -> bool {
        (Self::plain(self.stack(tag)).limit as usize) < start(tag)
    }

    /// Whether `push` would succeed.
    #[cfg(feature = "checked")]
    pub(super) fn has_room_for(&self, page: PageWord) -> bool {
        let plain = Self::plain(self.stack(page.tag()));
        !self.is_full(page.tag()) && page.minus(plain.zero) < plain.frames
    }

    /// Discards all blocks and resets the batches. For the child of a fork, where some of the blocks may be free as
    /// well.
    pub(super) fn discard(&mut self) {
        for tag in Tag::all() {
            let stack = self.stack(tag);
            // The count of popped blocks stays.
            stack.state.store(stack.state.load(Relaxed) & !TOP | start(tag), Relaxed);
            self.set_batch(tag, 0);
        }
    }

    /// Whether the stack is at its limit.
    pub(super) fn is_full(&self, tag: Tag) -> bool {
        let stack = self.stack(tag);
        stack.state.load(Relaxed) & TOP >= Self::plain(stack).limit as usize
    }

    /// The number of blocks of a refill or return; 0 while the stack keeps none.
    pub(super) fn batch(&self, tag: Tag) -> usize {
        Self::plain(self.stack(tag)).batch as usize
    }

    /// Sets the batch, which is at most half of the depth, and the limit: four batches, at most three quarters of the
    /// depth.
    pub(super) fn set_batch(&mut self, tag: Tag, batch: usize) {
        // The last quarter is for `raise_limit`, while the zone's lock is held by another thread.
        let limit = start(tag) + (4 * batch).min(depth(tag) * 3 / 4);
        self.set(tag, Plain { limit: limit as u32, batch: batch as u32, ..Self::plain(self.stack(tag)) });
    }

    /// Raises the limit a few blocks above the top, at most to the depth. Returns whether the stack has room now.
    pub(super) fn raise_limit(&mut self, tag: Tag) -> bool {
        let (stack, end) = (self.stack(tag), start(tag) + depth(tag));
        let top = stack.state.load(Relaxed) & TOP;
        let limit = (top + depth(tag).div_ceil(32)).min(end);
        self.set(tag, Plain { limit: limit as u32, ..Self::plain(stack) });
        top < limit
    }

    /// Replaces the plain part of a stack.
    fn set(&mut self, tag: Tag, plain: Plain) {
        // SAFETY: this access is exclusive, and no reference to the plain part is kept.
        unsafe { self.stack(tag).plain.get().write(plain) };
    }

    /// The places of a stack in the frames, up to its depth.
    fn room(&mut self, tag: Tag) -> &mut [u32] {
        self.0.track.write();
        // SAFETY: this access is exclusive, and borrowed mutably for as long as the reference lives.
        let frames = unsafe { &mut *self.0.frames.get() };
        let room = frames.get_mut(first(tag)..).and_then(|rest| rest.get_mut(..depth(tag)));
        room.unwrap_or_default()
    }

    /// Fills an empty stack with at most `most` blocks, which `refill` writes; `refill` returns their number.
    pub(super) fn fill(&mut self, tag: Tag, most: usize, refill: impl FnOnce(&mut [u32]) -> usize) {
        let stack = self.stack(tag);
        let room = self.room(tag);
        let most = most.min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        let blocks = refill(room).min(most);
        // Pops go from the top, so that the lowest frame is allocated first.
        room.get_mut(..blocks).unwrap_or_default().reverse();
        let state = stack.state.load(Relaxed);
        stack.state.store(state & !TOP | (start(tag) + blocks), Relaxed);
    }

    /// Passes the lowest blocks of a stack, which are there the longest, to `free`, and removes them if it returns
    /// true. Returns whether they were removed.
    pub(super) fn return_lowest(&mut self, tag: Tag, most: usize, free: impl FnOnce(&[u32]) -> bool) -> bool {
        let stack = self.stack(tag);
        let (state, room) = (stack.state.load(Relaxed), self.room(tag));
        // The top is at most the start plus the depth, so the range is in bounds.
        let blocks = room.get_mut(..(state & TOP) - start(tag)).unwrap_or_default();
        // With no block there is nothing to free, and no lock to take.
        let out = blocks.len().min(most);
        let freed = out == 0 || free(blocks.get(..out).unwrap_or_default());
        if freed {
            // The upper blocks are the most recently used: they move down and stay.
            blocks.copy_within(out.., 0);
            stack.state.store(state - out, Relaxed);
        }
        freed
    }

    /// Returns all blocks to their zone and resets the batches. Returns the number of pages.
    pub(super) fn drain_into<L: RawLock>(&mut self, zone: &Zone<'_, L>) -> usize {
        let mut pages = 0;
        for tag in Tag::all().filter(|&tag| depth(tag) > 0) {
            // No handle has had the pages. They stay all zeros, and take no memory if the system zeroes it lazily.
            if self.is_unset(tag) {
                continue;
            }
            self.return_lowest(tag, usize::MAX, |blocks| {
                pages += blocks.len() << tag.order().number();
                zone.return_blocks(tag.order(), blocks);
                true
            });
            // The limit is the start now: the next push fails, and the slow path sets a batch if caches are still on.
            self.set_batch(tag, 0);
        }
        pages
    }
}
