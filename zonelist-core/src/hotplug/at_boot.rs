//! Which frames a machine's zones have, as far as its sizes and blocks tell.

use alloc::vec::Vec;
use core::ops::Range;

use super::{BlockState, State};
use crate::{NodeId, ZoneId};

impl State {
    /// Every zone that there can be, ascending, with the frames that it can ever have: for each node with a block, a
    /// zone, or room for blocks `to_come`, one of each kind over all of these.
    pub fn possible_zones<'s>(
        &'s self,
        to_come: &'s [(NodeId, Range<u64>)],
    ) -> impl Iterator<Item = (ZoneId, Range<u64>)> + 's {
        let nodes = self.machine.nodes().iter();
        let spans = nodes.filter_map(move |&node| Some((node, self.span_of(node, to_come)?)));
        spans
            .flat_map(|(node, span)| self.memory.kinds.iter().map(move |&kind| (ZoneId::new(node, kind), span.clone())))
    }

    /// The frames that a block of that number has, or would have.
    #[must_use]
    pub fn frames_of_block(&self, number: u64) -> Range<u64> {
        self.blocks.frames(number)
    }

    /// The frames of a node's blocks and zones, from the first to the last.
    fn span_of(&self, node: NodeId, to_come: &[(NodeId, Range<u64>)]) -> Option<Range<u64>> {
        let blocks = self.blocks.list.iter().filter(|block| block.node.is_none_or(|home| home == node));
        let blocks = blocks.map(|block| self.blocks.frames(block.number));
        let zones = self.memory.zones.iter().filter(|size| size.zone.node() == node).map(|size| size.span());
        let to_come = to_come.iter().filter(|(home, _)| *home == node).map(|(_, frames)| frames.clone());
        blocks.chain(zones).chain(to_come).reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))
    }

    /// Frames that a zone manages: those of its blocks, and of what lies in none.
    ///
    /// There are as many as the zone's size says. It does not say which are not managed: those of blocks that
    /// can't go off line are left out first, the lowest before the others.
    #[must_use]
    pub fn frames_of(&self, zone: ZoneId) -> Vec<Range<u64>> {
        let Some(info) = self.zones().find(|info| info.size.zone == zone) else { return Vec::new() };
        let own = self
            .blocks
            .list
            .iter()
            .filter(|block| block.node == Some(zone.node()) && block.state == BlockState::Online(zone.kind()));
        let (holed, whole): (Vec<_>, Vec<_>) = own.partition(|block| block.has_holes);
        let frames = |block: &super::Block| {
            let frames = self.blocks.frames(block.number);
            let span = info.size.span();
            frames.start.max(span.start) + block.memmap_pages..frames.end.min(span.end)
        };
        let anchors = self.anchors.iter().filter(|(other, _)| *other == zone).map(|(_, part)| part.clone());
        let stays = anchors.chain(holed.into_iter().map(frames));
        let mut parts: Vec<Range<u64>> = stays.chain(whole.into_iter().map(frames)).collect();
        let there: u64 = parts.iter().map(|part| part.end.saturating_sub(part.start)).sum();
        let mut missing = there.saturating_sub(info.size.managed);
        for part in &mut parts {
            let out = missing.min(part.end.saturating_sub(part.start));
            part.start += out;
            missing -= out;
        }
        parts.retain(|part| !part.is_empty());
        parts
    }
}
