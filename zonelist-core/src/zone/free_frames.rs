//! The metadata of a zone's frames, and its invariants.
//!
//! Frames are numbered from the zone's base, a multiple of the largest block. Each pageblock has a bitmap of its free
//! frames and a word of state; the free index finds pageblocks by group and order of the largest free block.
//!
//! Order-0 frames are freed in bulk. A free sets the frame's bit and counts the frame; the hint of its pageblock
//! becomes stale. A stale hint is refreshed when its pageblock is picked. Each bulk free refreshes a few more, and all
//! are refreshed when no pageblock is known to have a free block that is large enough.
//!
//! **Invariants**:
//!
//! - A free frame is managed.
//! - The free count of a pageblock is the number of its free bits, unless it is undercounted
//!   ([`PageblockState::is_undercounted`]).
//! - The hint of a pageblock is at most the order of its largest free block, and equal to it unless it is stale.
//! - A pageblock is in the index set of its group and hint; in none while it is isolated or has no free frame.
//! - `free_count` is the number of free bits of all pageblocks that are not isolated; `isolated_count` is that of the
//!   isolated ones.
//!
//! No function panics: a pageblock beyond the metadata has no frames.

use core::ops::Range;

use super::{
    backing::Backing,
    bitmap::{self, PageblockBitmap},
    bitmap_pool::BitmapPool,
    free_index::FreeIndex,
    limits::{PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER},
    pageblock::{Pageblock, PageblockState, blocks_of},
};
#[cfg(feature = "alloc")]
use super::{error::ZoneError, layout::Layout};
use crate::ids::Order;

/// The metadata of a zone's frames. The zone's lock protects it.
pub(super) struct FreeFrames<'m> {
    pub(super) free_bitmaps: Backing<'m, PageblockBitmap>,
    pub(super) states: Backing<'m, u64>,
    pub(super) index_words: Backing<'m, u64>,
    pub(super) index: FreeIndex,
    /// The managed frames of pageblocks whose state word cannot represent them.
    pub(super) managed_bitmaps: BitmapPool<'m>,
    /// Free frames that are isolated.
    pub(super) isolated_count: usize,
    /// Free frames that are not isolated.
    pub(super) free_count: usize,
    pub(super) managed_count: usize,
    /// Pageblocks with a stale hint.
    pub(super) stale_hints: usize,
    /// The pageblock at which the gradual refresh of hints stands.
    pub(super) refresh_cursor: usize,
    #[cfg(feature = "checked")]
    pub(super) handed_out: super::handed_out::HandedOut<'m>,
}

/// The bitmap of a pageblock without a free frame.
const NO_FRAME: &PageblockBitmap = &[0; 8];

impl<'m> FreeFrames<'m> {
    pub(super) fn new(
        free_bitmaps: Backing<'m, PageblockBitmap>,
        mut states: Backing<'m, u64>,
        mut index_words: Backing<'m, u64>,
        managed_bitmaps: Backing<'m, PageblockBitmap>,
    ) -> Self {
        // Given memory has any contents.
        states.fill(PageblockState::EMPTY.0);
        index_words.fill(0);
        let index = FreeIndex::of(states.len());
        let mut frames = Self {
            free_bitmaps,
            states,
            index_words,
            index,
            managed_bitmaps: BitmapPool::new(managed_bitmaps),
            isolated_count: 0,
            free_count: 0,
            managed_count: 0,
            stale_hints: 0,
            refresh_cursor: 0,
            #[cfg(feature = "checked")]
            handed_out: super::handed_out::HandedOut::none(),
        };
        frames.free_bitmaps.fill([0; 8]);
        frames
    }

    /// The state of a zone without metadata: no frame can be managed.
    pub(super) fn none() -> Self {
        let (free_bitmaps, managed_bitmaps) = (Backing::Given(&mut []), Backing::Given(&mut []));
        Self::new(free_bitmaps, Backing::Given(&mut []), Backing::Given(&mut []), managed_bitmaps)
    }

    /// Metadata on the heap, without a managed frame. The pool has no bitmap yet: it grows with need.
    #[cfg(feature = "alloc")]
    pub(super) fn on_heap(layout: &Layout) -> Result<Self, ZoneError> {
        let blocks = layout.blocks;
        let index_words = Backing::zeroed(0, FreeIndex::words(blocks))?;
        let frames =
            Self::new(Backing::zeroed([0; 8], blocks)?, Backing::zeroed(0, blocks)?, index_words, Backing::none());
        #[cfg(feature = "checked")]
        let frames = {
            let handed_out = super::handed_out::HandedOut::new(Backing::zeroed(0, super::layout::CHECKED * blocks)?);
            Self { handed_out, ..frames }
        };
        Ok(frames)
    }

    /// True if there is no metadata.
    pub(super) fn is_none(&self) -> bool {
        self.free_bitmaps.is_empty()
    }

    /// The state word of a pageblock as stored.
    #[inline]
    pub(super) fn word(&self, block: usize) -> u64 {
        self.states.get(block).copied().unwrap_or(PageblockState::EMPTY.0)
    }

    /// The free frames of a pageblock.
    #[inline]
    pub(super) fn free_bitmap(&self, block: usize) -> &PageblockBitmap {
        self.free_bitmaps.get(block).unwrap_or(NO_FRAME)
    }

    /// The state of a pageblock, with its free frames counted if the stored count may be too low.
    #[inline]
    pub(super) fn state(&self, block: usize) -> PageblockState {
        // Bulk frees may have set bits without counting them in the word: see `free_bulk`.
        let state = PageblockState(self.word(block));
        if state.is_undercounted() { state.with_free(bitmap::count(self.free_bitmap(block))) } else { state }
    }

    /// Stores the state of a pageblock, and moves it to the index set of its new group and hint.
    pub(super) fn set_state(&mut self, block: usize, new: PageblockState) {
        let Some(word) = self.states.get_mut(block) else { return };
        let old = PageblockState(*word);
        *word = new.0;
        self.stale_hints = self.stale_hints + usize::from(new.is_stale()) - usize::from(old.is_stale());
        let (from, to) = (old.index_key(), new.index_key());
        // Most changes of a count leave the key as it was: the index is not touched then.
        if from != to {
            if let Some((group, hint)) = from {
                self.index.remove(&mut self.index_words, block, group, hint);
            }
            if let Some((group, hint)) = to {
                self.index.insert(&mut self.index_words, block, group, hint);
            }
        }
    }

    /// Recomputes the hint of a pageblock.
    pub(super) fn refresh_hint(&mut self, block: usize) {
        // `state` counts an undercounted pageblock: with its hint no longer stale, the stored count has to be exact.
        let largest = bitmap::largest(self.free_bitmap(block));
        self.set_state(block, self.state(block).with_hint(largest).with_stale(false));
    }

    /// Recomputes every stale hint.
    pub(super) fn refresh_all_hints(&mut self) {
        for block in 0..self.states.len() {
            // The count ends the scan early.
            if self.stale_hints == 0 {
                return;
            }
            if self.state(block).is_stale() {
                self.refresh_hint(block);
            }
        }
    }

    /// Recomputes the stale hints among the next `blocks` pageblocks, cyclically.
    pub(super) fn refresh_next_hints(&mut self, blocks: usize) {
        for _ in 0..blocks.min(self.states.len()) {
            if self.stale_hints == 0 {
                return;
            }
            self.refresh_cursor = if self.refresh_cursor + 1 < self.states.len() { self.refresh_cursor + 1 } else { 0 };
            if self.state(self.refresh_cursor).is_stale() {
                self.refresh_hint(self.refresh_cursor);
            }
        }
    }

    /// The count to which a pageblock's free frames belong: those of an isolated pageblock cannot be allocated.
    #[inline(always)]
    pub(super) fn free_count_of(&mut self, state: PageblockState) -> &mut usize {
        if state.is_isolated() { &mut self.isolated_count } else { &mut self.free_count }
    }

    /// Frees frames of a pageblock, none of which is free, and refreshes its hint.
    pub(super) fn set_free(&mut self, block: usize, part: Range<usize>) {
        // Read before the bits change: `state` may count them.
        let state = self.state(block);
        let Some(free) = self.free_bitmaps.get_mut(block) else { return };
        blocks_of(part.clone()).for_each(|(start, order)| bitmap::set(free, start, order));
        *self.free_count_of(state) += part.len();
        self.set_state(block, state.with_free(state.free() + part.len()));
        self.refresh_hint(block);
    }

    /// Takes frames of a pageblock, all of which are free, and refreshes its hint.
    pub(super) fn set_taken(&mut self, block: usize, part: Range<usize>) {
        // Read before the bits change: `state` may count them.
        let state = self.state(block);
        let Some(free) = self.free_bitmaps.get_mut(block) else { return };
        blocks_of(part.clone()).for_each(|(start, order)| bitmap::clear(free, start, order));
        *self.free_count_of(state) -= part.len();
        self.set_state(block, state.with_free(state.free() - part.len()));
        self.refresh_hint(block);
    }

    /// Adds the number of maximal free blocks of each order, without isolated ones.
    pub(super) fn count_by_order(&self, max_order: u8, counts: &mut [usize; Order::COUNT]) {
        let mut by_order = [0; Order::COUNT];
        let whole = |block: usize| {
            let state = self.state(block);
            state.free() == PAGEBLOCK_FRAMES && !state.is_isolated()
        };
        let mut pairs = 0;
        for block in (0..self.states.len()).filter(|&block| !self.state(block).is_isolated()) {
            // Two free buddies are one block of order 10: counted once, at the odd one of the two.
            let buddy = block ^ 1;
            if max_order > PAGEBLOCK_ORDER && whole(block) && buddy < self.states.len() && whole(buddy) {
                pairs += block % 2;
            } else {
                bitmap::count_by_order(self.free_bitmap(block), &mut by_order);
            }
        }
        if let Some(largest) = by_order.last_mut() {
            *largest += pairs;
        }
        let max_order = usize::from(max_order);
        let mut larger = 0;
        for ((order, count), by_order) in counts.iter_mut().enumerate().zip(by_order) {
            // A zone with a lower maximum allocates no larger block: each counts as several blocks of the maximum.
            if order <= max_order {
                *count += by_order;
            } else {
                larger += by_order << (order - max_order);
            }
        }
        if let Some(count) = counts.get_mut(max_order) {
            *count += larger;
        }
    }

    /// A snapshot of a pageblock; `None` beyond the metadata.
    pub(super) fn pageblock(&self, block: usize) -> Option<Pageblock> {
        if block >= self.states.len() {
            return None;
        }
        let state = self.state(block);
        let (mobility, isolated) = (state.group().mobility(), state.is_isolated());
        Some(Pageblock { free: state.free(), managed: state.managed(), mobility, isolated })
    }
}
