//! The free frames of a zone: a line of bits for each pageblock, and sets of pageblocks by what they can
//! give. Frames are numbered from the zone's base, which is a multiple of the largest block.
//!
//! Single frames come and go by the batch, and to free one is to set its bit and count it: the
//! block's hint is then stale. It is renewed when the block is picked, for a few blocks with each
//! batch, and for all of them when a longer run is wanted and none is known of.
//!
//! **The invariants**: a free frame is a managed one; a block's free count is the number of its bits,
//! unless its word is behind ([`Block::is_behind`]); its hint is at most the
//! order of its longest run, and equal to it unless it is stale; it is in the set of its group
//! and hint, or in none while it is isolated or has nothing free; `free` counts the bits of all
//! blocks that are not isolated, `isolated` those of the others.
//!
//! No function panics: a pageblock that there is not has no frames.

use super::{
    FreeError, Mobility, ORDERS, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, Pageblock,
    block::Block,
    group::Group,
    line::{self, Line},
    managed::Bitmaps,
    memory::Memory,
    shelves::Shelves,
};

pub(super) struct Frames<'m> {
    pub(super) lines: Memory<'m, Line>,
    pub(super) blocks: Memory<'m, u64>,
    pub(super) sets: Memory<'m, u64>,
    pub(super) shelves: Shelves,
    /// Which frames are managed, of the pageblocks whose word can't tell.
    pub(super) bitmaps: Bitmaps<'m>,
    /// Free frames that are isolated.
    pub(super) isolated: usize,
    /// Free frames that are not isolated.
    pub(super) free: usize,
    pub(super) managed: usize,
    /// Blocks whose hint is stale.
    pub(super) stale: usize,
    /// Where the renewal of hints goes on.
    pub(super) cursor: usize,
    #[cfg(feature = "checked")]
    pub(super) handed_out: super::checked::HandedOut<'m>,
}

/// Of a block of the other mobility, so many free frames make it change sides: half of it.
const CLAIMED_FROM: usize = PAGEBLOCK_FRAMES / 2;

/// Where a frame is: its pageblock, the row there, and its bit.
fn place(frame: u32) -> (usize, usize, u64) {
    (frame as usize / PAGEBLOCK_FRAMES, frame as usize / 64 % 8, 1 << (frame % 64))
}

/// A pageblock without a free frame.
const NOTHING: &Line = &[0; 8];

impl<'m> Frames<'m> {
    pub(super) fn new(
        lines: Memory<'m, Line>,
        mut blocks: Memory<'m, u64>,
        mut sets: Memory<'m, u64>,
        bitmaps: Memory<'m, Line>,
    ) -> Self {
        blocks.fill(Block::EMPTY.0);
        sets.fill(0);
        let shelves = Shelves::of(blocks.len());
        let mut frames = Self {
            lines,
            blocks,
            sets,
            shelves,
            bitmaps: Bitmaps::new(bitmaps),
            isolated: 0,
            free: 0,
            managed: 0,
            stale: 0,
            cursor: 0,
            #[cfg(feature = "checked")]
            handed_out: super::checked::HandedOut::none(),
        };
        frames.lines.fill([0; 8]);
        frames
    }

    /// Without metadata: there is room for no frame.
    pub(super) fn none() -> Self {
        let (lines, bitmaps) = (Memory::Given(&mut []), Memory::Given(&mut []));
        Self::new(lines, Memory::Given(&mut []), Memory::Given(&mut []), bitmaps)
    }

    /// With metadata from the heap.
    #[cfg(feature = "alloc")]
    pub(super) fn on_heap(layout: &super::Layout) -> Result<Self, super::ZoneError> {
        let blocks = layout.blocks;
        let sets = Memory::zeroed(0, Shelves::words(blocks))?;
        let frames = Self::new(Memory::zeroed([0; 8], blocks)?, Memory::zeroed(0, blocks)?, sets, Memory::none());
        #[cfg(feature = "checked")]
        let frames = {
            let handed_out = super::checked::HandedOut::new(Memory::zeroed(0, super::CHECKED * blocks)?);
            Self { handed_out, ..frames }
        };
        Ok(frames)
    }

    /// Whether there is no metadata.
    pub(super) fn is_none(&self) -> bool {
        self.lines.is_empty()
    }

    /// A block's word as it stands.
    #[inline]
    pub(super) fn word(&self, block: usize) -> u64 {
        self.blocks.get(block).copied().unwrap_or(Block::EMPTY.0)
    }

    /// A block's free frames.
    #[inline]
    pub(super) fn line(&self, block: usize) -> &Line {
        self.lines.get(block).unwrap_or(NOTHING)
    }

    /// What is known of a block, its free frames counted anew where that word is behind.
    #[inline]
    pub(super) fn block(&self, block: usize) -> Block {
        let state = Block(self.word(block));
        if state.is_behind() { state.with_free(line::count(self.line(block))) } else { state }
    }

    /// Replaces what is known of a block, and moves it to the set where it then belongs.
    pub(super) fn put(&mut self, block: usize, new: Block) {
        let Some(word) = self.blocks.get_mut(block) else { return };
        let old = Block(*word);
        *word = new.0;
        self.stale = self.stale + usize::from(new.is_stale()) - usize::from(old.is_stale());
        let (from, to) = (old.shelf(), new.shelf());
        if from != to {
            if let Some((group, hint)) = from {
                self.shelves.remove(&mut self.sets, block, group, hint);
            }
            if let Some((group, hint)) = to {
                self.shelves.insert(&mut self.sets, block, group, hint);
            }
        }
    }

    /// Renews a block's hint.
    pub(super) fn renew(&mut self, block: usize) {
        let longest = line::longest(self.line(block));
        self.put(block, self.block(block).with_hint(longest).with_stale(false));
    }

    /// Renews every stale hint.
    pub(super) fn renew_all(&mut self) {
        for block in 0..self.blocks.len() {
            if self.stale == 0 {
                return;
            }
            if self.block(block).is_stale() {
                self.renew(block);
            }
        }
    }

    /// Renews the stale hints among the next so many blocks.
    fn renew_some(&mut self, blocks: usize) {
        for _ in 0..blocks.min(self.blocks.len()) {
            if self.stale == 0 {
                return;
            }
            self.cursor = if self.cursor + 1 < self.blocks.len() { self.cursor + 1 } else { 0 };
            if self.block(self.cursor).is_stale() {
                self.renew(self.cursor);
            }
        }
    }

    /// A block of that group for a run of this order: of those with the shortest long enough, the lowest.
    fn pick_of(&mut self, group: Group, order: u8) -> Option<usize> {
        loop {
            let filled = self.shelves.filled(group) >> order;
            if filled == 0 {
                // A single frame is never hidden by a stale hint; a longer run may be.
                if order == 0 || self.stale == 0 {
                    return None;
                }
                self.renew_all();
                continue;
            }
            let hint = order + filled.trailing_zeros() as u8;
            let block = self.shelves.first(&mut self.sets, group, hint)?;
            if !self.block(block).is_stale() {
                return Some(block);
            }
            self.renew(block);
        }
    }

    /// A block of that mobility for a run of this order: of its group, or else of the sibling's, and there
    /// one that is free as a whole rather than one that the two would share.
    fn pick_own(&mut self, order: u8, mobility: Mobility) -> Option<usize> {
        let group = Group::of(order, mobility);
        let own = self.pick_of(group, order);
        if own.is_some() {
            return own;
        }
        let sibling = group.sibling()?;
        let whole = self.pick_of(sibling, PAGEBLOCK_ORDER);
        whole.into_iter().for_each(|block| self.claim(block, group));
        whole.or_else(|| self.pick_of(sibling, order))
    }

    /// A block for a run of this order, if need be of the other mobility: then the one with the
    /// longest run, and it changes sides if half of it is free.
    fn pick(&mut self, order: u8, mobility: Mobility) -> Option<usize> {
        if let Some(block) = self.pick_own(order, mobility) {
            return Some(block);
        }
        let (mut from, mut longest) = (None, order);
        for &other in Group::all(mobility.other()) {
            let hint = self.pick_of(other, order).and_then(|_| self.shelves.longest(other));
            if let Some(hint) = hint.filter(|&hint| hint >= longest) {
                (from, longest) = (Some(other), hint);
            }
        }
        let block = self.shelves.first(&mut self.sets, from?, longest)?;
        self.claim(block, Group::of(order, mobility));
        Some(block)
    }

    fn claim(&mut self, block: usize, group: Group) {
        let state = self.block(block);
        if state.free() >= CLAIMED_FROM {
            self.put(block, state.with_group(group));
        }
    }

    /// Takes single frames, at most as many as there is room for; at least one if any is free.
    ///
    /// Blocks of the other mobility only serve when there is nothing else.
    pub(super) fn take_singles(&mut self, mobility: Mobility, out: &mut [u32]) -> usize {
        let mut taken = 0;
        while let Some(room) = out.get_mut(taken..).filter(|room| !room.is_empty()) {
            let own = self.pick_own(0, mobility);
            let Some(block) = own.or_else(|| if taken == 0 { self.pick(0, mobility) } else { None }) else { break };
            let Some(line) = self.lines.get_mut(block) else { break };
            let count = line::take_singles(line, (block * PAGEBLOCK_FRAMES) as u32, room);
            taken += count;
            self.shrunk(block, count);
        }
        taken
    }

    /// Counts frames that a block gave, and renews its hint.
    fn shrunk(&mut self, block: usize, frames: usize) {
        let state = Block(self.word(block));
        let left = if state.is_behind() { line::count(self.line(block)) } else { state.free() - frames };
        let hint = if left == 0 { None } else { line::longest(self.line(block)) };
        self.free -= frames;
        self.put(block, state.with_free(left).with_hint(hint).with_stale(false));
    }

    /// Takes a block of frames.
    pub(super) fn take(&mut self, order: u8, mobility: Mobility) -> Option<u32> {
        if order > PAGEBLOCK_ORDER {
            return self.take_pair(mobility);
        }
        let block = self.pick(order, mobility)?;
        let line = self.lines.get_mut(block)?;
        let at = line::best_fit(line, order)?;
        line::clear(line, at, order);
        self.shrunk(block, 1 << order);
        Some((block * PAGEBLOCK_FRAMES + at) as u32)
    }

    /// Takes two neighbouring pageblocks, of that mobility if there are such.
    fn take_pair(&mut self, mobility: Mobility) -> Option<u32> {
        let mut pair = self.shelves.pair(&mut self.sets, Some(mobility));
        if pair.is_none() {
            self.renew_all();
            pair = self.shelves.pair(&mut self.sets, Some(mobility));
        }
        let first = pair.or_else(|| self.shelves.pair(&mut self.sets, None))?;
        for block in [first, first + 1] {
            self.claim(block, Group::of(PAGEBLOCK_ORDER, mobility));
            if let Some(line) = self.lines.get_mut(block) {
                *line = [0; 8];
            }
            self.shrunk(block, PAGEBLOCK_FRAMES);
        }
        Some((first * PAGEBLOCK_FRAMES) as u32)
    }

    /// Gives single frames back. What cannot have been handed out is left alone, and told.
    #[inline]
    pub(super) fn give_singles(&mut self, frames: &[u32], mut refused: impl FnMut(FreeError)) {
        for &frame in frames {
            let (block, row, bit) = place(frame);
            if let (Some(line), Some(&word)) = (self.lines.get_mut(block), self.blocks.get(block)) {
                if line[row] & bit == 0 && Block(word).is_behind() {
                    // Only the bit, so that CPUs whose frames lie in neighbouring blocks don't send each
                    // other the line that the words share. All frames of such a block are managed.
                    line[row] |= bit;
                    self.free += 1;
                    continue;
                }
            }
            self.give_single(frame).unwrap_or_else(&mut refused);
        }
        self.renew_some(frames.len() / 128 + 1);
    }

    /// Gives a single frame back, of a block that counts it. Apart from the loop that needs none of its registers.
    #[inline(never)]
    fn give_single(&mut self, frame: u32) -> Result<(), FreeError> {
        let (block, row, bit) = place(frame);
        let state = Block(self.word(block));
        if self.line(block)[row] & bit != 0 {
            return Err(FreeError::AlreadyFree);
        }
        if !self.manages(frame) {
            return Err(FreeError::NoSuchFrame);
        }
        let (Some(line), Some(word)) = (self.lines.get_mut(block), self.blocks.get_mut(block)) else { return Ok(()) };
        line[row] |= bit;
        *(if state.is_isolated() { &mut self.isolated } else { &mut self.free }) += 1;
        if state.is_stale() {
            *word = state.with_one_more().0;
        } else {
            let hint = state.hint().unwrap_or(0);
            self.put(block, state.with_one_more().with_hint(Some(hint)));
        }
        Ok(())
    }

    /// Gives a block of frames back.
    ///
    /// # Errors
    /// It cannot have been handed out as it is; nothing has changed.
    pub(super) fn give(&mut self, frame: u32, order: u8) -> Result<(), FreeError> {
        if frame % (1 << order) != 0 {
            return Err(FreeError::Misaligned);
        }
        let (first, at) = (frame as usize / PAGEBLOCK_FRAMES, frame as usize % PAGEBLOCK_FRAMES);
        let part = order.min(PAGEBLOCK_ORDER);
        let blocks = first..first + (1 << (order - part));
        for block in blocks.clone() {
            if line::any_free(self.line(block), at, part) {
                return Err(FreeError::AlreadyFree);
            }
            let whole = Block(self.word(block)).managed() == PAGEBLOCK_FRAMES;
            if !whole && !line::all_free(&self.managed_in(block), at, part) {
                return Err(FreeError::NoSuchFrame);
            }
        }
        blocks.for_each(|block| self.grown(block, at, part));
        Ok(())
    }

    /// Sets the bits of a run within a block, all of them clear, and counts them.
    pub(super) fn grown(&mut self, block: usize, at: usize, order: u8) {
        let (frames, state) = (1 << order, self.block(block));
        let Some(line) = self.lines.get_mut(block) else { return };
        line::set(line, at, order);
        let merged = line::merged(line, at, order);
        let hint = state.hint().map_or(merged, |hint| hint.max(merged));
        *self.free_of(state) += frames;
        self.put(block, state.with_free(state.free() + frames).with_hint(Some(hint)));
    }

    /// The count that a pageblock's free frames are in.
    #[inline(always)]
    pub(super) fn free_of(&mut self, state: Block) -> &mut usize {
        if state.is_isolated() { &mut self.isolated } else { &mut self.free }
    }

    /// Adds how many free blocks of each order there are, isolated ones left out.
    pub(super) fn count_by_order(&self, max_order: u8, counts: &mut [usize; ORDERS]) {
        let mut by_order = [0; ORDERS];
        let whole = |block: usize| {
            let state = self.block(block);
            state.free() == PAGEBLOCK_FRAMES && !state.is_isolated()
        };
        let mut pairs = 0;
        for block in (0..self.blocks.len()).filter(|&block| !self.block(block).is_isolated()) {
            let twin = block ^ 1;
            if max_order > PAGEBLOCK_ORDER && whole(block) && twin < self.blocks.len() && whole(twin) {
                pairs += block % 2;
            } else {
                line::count_by_order(self.line(block), &mut by_order);
            }
        }
        if let Some(longest) = by_order.last_mut() {
            *longest += pairs;
        }
        let max_order = usize::from(max_order);
        let mut longer = 0;
        for ((order, count), by_order) in counts.iter_mut().enumerate().zip(by_order) {
            // A zone with a lower bound has no longer block: it counts as so many of the longest.
            if order <= max_order {
                *count += by_order;
            } else {
                longer += by_order << (order - max_order);
            }
        }
        if let Some(count) = counts.get_mut(max_order) {
            *count += longer;
        }
    }

    pub(super) fn state(&self, block: usize) -> Option<Pageblock> {
        if block >= self.blocks.len() {
            return None;
        }
        let state = self.block(block);
        let (mobility, isolated) = (state.group().mobility(), state.is_isolated());
        Some(Pageblock { free: state.free(), managed: state.managed(), mobility, isolated })
    }
}
