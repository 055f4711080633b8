//! A memory block goes on or off line.

use core::ops::Range;

use super::{Block, BlockState, Change, HotplugError, Moved, OnlineTo, block::touches, data::Data};
use crate::{NodeId, ZoneId, ZoneKind, ZoneSize, heap::NoMemory};

impl Data {
    pub(super) fn bring_online(&mut self, number: u64, to: OnlineTo) -> Result<Change, HotplugError> {
        let position = self.position(number)?;
        let block = self.blocks.list[position];
        let (BlockState::Offline, Some(node)) = (block.state, block.node) else {
            return Err(HotplugError::AlreadyOnline { block: number });
        };
        let frames = self.blocks.frames(number);
        let kind = self.choose(node, &frames, to);
        if !self.memory.kinds.contains(&kind) {
            return Err(HotplugError::NoSuchKind { kind });
        }
        let zone = ZoneId::new(node, kind);
        let high = self.high_marks()?;
        let mut rebuilt = self.make_node_online(node)?;
        let first = self.grow(zone, &block, &frames)?;
        self.blocks.list[position].state = BlockState::Online(kind);
        if let Err(at) = self.blocks.without_boot_memory.binary_search(&number) {
            self.blocks.without_boot_memory.try_reserve(1).map_err(NoMemory::from)?;
            self.blocks.without_boot_memory.insert(at, number);
        }
        self.has_memory.insert(node);
        if first {
            let has_memory = self.has_memory;
            self.rebuild(&has_memory)?;
            rebuilt = Some(self.rebuilt(&high));
        }
        self.settle(&high)?;
        let frames = frames.start + block.memmap_pages..frames.end;
        Ok(Change { rebuilt, moved: Some(Moved { block: number, online: true, zone, frames }) })
    }

    pub(super) fn take_offline(&mut self, number: u64) -> Result<Change, HotplugError> {
        let position = self.position(number)?;
        let block = self.blocks.list[position];
        let (kind, node) = match (block.state, block.node) {
            (BlockState::Offline, _) => return Err(HotplugError::AlreadyOffline { block: number }),
            (BlockState::Online(kind), Some(node)) => (kind, node),
            _ => return Err(HotplugError::Shared { block: number }),
        };
        if block.has_holes {
            return Err(HotplugError::Holes { block: number });
        }
        let zone = ZoneId::new(node, kind);
        let frames = self.blocks.frames(number);
        let (high, had_memory) = (self.high_marks()?, self.has_memory);
        self.blocks.list[position].state = BlockState::Offline;
        let last = self.shrink(zone, &block, &frames)?;
        self.settle(&high)?;
        let mut change = Change::default();
        if last {
            // A node that has just lost everything is still named, until the next rebuild.
            self.rebuild(&had_memory)?;
            let high = self.high_marks()?;
            change.rebuilt = Some(self.rebuilt(high));
        }
        if !self.memory.zones.iter().any(|size| size.zone.node() == node) {
            self.has_memory.remove(node);
        }
        let frames = frames.start + block.memmap_pages..frames.end;
        change.moved = Some(Moved { block: number, online: false, zone, frames });
        Ok(change)
    }

    /// The zone kind that these frames go to.
    fn choose(&self, node: NodeId, frames: &Range<u64>, to: OnlineTo) -> ZoneKind {
        let touched = |kind: &ZoneKind| {
            let zone = ZoneId::new(node, *kind);
            self.memory.zones.iter().any(|size| size.zone == zone && touches(&size.span(), frames))
        };
        let low = [ZoneKind::Dma, ZoneKind::Dma32].into_iter().find(touched);
        let kernel = low.unwrap_or(ZoneKind::Normal);
        match to {
            OnlineTo::Kind(kind) => kind,
            OnlineTo::Kernel => kernel,
            OnlineTo::Movable => ZoneKind::Movable,
            OnlineTo::Auto => match (touched(&kernel), touched(&ZoneKind::Movable)) {
                (true, false) => kernel,
                (false, true) => ZoneKind::Movable,
                _ if self.blocks.movable_node => ZoneKind::Movable,
                _ => kernel,
            },
        }
    }

    /// Takes a block into a zone, whose span grows over it. Says whether these are its first pages.
    fn grow(&mut self, zone: ZoneId, block: &Block, frames: &Range<u64>) -> Result<bool, NoMemory> {
        let managed = self.blocks.pages - block.memmap_pages;
        let zones = &mut self.memory.zones;
        match zones.binary_search_by_key(&zone, |size| size.zone) {
            Ok(at) => {
                let size = &mut zones[at];
                let span = size.span();
                size.set_span(span.start.min(frames.start)..span.end.max(frames.end));
                size.present += self.blocks.pages;
                size.managed += managed;
                Ok(false)
            }
            Err(at) => {
                let mut size = ZoneSize { zone, start_pfn: 0, spanned: 0, present: self.blocks.pages, managed };
                size.set_span(frames.clone());
                zones.try_reserve(1)?;
                zones.insert(at, size);
                Ok(true)
            }
        }
    }

    /// Takes a block out of its zone. At an edge the span shrinks to what remains; a hole within
    /// it stays. Says whether these were the last pages.
    fn shrink(&mut self, zone: ZoneId, block: &Block, frames: &Range<u64>) -> Result<bool, HotplugError> {
        let managed = self.blocks.pages - block.memmap_pages;
        let reserved = |managed| HotplugError::Reserved { block: block.number, zone, managed };
        let at = self.memory.zones.binary_search_by_key(&zone, |size| size.zone).map_err(|_| reserved(0))?;
        let mut size = self.memory.zones[at];
        // What the block's own pages do not cover is reserved within it, and can't move.
        size.managed = size.managed.checked_sub(managed).ok_or_else(|| reserved(size.managed))?;
        size.present -= self.blocks.pages;
        if size.present == 0 {
            self.memory.zones.remove(at);
            return Ok(true);
        }
        let span = size.span();
        let start = if frames.start <= span.start { self.first_frame(zone, &span) } else { Some(span.start) };
        let end = if frames.end >= span.end { self.last_frame(zone, &span) } else { Some(span.end) };
        if let (Some(start), Some(end)) = (start, end) {
            size.set_span(start..end);
        }
        self.memory.zones[at] = size;
        Ok(false)
    }

    /// Where what a zone has within a span begins.
    fn first_frame(&self, zone: ZoneId, span: &Range<u64>) -> Option<u64> {
        self.parts(zone).map(|part| part.start.max(span.start)).min()
    }

    /// Where what a zone has within a span ends.
    fn last_frame(&self, zone: ZoneId, span: &Range<u64>) -> Option<u64> {
        self.parts(zone).map(|part| part.end.min(span.end)).max()
    }

    /// The frames of a zone: its own blocks, and what can't leave it.
    fn parts(&self, zone: ZoneId) -> impl Iterator<Item = Range<u64>> {
        let own =
            move |block: &&Block| block.node == Some(zone.node()) && block.state == BlockState::Online(zone.kind());
        let blocks = self.blocks.list.iter().filter(own).map(|block| self.blocks.frames(block.number));
        blocks.chain(self.immovable_of(zone))
    }
}
