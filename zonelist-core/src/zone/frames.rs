//! The state of a zone, as whoever has its lock finds it.
//!
//! Three tables: the free bits, a word for each pageblock, and sets of pageblocks by what they can
//! give. Frames are numbered from the zone's base, which is a multiple of the largest block.
//!
//! Single frames come and go by the batch, and to free one is to set its bit and count it: the
//! block's hint is then stale. It is renewed when the block is picked, for a few blocks with each
//! batch, and for all of them when a longer run is wanted and none is known of.
//!
//! **The invariants**: a block's free count is the number of its bits, unless its word is behind
//! ([`Block::is_behind`]); its hint is at most the
//! order of its longest run, and equal to it unless it is stale; it is in the set of its group
//! and hint, or in none while it is isolated or has nothing free; `free` counts the bits of all
//! blocks that are not isolated.

use super::{
    FreeError, Mobility, PAGEBLOCK_FRAMES, PAGEBLOCK_ORDER, Pageblock,
    block::Block,
    group::Group,
    line::{self, Line},
    memory::Memory,
    shelves::Shelves,
};

pub(super) struct Frames<'m> {
    pub(super) lines: Memory<'m, Line>,
    pub(super) blocks: Memory<'m, u64>,
    pub(super) sets: Memory<'m, u64>,
    pub(super) shelves: Shelves,
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

impl<'m> Frames<'m> {
    pub(super) fn new(lines: Memory<'m, Line>, mut blocks: Memory<'m, u64>, mut sets: Memory<'m, u64>) -> Self {
        blocks.fill(Block::EMPTY.0);
        sets.fill(0);
        let shelves = Shelves::of(blocks.len());
        let mut frames = Self {
            lines,
            blocks,
            sets,
            shelves,
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
        Self::new(Memory::Given(&mut []), Memory::Given(&mut []), Memory::Given(&mut []))
    }

    /// With metadata from the heap.
    #[cfg(feature = "alloc")]
    pub(super) fn on_heap(layout: &super::Layout) -> Result<Self, super::ZoneError> {
        let blocks = layout.blocks;
        let sets = Memory::zeroed(0, Shelves::words(blocks))?;
        let frames = Self::new(Memory::zeroed([0; 8], blocks)?, Memory::zeroed(0, blocks)?, sets);
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

    /// What is known of a block, its free frames counted anew where that word is behind.
    #[inline]
    pub(super) fn block(&self, block: usize) -> Block {
        let state = Block(self.blocks[block]);
        if state.is_behind() { state.with_free(line::count(&self.lines[block])) } else { state }
    }

    /// Replaces what is known of a block, and moves it to the set where it then belongs.
    pub(super) fn put(&mut self, block: usize, new: Block) {
        let old = Block(self.blocks[block]);
        self.blocks[block] = new.0;
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
        let longest = line::longest(&self.lines[block]);
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
        while taken < out.len() {
            let own = self.pick_own(0, mobility);
            let Some(block) = own.or_else(|| if taken == 0 { self.pick(0, mobility) } else { None }) else { break };
            let base = (block * PAGEBLOCK_FRAMES) as u32;
            let count = line::take_singles(&mut self.lines[block], base, &mut out[taken..]);
            taken += count;
            self.shrunk(block, count);
        }
        taken
    }

    /// Counts frames that a block gave, and renews its hint.
    fn shrunk(&mut self, block: usize, frames: usize) {
        let state = Block(self.blocks[block]);
        let left = if state.is_behind() { line::count(&self.lines[block]) } else { state.free() - frames };
        let hint = if left == 0 { None } else { line::longest(&self.lines[block]) };
        self.free -= frames;
        self.put(block, state.with_free(left).with_hint(hint).with_stale(false));
    }

    /// Takes a block of frames.
    pub(super) fn take(&mut self, order: u8, mobility: Mobility) -> Option<u32> {
        if order > PAGEBLOCK_ORDER {
            return self.take_pair(mobility);
        }
        let block = self.pick(order, mobility)?;
        let at = line::best_fit(&self.lines[block], order)?;
        line::clear(&mut self.lines[block], at, order);
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
            self.lines[block] = [0; 8];
            self.shrunk(block, PAGEBLOCK_FRAMES);
        }
        Some((first * PAGEBLOCK_FRAMES) as u32)
    }

    /// Gives single frames back. What cannot have been handed out is left alone, and told.
    #[inline]
    pub(super) fn give_singles(&mut self, frames: &[u32], mut refused: impl FnMut(FreeError)) {
        for &frame in frames {
            let (block, row, bit) = (frame as usize / PAGEBLOCK_FRAMES, frame as usize / 64 % 8, 1 << (frame % 64));
            let Some(line) = self.lines.get_mut(block) else {
                refused(FreeError::NoSuchFrame);
                continue;
            };
            let state = Block(self.blocks[block]);
            if line[row] & bit != 0 {
                refused(FreeError::AlreadyFree);
                continue;
            }
            if state.is_behind() {
                // Only the bit, so that CPUs whose frames lie in neighbouring blocks don't send each
                // other the line that the words share. Where all frames are managed and one is not
                // free, there is room for one more.
                line[row] |= bit;
                self.free += 1;
                continue;
            }
            if state.free() >= state.managed() {
                refused(if state.managed() == 0 { FreeError::NoSuchFrame } else { FreeError::NeverHandedOut });
                continue;
            }
            line[row] |= bit;
            self.free += usize::from(!state.is_isolated());
            if state.is_stale() {
                self.blocks[block] = state.with_one_more().0;
            } else {
                let hint = state.hint().unwrap_or(0);
                self.put(block, state.with_one_more().with_hint(Some(hint)));
            }
        }
        self.renew_some(frames.len() / 128 + 1);
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
            let line = self.lines.get(block).ok_or(FreeError::NoSuchFrame)?;
            let state = self.block(block);
            if state.managed() == 0 {
                return Err(FreeError::NoSuchFrame);
            }
            if line::any_free(line, at, part) {
                return Err(FreeError::AlreadyFree);
            }
            if state.free() + (1 << part) > state.managed() {
                return Err(FreeError::NeverHandedOut);
            }
        }
        blocks.for_each(|block| self.grown(block, at, part));
        Ok(())
    }

    /// Sets the bits of a run within a block, all of them clear, and counts them.
    pub(super) fn grown(&mut self, block: usize, at: usize, order: u8) {
        let (frames, state) = (1 << order, self.block(block));
        line::set(&mut self.lines[block], at, order);
        let merged = line::merged(&self.lines[block], at, order);
        let hint = state.hint().map_or(merged, |hint| hint.max(merged));
        if !state.is_isolated() {
            self.free += frames;
        }
        self.put(block, state.with_free(state.free() + frames).with_hint(Some(hint)));
    }

    /// Adds how many free blocks of each order there are, isolated ones left out.
    pub(super) fn count_by_order(&self, max_order: u8, counts: &mut [usize]) {
        let mut by_order = [0; PAGEBLOCK_ORDER as usize + 2];
        let whole = |block: usize| {
            let state = self.block(block);
            state.free() == PAGEBLOCK_FRAMES && !state.is_isolated()
        };
        for block in (0..self.blocks.len()).filter(|&block| !self.block(block).is_isolated()) {
            let twin = block ^ 1;
            if max_order > PAGEBLOCK_ORDER && whole(block) && twin < self.blocks.len() && whole(twin) {
                by_order[usize::from(max_order)] += block % 2;
            } else {
                line::count_by_order(&self.lines[block], &mut by_order);
            }
        }
        for (order, count) in by_order.into_iter().enumerate() {
            // A zone with a lower bound has no longer block: it counts as so many of the longest.
            let at = order.min(usize::from(max_order));
            counts[at] += count << (order - at);
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
