//! Per-CPU pages of one zone: a stack of free blocks for each order and mobility.
//!
//! The stacks are in the allocator and not in the handle that uses them, so that a leaked handle loses no page. One thread at
//! a time accesses them: the handle while it is active in its reader slot, or a drain that has revoked them. Only the lengths
//! are read by any thread.

use core::cell::UnsafeCell;

use super::page::{Page, Tag};
use crate::{
    MAX_ORDER, RawLock, Zone,
    sync::{
        Track,
        atomic::{AtomicUsize, Ordering::Relaxed},
        const_fn,
    },
};

/// The blocks of each order that a stack has room for: single pages, small blocks, and those of 512 frames, which are a
/// huge page.
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

/// The index of each stack's first frame.
const START: [usize; Tag::LIMIT] = {
    let (mut start, mut tag, mut sum) = ([FRAMES; Tag::LIMIT], 0, 0);
    while tag < 2 * DEPTH.len() {
        start[tag] = sum;
        sum += DEPTH[tag / 2];
        tag += 1;
    }
    start
};

/// The index of a stack's first frame.
pub(super) const fn start(tag: Tag) -> usize {
    // Every tag is below `LIMIT`, which the compiler does not see at every caller.
    let index = tag.index();
    if index < START.len() { START[index] } else { 0 }
}

/// The blocks that a stack has room for.
pub(super) const fn depth(tag: Tag) -> usize {
    let order = tag.order() as usize;
    if order < DEPTH.len() { DEPTH[order] } else { 0 }
}

/// Free pages of one zone that one handle keeps for its next allocations. The memory comes from the caller, or from `alloc`.
///
/// ```
/// use zonelist_core::PerCpuPages;
/// // Two handles, three zones.
/// let mut caches = [const { PerCpuPages::new() }; 6];
/// assert!(size_of_val(&caches[0]) < 12_000);
/// ```
#[repr(C, align(128))]
#[derive(Debug)]
pub struct PerCpuPages {
    stacks: [Stack; Tag::LIMIT],
    track: Track,
    /// The stacks' frames, as numbers from the first of the zone's span on.
    frames: UnsafeCell<[u32; FRAMES]>,
}

// SAFETY: `frames` and the `plain` of stacks are accessed only through `CacheAccess`, of which there is one at a time.
unsafe impl Sync for PerCpuPages {}

/// The length and limit of a stack, and what blocks it has.
#[repr(align(32))]
#[derive(Debug)]
struct Stack {
    /// In the low 16 bits how far up in the frames the stack reaches, above them how many blocks were
    /// taken from it so far: both change with one addition. Written with exclusive access only.
    state: AtomicUsize,
    /// The count of blocks taken, where `state` has only 16 bits for it: those overflow soon.
    #[cfg(not(target_pointer_width = "64"))]
    taken: AtomicUsize,
    plain: UnsafeCell<Plain>,
}

/// The part of a stack that is read and written with exclusive access only.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// The highest index behind the top: four batches above the start, or the end of the room; the start, until the first
    /// use.
    limit: u32,
    /// The number of blocks of a refill or return.
    batch: u32,
    /// The first frames of the zone's blocks have numbers below this, counted from the start of its span.
    frames: u64,
    /// The page of the frame with number 0.
    zero: Page,
}

const TOP: usize = 0xffff;
const ONE_TAKEN: usize = TOP + 1;

impl Stack {
    const_fn! {
        const fn new(start: usize) -> Self {
            let plain = Plain { limit: start as u32, batch: 0, frames: 0, zero: Page::first(Tag::NONE) };
            Self {
                state: AtomicUsize::new(start),
                #[cfg(not(target_pointer_width = "64"))]
                taken: AtomicUsize::new(0),
                plain: UnsafeCell::new(plain),
            }
        }
    }

    /// The count of blocks taken so far, without those that it was refilled for.
    fn taken(&self) -> usize {
        #[cfg(target_pointer_width = "64")]
        return self.state.load(Relaxed) / ONE_TAKEN;
        #[cfg(not(target_pointer_width = "64"))]
        self.taken.load(Relaxed)
    }

    /// Adds to the count of blocks taken where `state` does not hold it. Needs exclusive access to the stack.
    #[inline(always)]
    fn count_taken(&self, _more: usize) {
        #[cfg(not(target_pointer_width = "64"))]
        self.taken.store(self.taken.load(Relaxed).wrapping_add(_more), Relaxed);
    }

    /// The number of blocks: before or after a change that is under way.
    fn blocks(&self, tag: usize) -> usize {
        (self.state.load(Relaxed) & TOP) - START[tag]
    }
}

impl PerCpuPages {
    const_fn! {
        /// Without any page.
        #[must_use]
        pub const fn new() -> Self {
            #[cfg(not(loom))]
            let stacks = {
                let (mut stacks, mut tag) = ([const { Stack::new(0) }; Tag::LIMIT], 0);
                while tag < stacks.len() {
                    stacks[tag] = Stack::new(START[tag]);
                    tag += 1;
                }
                stacks
            };
            #[cfg(loom)]
            let stacks = core::array::from_fn(|tag| Stack::new(START[tag]));
            Self { stacks, track: Track::new(), frames: UnsafeCell::new([0; FRAMES]) }
        }
    }

    /// The stack of a tag.
    #[inline(always)]
    pub(super) fn stack_ref(&self, tag: Tag) -> StackRef<'_> {
        // SAFETY: a tag is below the number of stacks.
        StackRef { cache: self, stack: unsafe { self.stacks.get_unchecked(tag.index()) } }
    }

    /// Pages on all stacks.
    pub(super) fn pages(&self) -> usize {
        (0..Tag::LIMIT).map(|tag| self.stacks[tag].blocks(tag) << (tag / 2)).sum()
    }

    /// True if any stack has a page.
    pub(super) fn is_in_use(&self) -> bool {
        (0..Tag::LIMIT).any(|tag| self.stacks[tag].blocks(tag) > 0)
    }

    /// The count of blocks popped so far.
    pub(super) fn hits(&self) -> usize {
        self.stacks.iter().map(Stack::taken).fold(0, usize::wrapping_add)
    }
}

impl Default for PerCpuPages {
    fn default() -> Self {
        Self::new()
    }
}

/// A predicted stack: a right prediction saves the dependent load of its address.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackRef<'c> {
    pub(super) cache: &'c PerCpuPages,
    stack: &'c Stack,
}

impl StackRef<'_> {
    /// Pushes a block, unless the stack is full or the block belongs elsewhere.
    ///
    /// # Safety
    /// As for [`CacheAccess::on`] the cache.
    #[inline(always)]
    pub(super) unsafe fn push(self, page: Page) -> bool {
        // SAFETY: the caller has exclusive access to the stacks, as `CacheAccess::on` requires.
        unsafe { CacheAccess::on(self.cache) }.push_to(self.stack, page)
    }
}

/// Exclusive access to the per-CPU pages of one zone.
#[derive(Debug)]
pub(super) struct CacheAccess<'c>(&'c PerCpuPages);

impl<'c> CacheAccess<'c> {
    /// # Safety
    /// There is no other access while this one lives, and what earlier ones did is seen. Either the owner is active in its
    /// slot and the pages are not revoked, or they are revoked and the owner was waited for.
    #[inline(always)]
    pub(super) unsafe fn on(cache: &'c PerCpuPages) -> Self {
        Self(cache)
    }

    #[inline(always)]
    fn stack(&self, tag: Tag) -> &'c Stack {
        self.0.stack_ref(tag).stack
    }

    /// The exclusive part of a stack.
    #[inline(always)]
    fn plain(stack: &Stack) -> Plain {
        // SAFETY: this access is the only one, and no reference to the cell's content is kept.
        unsafe { stack.plain.get().read() }
    }

    /// The frame at an index below the top of a stack, or below a limit.
    #[inline(always)]
    fn place(&self, at: usize) -> *mut u32 {
        debug_assert!(at < FRAMES);
        // SAFETY: the index is below FRAMES: tops and limits are at most the end of a stack's room.
        unsafe { self.0.frames.get().cast::<u32>().add(at) }
    }

    /// Pops the block on top.
    #[inline(always)]
    pub(super) fn pop(&mut self, tag: Tag, start: usize) -> Option<Page> {
        let stack = self.stack(tag);
        let state = stack.state.load(Relaxed);
        if state & TOP == start {
            return None;
        }
        self.0.track.write();
        stack.state.store(state.wrapping_add(ONE_TAKEN - 1), Relaxed);
        stack.count_taken(1);
        let place = self.place((state & TOP) - 1);
        // SAFETY: this access to the frames is the only one.
        let frame = unsafe { place.read() };
        Some(Self::plain(stack).zero.plus(frame))
    }

    /// The same for a block of a refill that was made for this very request: it is no hit.
    pub(super) fn pop_refilled(&mut self, tag: Tag) -> Option<Page> {
        let page = self.pop(tag, start(tag))?;
        let stack = self.stack(tag);
        stack.state.store(stack.state.load(Relaxed).wrapping_sub(ONE_TAKEN), Relaxed);
        stack.count_taken(1_usize.wrapping_neg());
        Some(page)
    }

    /// Pushes a block, unless the stack is full or the block is of another zone.
    #[inline(always)]
    pub(super) fn push(&mut self, page: Page) -> bool {
        self.push_to(self.stack(page.tag()), page)
    }

    /// The same, onto a given stack.
    #[inline(always)]
    fn push_to(&mut self, stack: &Stack, page: Page) -> bool {
        let (state, plain) = (stack.state.load(Relaxed), Self::plain(stack));
        // Of another zone, order or mobility, the difference is no frame number of the zone: one comparison checks all three.
        let (top, frame) = (state & TOP, page.minus(plain.zero));
        if top as u32 >= plain.limit || frame >= plain.frames {
            return false;
        }
        self.0.track.write();
        stack.state.store(state + 1, Relaxed);
        let place = self.place(top);
        // SAFETY: this access to the frames is the only one.
        unsafe { place.write(frame as u32) };
        true
    }

    /// Sets the zone: the page of each tag at the start of its span, and the number of frames of the span.
    pub(super) fn set_zone(&mut self, zero: impl Fn(Tag) -> Page, spanned: u32) {
        for tag in Tag::all() {
            // A block that begins later would end outside the span.
            let frames = u64::from(spanned).saturating_sub((1 << tag.order()) - 1);
            self.set(tag, Plain { frames, zero: zero(tag), ..Self::plain(self.stack(tag)) });
        }
    }

    /// True if a block of this zone could be pushed.
    #[cfg(feature = "checked")]
    pub(super) fn has_room_for(&self, page: Page) -> bool {
        let plain = Self::plain(self.stack(page.tag()));
        !self.is_full(page.tag()) && page.minus(plain.zero) < plain.frames
    }

    /// Forgets all blocks, and starts again with small batches: for a child of a fork, where some may be in the zone as well.
    pub(super) fn discard(&mut self) {
        for tag in Tag::all() {
            let stack = self.stack(tag);
            stack.state.store(stack.state.load(Relaxed) & !TOP | start(tag), Relaxed);
            self.set_batch(tag, 0);
        }
    }

    /// True if the stack is at its limit.
    pub(super) fn is_full(&self, tag: Tag) -> bool {
        let stack = self.stack(tag);
        stack.state.load(Relaxed) & TOP >= Self::plain(stack).limit as usize
    }

    /// The number of blocks of a refill or return; 0 while none are kept.
    pub(super) fn batch(&self, tag: Tag) -> usize {
        Self::plain(self.stack(tag)).batch as usize
    }

    /// Sets the number of blocks of a refill or return, at most half of the depth, and with it the limit: four times as many,
    /// and at most three quarters of the depth.
    pub(super) fn set_batch(&mut self, tag: Tag, batch: usize) {
        let limit = start(tag) + (4 * batch).min(depth(tag) * 3 / 4);
        self.set(tag, Plain { limit: limit as u32, batch: batch as u32, ..Self::plain(self.stack(tag)) });
    }

    /// Raises the limit a little above the top. Returns whether there is room for another block.
    pub(super) fn stretch(&mut self, tag: Tag) -> bool {
        let (stack, end) = (self.stack(tag), start(tag) + depth(tag));
        let top = stack.state.load(Relaxed) & TOP;
        let limit = (top + depth(tag).div_ceil(32)).min(end);
        self.set(tag, Plain { limit: limit as u32, ..Self::plain(stack) });
        top < limit
    }

    fn set(&mut self, tag: Tag, plain: Plain) {
        // SAFETY: this access is the only one, and no reference to the cell's content is kept.
        unsafe { self.stack(tag).plain.get().write(plain) };
    }

    fn room(&mut self, tag: Tag) -> &mut [u32] {
        self.0.track.write();
        // SAFETY: this access to the frames is the only one.
        let frames = unsafe { &mut *self.0.frames.get() };
        let room = frames.get_mut(start(tag)..).and_then(|rest| rest.get_mut(..depth(tag)));
        room.unwrap_or_default()
    }

    /// Fills an empty stack: `refill` writes at most `most` blocks into its argument, and returns their number.
    pub(super) fn fill(&mut self, tag: Tag, most: usize, refill: impl FnOnce(&mut [u32]) -> usize) {
        let stack = self.stack(tag);
        let room = self.room(tag);
        let most = most.min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        let blocks = refill(room).min(most);
        // The lowest frame goes to the top, and is popped first.
        room.get_mut(..blocks).unwrap_or_default().reverse();
        let state = stack.state.load(Relaxed);
        stack.state.store(state & !TOP | (start(tag) + blocks), Relaxed);
    }

    /// Passes the lowest blocks of a stack, which are there the longest, to `return_blocks`. If that returns false, the stack
    /// keeps them. Returns whether they left the stack.
    pub(super) fn empty(&mut self, tag: Tag, most: usize, return_blocks: impl FnOnce(&[u32]) -> bool) -> bool {
        let stack = self.stack(tag);
        let (state, room) = (stack.state.load(Relaxed), self.room(tag));
        // The top is within the room of the stack.
        let blocks = room.get_mut(..(state & TOP) - start(tag)).unwrap_or_default();
        let out = blocks.len().min(most);
        let went = out == 0 || return_blocks(blocks.get(..out).unwrap_or_default());
        if went {
            blocks.copy_within(out.., 0);
            stack.state.store(state - out, Relaxed);
        }
        went
    }

    /// Returns all blocks to their zone, and starts again with small batches. Returns the number of pages.
    pub(super) fn empty_into<L: RawLock>(&mut self, zone: &Zone<'_, L>) -> usize {
        let mut pages = 0;
        for tag in Tag::all().filter(|&tag| depth(tag) > 0) {
            self.empty(tag, usize::MAX, |blocks| {
                pages += blocks.len() << tag.order();
                zone.return_blocks(tag.order(), blocks);
                true
            });
            self.set_batch(tag, 0);
        }
        pages
    }
}
