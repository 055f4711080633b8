//! The pages that a CPU or thread keeps at hand, of one zone: a stack for each order and mobility.
//!
//! The stacks stand in the allocator, not in the handle that uses them, so that a handle that is
//! leaked loses nothing. They are touched by one at a time: by the handle from its seat, or by
//! somebody who has borrowed the seat's drawer. Only the lengths are looked at by everybody.

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

/// Where a stack begins.
pub(super) const fn start(tag: Tag) -> usize {
    // There is no other, which not every caller's compiler sees.
    let index = tag.index();
    if index < START.len() { START[index] } else { 0 }
}

/// Room for as many blocks as a stack can have.
pub(super) const fn depth(tag: Tag) -> usize {
    let order = tag.order() as usize;
    if order < DEPTH.len() { DEPTH[order] } else { 0 }
}

/// The pages of one zone that one handle keeps at hand. Memory for them comes from the caller, or from `alloc`.
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

// SAFETY: `frames` and what is plain of a stack are reached only through `CacheAccess`, of which there is
// one at a time.
unsafe impl Sync for PerCpuPages {}

/// How much is on a stack, how much may be, and what it is a stack of.
#[repr(align(32))]
#[derive(Debug)]
struct Stack {
    /// In the low 16 bits how far up in the frames the stack reaches, above them how many blocks were
    /// taken from it so far: both change with one addition. Written by whoever has the hands.
    state: AtomicUsize,
    /// The count of blocks taken, where `state` has only 16 bits for it: those overflow soon.
    #[cfg(not(target_pointer_width = "64"))]
    taken: AtomicUsize,
    plain: UnsafeCell<Plain>,
}

/// What only the hands look at.
#[derive(Clone, Copy, Debug)]
struct Plain {
    /// How far up the stack may reach: four batches above its start, or all there is room for; its
    /// start, until somebody asks.
    limit: u32,
    /// How many blocks come and go at a time.
    batch: u32,
    /// Blocks of the zone begin at numbers below this, counted from the first frame of its span.
    frames: u64,
    /// The page that this first frame would be.
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

    /// How many blocks there are. What somebody is changing counts as before or after.
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

    /// Whether there is any page on a stack.
    pub(super) fn is_in_use(&self) -> bool {
        (0..Tag::LIMIT).any(|tag| self.stacks[tag].blocks(tag) > 0)
    }

    /// Blocks taken from stacks so far.
    pub(super) fn hits(&self) -> usize {
        self.stacks.iter().map(Stack::taken).fold(0, usize::wrapping_add)
    }
}

impl Default for PerCpuPages {
    fn default() -> Self {
        Self::new()
    }
}

/// A stack of a cache, looked up: whoever guesses it right need not wait for a page to tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackRef<'c> {
    pub(super) cache: &'c PerCpuPages,
    stack: &'c Stack,
}

impl StackRef<'_> {
    /// Puts a block on top, unless there are as many as may be, or it belongs elsewhere.
    ///
    /// # Safety
    /// As for [`CacheAccess::on`] the cache.
    #[inline(always)]
    pub(super) unsafe fn push(self, page: Page) -> bool {
        // SAFETY: the caller promises just that.
        unsafe { CacheAccess::on(self.cache) }.push_to(self.stack, page)
    }
}

/// The hands that may touch a cache.
#[derive(Debug)]
pub(super) struct CacheAccess<'c>(&'c PerCpuPages);

impl<'c> CacheAccess<'c> {
    /// # Safety
    /// No other hands touch the cache as long as these are there, and all that others did before is
    /// seen: its owner is in its seat and nobody has borrowed its drawer, or the drawer is borrowed.
    #[inline(always)]
    pub(super) unsafe fn on(cache: &'c PerCpuPages) -> Self {
        Self(cache)
    }

    #[inline(always)]
    fn stack(&self, tag: Tag) -> &'c Stack {
        self.0.stack_ref(tag).stack
    }

    /// What only hands look at, of a stack.
    #[inline(always)]
    fn plain(stack: &Stack) -> Plain {
        // SAFETY: only these hands touch it, and no reference to it is kept.
        unsafe { stack.plain.get().read() }
    }

    /// The place in the frames that a stack reaches up to, which is within them.
    #[inline(always)]
    fn place(&self, at: usize) -> *mut u32 {
        debug_assert!(at < FRAMES);
        // SAFETY: a stack reaches up to a place in the frames or just behind them, the callers go
        // below that, or below a limit.
        unsafe { self.0.frames.get().cast::<u32>().add(at) }
    }

    /// Takes the block on top: its first frame, and the page it is.
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
        // SAFETY: only these hands touch the frames.
        let frame = unsafe { place.read() };
        Some(Self::plain(stack).zero.plus(frame))
    }

    /// The same, of a block that was got for the very request that takes it: no hit.
    pub(super) fn pop_unasked(&mut self, tag: Tag) -> Option<Page> {
        let page = self.pop(tag, start(tag))?;
        let stack = self.stack(tag);
        stack.state.store(stack.state.load(Relaxed).wrapping_sub(ONE_TAKEN), Relaxed);
        stack.count_taken(1_usize.wrapping_neg());
        Some(page)
    }

    /// Puts a block of this zone on top, unless there are as many as may be, or it is of another zone.
    #[inline(always)]
    pub(super) fn push(&mut self, page: Page) -> bool {
        self.push_to(self.stack(page.tag()), page)
    }

    /// The same, onto a stack of this cache, if the block is one of its.
    #[inline(always)]
    fn push_to(&mut self, stack: &Stack, page: Page) -> bool {
        let (state, plain) = (stack.state.load(Relaxed), Self::plain(stack));
        let (top, frame) = (state & TOP, page.minus(plain.zero));
        if top as u32 >= plain.limit || frame >= plain.frames {
            return false;
        }
        self.0.track.write();
        stack.state.store(state + 1, Relaxed);
        let place = self.place(top);
        // SAFETY: only these hands touch the frames.
        unsafe { place.write(frame as u32) };
        true
    }

    /// Says what zone it is: the page of each tag that begins its span, and how many frames that has.
    pub(super) fn settle_in(&mut self, zero: impl Fn(Tag) -> Page, spanned: u32) {
        for tag in Tag::all() {
            // From those behind, a block reaches out of the span.
            let frames = u64::from(spanned).saturating_sub((1 << tag.order()) - 1);
            self.set(tag, Plain { frames, zero: zero(tag), ..Self::plain(self.stack(tag)) });
        }
    }

    /// Whether a block of this zone would go on top.
    #[cfg(feature = "checked")]
    pub(super) fn has_room_for(&self, page: Page) -> bool {
        let plain = Self::plain(self.stack(page.tag()));
        !self.is_full(page.tag()) && page.minus(plain.zero) < plain.frames
    }

    /// Forgets all blocks, and begins anew with small batches: for a child of a fork, where some may be free as well.
    pub(super) fn discard(&mut self) {
        for tag in Tag::all() {
            let stack = self.stack(tag);
            stack.state.store(stack.state.load(Relaxed) & !TOP | start(tag), Relaxed);
            self.set_batch(tag, 0);
        }
    }

    /// Whether there are as many blocks as may be.
    pub(super) fn is_full(&self, tag: Tag) -> bool {
        let stack = self.stack(tag);
        stack.state.load(Relaxed) & TOP >= Self::plain(stack).limit as usize
    }

    /// How many blocks come and go at a time; 0 while nothing is kept.
    pub(super) fn batch(&self, tag: Tag) -> usize {
        Self::plain(self.stack(tag)).batch as usize
    }

    /// Sets how many blocks come and go at a time, at most half of the depth, and with it how many
    /// may be there: four times as many, but no more than three quarters of the depth.
    pub(super) fn set_batch(&mut self, tag: Tag, batch: usize) {
        let limit = start(tag) + (4 * batch).min(depth(tag) * 3 / 4);
        self.set(tag, Plain { limit: limit as u32, batch: batch as u32, ..Self::plain(self.stack(tag)) });
    }

    /// Lets a few more blocks be there than usual. Returns whether there is room for any.
    pub(super) fn stretch(&mut self, tag: Tag) -> bool {
        let (stack, end) = (self.stack(tag), start(tag) + depth(tag));
        let top = stack.state.load(Relaxed) & TOP;
        let limit = (top + depth(tag).div_ceil(32)).min(end);
        self.set(tag, Plain { limit: limit as u32, ..Self::plain(stack) });
        top < limit
    }

    fn set(&mut self, tag: Tag, plain: Plain) {
        // SAFETY: only these hands touch it, and no reference to it is kept.
        unsafe { self.stack(tag).plain.get().write(plain) };
    }

    fn room(&mut self, tag: Tag) -> &mut [u32] {
        self.0.track.write();
        // SAFETY: only these hands touch the frames.
        let frames = unsafe { &mut *self.0.frames.get() };
        let room = frames.get_mut(start(tag)..).and_then(|rest| rest.get_mut(..depth(tag)));
        room.unwrap_or_default()
    }

    /// Fills an empty stack with what `supply` writes down: at most so many blocks, of which it says how many there are.
    pub(super) fn fill(&mut self, tag: Tag, most: usize, supply: impl FnOnce(&mut [u32]) -> usize) {
        let stack = self.stack(tag);
        let room = self.room(tag);
        let most = most.min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        let blocks = supply(room).min(most);
        // Taken from the top, so that the lowest goes first.
        room.get_mut(..blocks).unwrap_or_default().reverse();
        let state = stack.state.load(Relaxed);
        stack.state.store(state & !TOP | (start(tag) + blocks), Relaxed);
    }

    /// Hands the lowest blocks of a stack, which are there the longest, to `restock`, and keeps them
    /// if that says so. Returns whether they went.
    pub(super) fn empty(&mut self, tag: Tag, most: usize, restock: impl FnOnce(&[u32]) -> bool) -> bool {
        let stack = self.stack(tag);
        let (state, room) = (stack.state.load(Relaxed), self.room(tag));
        // A stack reaches no further than its room.
        let blocks = room.get_mut(..(state & TOP) - start(tag)).unwrap_or_default();
        let out = blocks.len().min(most);
        let went = out == 0 || restock(blocks.get(..out).unwrap_or_default());
        if went {
            blocks.copy_within(out.., 0);
            stack.state.store(state - out, Relaxed);
        }
        went
    }

    /// Gives all blocks back to their zone, and begins anew with small batches. Returns how many pages there were.
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
