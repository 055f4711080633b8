//! The frames of a machine's zones, as far as sizes, blocks and exact ranges determine them.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    block_id::BlockId,
    memory_block::{BootMemory, MemoryBlock, MemoryBlockState},
    state::State,
};
use crate::{
    NodeId, Pfn, ZoneId,
    heap::{NoMemory, collected, or_abort},
    zone::UnknownOwner,
};

impl State {
    /// Every zone that the machine can have, ascending, with the span of frames that it can ever have.
    ///
    /// Each node with a block, a zone, or room for later blocks (`to_come`) has a zone of each kind. The span of these
    /// zones contains all blocks, zones and room of the node.
    pub fn possible_zones<'s>(
        &'s self,
        to_come: &'s [(NodeId, Range<Pfn>)],
    ) -> impl Iterator<Item = (ZoneId, Range<Pfn>)> + 's {
        let nodes = self.machine().nodes().iter();
        let spans = nodes.filter_map(move |&node| Some((node, self.span_of(node, to_come)?)));
        spans.flat_map(|(node, span)| {
            self.memory().kinds.iter().map(move |&kind| (ZoneId::new(node, kind), span.clone()))
        })
    }

    /// The frames of the block of that number, whether or not it exists.
    #[must_use]
    pub fn block_frames(&self, number: BlockId) -> Range<Pfn> {
        self.0.blocks.frames(number)
    }

    /// The span of a node's blocks, zones and room, from the first frame to the last.
    fn span_of(&self, node: NodeId, to_come: &[(NodeId, Range<Pfn>)]) -> Option<Range<Pfn>> {
        let blocks = self.blocks().iter().filter(|block| block.node.is_none_or(|home| home == node));
        let blocks = blocks.map(|block| self.0.blocks.frames(block.number));
        let zones = self.memory().zones.iter().filter(|size| size.zone.node() == node).map(|size| size.span());
        let to_come = to_come.iter().filter(|(home, frames)| *home == node && !frames.is_empty());
        let to_come = to_come.map(|(_, frames)| frames.clone());
        blocks.chain(zones).chain(to_come).reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
    }

    /// Pages of a block; 0 on a machine without blocks.
    #[must_use]
    pub fn block_pages(&self) -> u64 {
        self.0.blocks.pages
    }

    /// Checks that each frame has at most one zone, as an allocator needs it.
    ///
    /// # Errors
    /// Names two zones that may have the same frame.
    pub fn check_frame_owners(&self) -> Result<(), UnknownOwner> {
        self.0.immovable.as_ref().map(drop).map_err(|unknown| *unknown)
    }

    /// The frames that a zone manages, ascending: those of its blocks and its immovable ranges.
    ///
    /// Their number is the managed size of the zone. Blocks and ranges may have more frames, since boot took some or
    /// the zone has holes. Then frames are left out at the end that [`BootMemory`] selects, first of blocks that may
    /// hold boot's memory (those not in
    /// [`MemoryBlocks::without_boot_memory`](super::MemoryBlocks::without_boot_memory)).
    ///
    /// # Errors
    /// The description leaves open which zone has some of the machine's frames.
    pub fn managed_frames(&self, zone: ZoneId) -> Result<Vec<Range<Pfn>>, UnknownOwner> {
        self.check_frame_owners().map(|()| or_abort(self.managed_parts(zone)))
    }

    /// The frames that a zone manages, on a machine where each frame is known to be of one zone.
    pub(super) fn managed_parts(&self, zone: ZoneId) -> Result<Vec<Range<Pfn>>, NoMemory> {
        let Some(info) = self.zones().find(|info| info.size.zone == zone) else { return Ok(Vec::new()) };
        // Each part is paired with a flag: true if boot took nothing of it.
        let blocks = &self.0.blocks;
        let fixed = self.0.immovable_of(zone).map(|part| (part, false));
        let is_own = |block: &&MemoryBlock| {
            block.node == Some(zone.node()) && block.state == MemoryBlockState::Online(zone.kind()) && !block.has_holes
        };
        let own = blocks.list.iter().filter(is_own).map(|block| {
            let frames = blocks.frames(block.number);
            let usable = frames.start.saturating_add(block.memmap_pages).min(frames.end)..frames.end;
            (usable, blocks.without_boot_memory.binary_search(&block.number).is_ok())
        });
        let mut parts: Vec<(Range<Pfn>, bool)> = collected(fixed.chain(own))?;
        parts.sort_unstable_by_key(|(part, _)| part.start);
        let available: u64 = parts.iter().map(|(part, _)| part.end - part.start).sum();
        // Frames that boot took, or that are in holes: they are cut from the ends of parts.
        let mut excess = available.saturating_sub(info.size.managed);
        // Parts without boot memory are cut last, and only if the other parts are too small.
        for spared in [false, true] {
            let mut parts = parts.iter_mut().filter(|(_, spare)| *spare == spared).map(|(part, _)| part);
            loop {
                let (part, top_down) = match blocks.boot_memory() {
                    BootMemory::TopDown => (parts.next_back(), true),
                    BootMemory::BottomUp => (parts.next(), false),
                };
                let Some(part) = part else { break };
                let cut = excess.min(part.end - part.start);
                *part = if top_down { part.start..part.end - cut } else { part.start + cut..part.end };
                excess -= cut;
            }
        }
        collected(parts.into_iter().map(|(part, _)| part).filter(|part| !part.is_empty()))
    }
}
