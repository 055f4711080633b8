//! Allocation and freeing of blocks within a zone's frames.
//!
//! An allocation finds a block from the free index down to the bit:
//!
//! ```text
//! alloc(order, mobility):
//!     block = pick_or_steal(order, mobility)    a pageblock that has a free block of the order
//!     at    = best_fit(its bitmap, order)       the first frame of its smallest such block: see `bitmap`
//!     clear 2^order bits from at on
//!     count_taken: store the new free count and hint; the pageblock moves to the index set of that hint
//!
//! pick_in_group(group, order):
//!     repeat
//!         hint  = the lowest order >= order whose set is not empty: see `free_index`
//!                 none: fail for order 0, or if no hint is stale; else refresh all stale hints and repeat
//!         block = the lowest pageblock of that set
//!         return block, unless its hint is stale: then refresh the hint, which may move it to another set
//! ```
//!
//! A hint is never too high, so a pageblock that is picked has the block. Pageblocks of the same mobility are
//! preferred. One of the other mobility is *stolen* only if there is no other, as in Linux (`steal_suitable_fallback`):
//!
//! ```text
//! pick_or_steal(order, mobility):
//!     group = MigrateGroup::of(order, mobility)
//!     pick_in_group(group, order)
//!     else, of the sibling group: a pageblock that is free as a whole, which moves to group
//!     else pick_in_group(sibling, order), which stays in its group
//!     else, of the groups of the other mobility: the pageblock with the LARGEST free block,
//!           which moves to group if at least half of its frames are free (steal_if_half_free)
//! ```
//!
//! The largest block of the other mobility is used, so that few pageblocks become mixed: the rest of that block serves
//! the next requests of this mobility. If less than half of the pageblock is free, most of its pages are of the old
//! mobility, and the pageblock stays in its group.

use super::{
    bitmap,
    error::FreeError,
    free_frames::FreeFrames,
    limits::{PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER},
    migrate_group::{MigrateGroup, Mobility},
    pageblock::PageblockState,
};

/// The least number of free frames with which a pageblock moves to another group: half of its frames.
const STEAL_FROM: usize = PAGEBLOCK_FRAMES / 2;

/// The position of a frame: its pageblock, the word there, and its bit.
fn position(frame: u32) -> (usize, usize, u64) {
    (frame as usize / PAGEBLOCK_FRAMES, frame as usize / 64 % 8, 1 << (frame % 64))
}

impl FreeFrames<'_> {
    /// The smallest fit of a group: of the pageblocks with the smallest large enough hint, the lowest.
    fn pick_in_group(&mut self, group: MigrateGroup, order: u8) -> Option<usize> {
        loop {
            let fitting = self.index.non_empty(group) >> order;
            if fitting == 0 {
                // A stale hint is too low, but never absent: it hides blocks of order 1 and up, not single frames.
                if order == 0 || self.stale_hints == 0 {
                    return None;
                }
                self.refresh_all_hints();
                continue;
            }
            let hint = order + fitting.trailing_zeros() as u8;
            // The lowest, so that high pageblocks become free as a whole.
            let block = self.index.lowest(&mut self.index_words, group, hint)?;
            if !self.state(block).is_stale() {
                return Some(block);
            }
            // The true order may be higher: then the pageblock leaves this set, and another one may fit better. Each
            // round ends a stale hint, so the loop ends.
            self.refresh_hint(block);
        }
    }

    /// A pageblock of the same mobility: the smallest fit of the group, or of its sibling.
    fn pick_same_mobility(&mut self, order: u8, mobility: Mobility) -> Option<usize> {
        let group = MigrateGroup::of(order, mobility);
        let own = self.pick_in_group(group, order);
        if own.is_some() {
            return own;
        }
        let sibling = group.sibling()?;
        // A whole pageblock changes its group and stays unmixed; a part of one would mix small and large blocks.
        let whole = self.pick_in_group(sibling, PAGEBLOCK_ORDER);
        whole.into_iter().for_each(|block| self.steal_if_half_free(block, group));
        whole.or_else(|| self.pick_in_group(sibling, order))
    }

    /// A pageblock of the same mobility, or else the one of the other mobility with the largest free block.
    fn pick_or_steal(&mut self, order: u8, mobility: Mobility) -> Option<usize> {
        if let Some(block) = self.pick_same_mobility(order, mobility) {
            return Some(block);
        }
        // The group of the other mobility with the largest free block, and the order of that block.
        let (mut from, mut largest) = (None, order);
        for &other in MigrateGroup::all(mobility.other()) {
            // The pick refreshes stale hints until the group has a fit, or certainly has none. `largest` may still be
            // too low: then a larger free block stays unused, and nothing else is wrong.
            let hint = self.pick_in_group(other, order).and_then(|_| self.index.largest(other));
            if let Some(hint) = hint.filter(|&hint| hint >= largest) {
                (from, largest) = (Some(other), hint);
            }
        }
        let block = self.index.lowest(&mut self.index_words, from?, largest)?;
        self.steal_if_half_free(block, MigrateGroup::of(order, mobility));
        Some(block)
    }

    /// Moves a pageblock to a group, if at least half of it is free. Its pages in use stay where they are.
    ///
    /// Called before the requested frames are taken: these count as free.
    fn steal_if_half_free(&mut self, block: usize, group: MigrateGroup) {
        let state = self.state(block);
        // The state word alone says which group a pageblock is in; `set_state` moves it between the index sets.
        if state.free() >= STEAL_FROM {
            self.set_state(block, state.with_group(group));
        }
    }

    /// Allocates frames of order 0, at most as many as `out` has room for; at least one if any is free.
    ///
    /// If no pageblock of this mobility has a free frame, one of the other mobility serves the call, at most.
    pub(super) fn alloc_bulk(&mut self, mobility: Mobility, out: &mut [u32]) -> usize {
        let mut taken = 0;
        while let Some(room) = out.get_mut(taken..).filter(|room| !room.is_empty()) {
            let own = self.pick_same_mobility(0, mobility);
            // Fewer frames than asked for are better than a second pageblock of the other mobility that is mixed.
            let Some(block) = own.or_else(|| if taken == 0 { self.pick_or_steal(0, mobility) } else { None }) else {
                break;
            };
            let Some(free) = self.free_bitmaps.get_mut(block) else { break };
            let count = bitmap::take_lowest(free, (block * PAGEBLOCK_FRAMES) as u32, room);
            taken += count;
            self.count_taken(block, count);
        }
        taken
    }

    /// Updates the counts of a pageblock after `frames` bits of its bitmap were cleared, and refreshes its hint.
    fn count_taken(&mut self, block: usize, frames: usize) {
        let state = PageblockState(self.word(block));
        // An undercounted state is counted from the bitmap, in which the bits of the taken frames are clear already.
        let left = if state.is_undercounted() { bitmap::count(self.free_bitmap(block)) } else { state.free() - frames };
        let hint = if left == 0 { None } else { bitmap::largest(self.free_bitmap(block)) };
        self.free_count -= frames;
        self.set_state(block, state.with_free(left).with_hint(hint).with_stale(false));
    }

    /// Allocates a block.
    pub(super) fn alloc(&mut self, order: u8, mobility: Mobility) -> Option<u32> {
        if order > PAGEBLOCK_ORDER {
            return self.alloc_pair(mobility);
        }
        let block = self.pick_or_steal(order, mobility)?;
        let free = self.free_bitmaps.get_mut(block)?;
        let at = bitmap::best_fit(free, order)?;
        bitmap::clear(free, at, order);
        self.count_taken(block, 1 << order);
        Some((block * PAGEBLOCK_FRAMES + at) as u32)
    }

    /// Allocates two neighbouring pageblocks: a block of order 10, of the same mobility if there is one.
    fn alloc_pair(&mut self, mobility: Mobility) -> Option<u32> {
        let mut pair = self.index.lowest_pair(&mut self.index_words, Some(mobility));
        if pair.is_none() {
            // Stale hints hide pageblocks that are free as a whole.
            self.refresh_all_hints();
            pair = self.index.lowest_pair(&mut self.index_words, Some(mobility));
        }
        let first = pair.or_else(|| self.index.lowest_pair(&mut self.index_words, None))?;
        for block in [first, first + 1] {
            // Free as a whole, so both always move.
            self.steal_if_half_free(block, MigrateGroup::of(PAGEBLOCK_ORDER, mobility));
            if let Some(free) = self.free_bitmaps.get_mut(block) {
                *free = [0; 8];
            }
            self.count_taken(block, PAGEBLOCK_FRAMES);
        }
        Some((first * PAGEBLOCK_FRAMES) as u32)
    }

    /// Frees frames of order 0. A frame that is free or not managed stays as it is, and is reported to `refused`.
    #[inline]
    pub(super) fn free_bulk(&mut self, frames: &[u32], mut refused: impl FnMut(FreeError)) {
        for &frame in frames {
            let (block, word, bit) = position(frame);
            if let (Some(free), Some(&state)) = (self.free_bitmaps.get_mut(block), self.states.get(block)) {
                if free[word] & bit == 0 && PageblockState(state).is_undercounted() {
                    // Only the bit is written: CPUs whose frames lie in neighbouring pageblocks would contend for the
                    // cache line that the state words share. All frames of such a pageblock are managed.
                    free[word] |= bit;
                    self.free_count += 1;
                    continue;
                }
            }
            self.free_one(frame).unwrap_or_else(&mut refused);
        }
        // A little for each batch, so that no allocation of a larger block has to refresh all hints at once.
        self.refresh_next_hints(frames.len() / 128 + 1);
    }

    /// Frees a frame of a pageblock whose count is exact. Not inlined: the loop above needs the registers.
    #[inline(never)]
    fn free_one(&mut self, frame: u32) -> Result<(), FreeError> {
        let (block, word, bit) = position(frame);
        let state = PageblockState(self.word(block));
        if self.free_bitmap(block)[word] & bit != 0 {
            return Err(FreeError::AlreadyFree);
        }
        if !self.manages(frame) {
            return Err(FreeError::NoSuchFrame);
        }
        let (Some(free), Some(stored)) = (self.free_bitmaps.get_mut(block), self.states.get_mut(block)) else {
            return Ok(());
        };
        free[word] |= bit;
        *(if state.is_isolated() { &mut self.isolated_count } else { &mut self.free_count }) += 1;
        if state.is_stale() {
            // The index key and the number of stale hints stay: the word alone changes.
            *stored = state.with_one_freed().0;
        } else {
            // A pageblock without free frames had no hint: it enters the index with order 0.
            let hint = state.hint().unwrap_or(0);
            self.set_state(block, state.with_one_freed().with_hint(Some(hint)));
        }
        Ok(())
    }

    /// Frees a block.
    ///
    /// # Errors
    /// The block is misaligned, or some of its frames are free or not managed; nothing has changed.
    pub(super) fn free(&mut self, frame: u32, order: u8) -> Result<(), FreeError> {
        if frame % (1 << order) != 0 {
            return Err(FreeError::Misaligned);
        }
        let (first, at) = (frame as usize / PAGEBLOCK_FRAMES, frame as usize % PAGEBLOCK_FRAMES);
        let part = order.min(PAGEBLOCK_ORDER);
        let blocks = first..first + (1 << (order - part));
        // Both pageblocks of a pair are checked before either changes.
        for block in blocks.clone() {
            if bitmap::any_free(self.free_bitmap(block), at, part) {
                return Err(FreeError::AlreadyFree);
            }
            let whole = PageblockState(self.word(block)).managed() == PAGEBLOCK_FRAMES;
            if !whole && !bitmap::all_free(&self.managed_in(block), at, part) {
                return Err(FreeError::NoSuchFrame);
            }
        }
        blocks.for_each(|block| self.set_block_free(block, at, part));
        Ok(())
    }

    /// Sets the bits of a block within a pageblock, all of them clear, and updates counts and hint.
    fn set_block_free(&mut self, block: usize, at: usize, order: u8) {
        let (frames, state) = (1 << order, self.state(block));
        let Some(free) = self.free_bitmaps.get_mut(block) else { return };
        bitmap::set(free, at, order);
        // The freed block and its free buddies are the only blocks that can have become larger.
        let merged = bitmap::merged_order(free, at, order);
        let hint = state.hint().map_or(merged, |hint| hint.max(merged));
        *self.free_count_of(state) += frames;
        self.set_state(block, state.with_free(state.free() + frames).with_hint(Some(hint)));
    }
}
