//! Which frames a machine's zones have, as far as its sizes and blocks tell.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Block, BlockState, BootMemory, State, block::touches, data::Data};
use crate::{
    NodeId, UnknownOwner, ZoneId,
    heap::{NoMemory, collected, or_abort},
};

impl State {
    /// Every zone that there can be, ascending, with the frames that it can ever have: for each node with a block, a
    /// zone, or room for blocks `to_come`, one of each kind over all of these.
    pub fn possible_zones<'s>(
        &'s self,
        to_come: &'s [(NodeId, Range<u64>)],
    ) -> impl Iterator<Item = (ZoneId, Range<u64>)> + 's {
        let nodes = self.machine().nodes().iter();
        let spans = nodes.filter_map(move |&node| Some((node, self.span_of(node, to_come)?)));
        spans.flat_map(|(node, span)| {
            self.memory().kinds.iter().map(move |&kind| (ZoneId::new(node, kind), span.clone()))
        })
    }

    /// The frames that a block of that number has, or would have.
    #[must_use]
    pub fn frames_of_block(&self, number: u64) -> Range<u64> {
        self.0.blocks.frames(number)
    }

    /// The frames of a node's blocks and zones, from the first to the last.
    fn span_of(&self, node: NodeId, to_come: &[(NodeId, Range<u64>)]) -> Option<Range<u64>> {
        let blocks = self.blocks().iter().filter(|block| block.node.is_none_or(|home| home == node));
        let blocks = blocks.map(|block| self.0.blocks.frames(block.number));
        let zones = self.memory().zones.iter().filter(|size| size.zone.node() == node).map(|size| size.span());
        let to_come = to_come.iter().filter(|(home, frames)| *home == node && !frames.is_empty());
        let to_come = to_come.map(|(_, frames)| frames.clone());
        blocks.chain(zones).chain(to_come).reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
    }

    /// Pages of a block; 0 if there are no blocks.
    #[must_use]
    pub fn block_pages(&self) -> u64 {
        self.0.blocks.pages
    }

    /// Whether it is known of every frame whose it is, as an allocator needs it.
    ///
    /// # Errors
    /// Two zones that may have one frame.
    pub fn owners_known(&self) -> Result<(), UnknownOwner> {
        self.0.immovable.as_ref().map(drop).map_err(|unknown| *unknown)
    }

    /// Frames that a zone manages, ascending: those of its blocks, and what can't leave it.
    ///
    /// There are as many as the zone's size says. Where there are more, since boot took some or the zone has holes,
    /// those are left out that [`BootMemory`] says, of blocks that may hold such
    /// ([`Blocks::without_boot_memory`](super::Blocks::without_boot_memory)).
    ///
    /// # Errors
    /// Nothing says whose some frames of the machine are.
    pub fn frames_of(&self, zone: ZoneId) -> Result<Vec<Range<u64>>, UnknownOwner> {
        self.owners_known().map(|()| or_abort(self.managed_parts(zone)))
    }

    /// The same, where whose the frames are is known.
    pub(super) fn managed_parts(&self, zone: ZoneId) -> Result<Vec<Range<u64>>, NoMemory> {
        let Some(info) = self.zones().find(|info| info.size.zone == zone) else { return Ok(Vec::new()) };
        // With each part, whether boot took nothing of it.
        let blocks = &self.0.blocks;
        let fixed = self.0.immovable_of(zone).map(|part| (part, false));
        let is_own = |block: &&Block| {
            block.node == Some(zone.node()) && block.state == BlockState::Online(zone.kind()) && !block.has_holes
        };
        let own = blocks.list.iter().filter(is_own).map(|block| {
            let frames = blocks.frames(block.number);
            let usable = frames.start.saturating_add(block.memmap_pages).min(frames.end)..frames.end;
            (usable, blocks.without_boot_memory.binary_search(&block.number).is_ok())
        });
        let mut parts: Vec<(Range<u64>, bool)> = collected(fixed.chain(own))?;
        parts.sort_unstable_by_key(|(part, _)| part.start);
        let there: u64 = parts.iter().map(|(part, _)| part.end - part.start).sum();
        let mut missing = there.saturating_sub(info.size.managed);
        // Only if nothing else is left, of those that hold none.
        for spared in [false, true] {
            let mut parts = parts.iter_mut().filter(|(_, spare)| *spare == spared).map(|(part, _)| part);
            loop {
                let (part, top_down) = match blocks.boot_memory() {
                    BootMemory::TopDown => (parts.next_back(), true),
                    BootMemory::BottomUp => (parts.next(), false),
                };
                let Some(part) = part else { break };
                let out = missing.min(part.end - part.start);
                *part = if top_down { part.start..part.end - out } else { part.start + out..part.end };
                missing -= out;
            }
        }
        collected(parts.into_iter().map(|(part, _)| part).filter(|part| !part.is_empty()))
    }
}

impl Data {
    /// What of a zone can't leave it, as far as that is known.
    pub(super) fn immovable_of(&self, zone: ZoneId) -> impl Iterator<Item = Range<u64>> {
        let known = self.immovable.as_ref().map_or(&[][..], |immovable| immovable);
        known.iter().filter(move |(other, _)| *other == zone).map(|(_, part)| part.clone())
    }

    /// The first frame of a range that is some zone's and lies in no block, with the zone.
    pub(super) fn memory_in(&self, frames: &Range<u64>) -> Option<(u64, ZoneId)> {
        let known = self.immovable.as_ref().map_or(&[][..], |immovable| immovable);
        let there = known.iter().filter(|(_, part)| touches(part, frames));
        there.map(|(zone, part)| (part.start.max(frames.start), *zone)).min()
    }
}
