//! The change of the state when a memory block goes online or offline.

use core::ops::Range;

use super::{
    block_id::BlockId,
    error::HotplugError,
    memory_block::{MemoryBlock, MemoryBlockState, touches},
    operation::{BlockChange, Change, OnlineTo},
    state_data::StateData,
};
use crate::{NodeId, Pfn, ZoneId, ZoneKind, heap::NoMemory, topology::ZoneSize};

impl StateData {
    /// Puts a block into a zone of its node. Source: Linux 6.1 `mm/memory_hotplug.c: online_pages`.
    pub(super) fn online_block(&mut self, number: BlockId, to: OnlineTo) -> Result<Change, HotplugError> {
        let position = self.position(number)?;
        let block = self.blocks.list[position];
        let (MemoryBlockState::Offline, Some(node)) = (block.state, block.node) else {
            return Err(HotplugError::AlreadyOnline { block: number });
        };
        let frames = self.blocks.frames(number);
        let kind = self.choose(node, number, to);
        if !self.memory.kinds.contains(&kind) {
            return Err(HotplugError::NoSuchKind { kind });
        }
        let zone = ZoneId::new(node, kind);
        // The report of a rebuild has the high watermarks from before the block.
        let high = self.high_watermarks()?;
        let mut rebuilt = self.make_node_online(node)?;
        let first = self.grow(zone, &block, &frames)?;
        self.blocks.list[position].state = MemoryBlockState::Online(kind);
        // A block that goes online after boot holds none of boot's memory.
        if let Err(at) = self.blocks.without_boot_memory.binary_search(&number) {
            self.blocks.without_boot_memory.try_reserve(1).map_err(NoMemory::from)?;
            self.blocks.without_boot_memory.insert(at, number);
        }
        self.has_memory.insert(node);
        // Only the first page of a zone changes lists: later blocks add no zone.
        if first {
            let has_memory = self.has_memory;
            self.rebuild(&has_memory)?;
            rebuilt = Some(self.rebuilt(&high));
        }
        self.update_min_free(&high)?;
        let frames = frames.start + block.memmap_pages..frames.end;
        Ok(Change { rebuilt, block_change: Some(BlockChange { block: number, online: true, zone, frames }) })
    }

    /// Removes a block from its zone. Source: Linux 6.1 `mm/memory_hotplug.c: offline_pages`.
    pub(super) fn offline_block(&mut self, number: BlockId) -> Result<Change, HotplugError> {
        let position = self.position(number)?;
        let block = self.blocks.list[position];
        let (kind, node) = match (block.state, block.node) {
            (MemoryBlockState::Offline, _) => return Err(HotplugError::AlreadyOffline { block: number }),
            (MemoryBlockState::Online(kind), Some(node)) => (kind, node),
            _ => return Err(HotplugError::Shared { block: number }),
        };
        if block.has_holes {
            return Err(HotplugError::Holes { block: number });
        }
        let zone = ZoneId::new(node, kind);
        let frames = self.blocks.frames(number);
        let (high, had_memory) = (self.high_watermarks()?, self.has_memory);
        self.blocks.list[position].state = MemoryBlockState::Offline;
        let last = self.shrink(zone, &block, &frames)?;
        self.update_min_free(&high)?;
        if !self.memory.zones.iter().any(|size| size.zone.node() == node) {
            self.has_memory.remove(node);
        }
        let mut change = Change::default();
        if last {
            let counted = if self.rules.emptied_nodes_listed { had_memory } else { self.has_memory };
            self.rebuild(&counted)?;
            // When memory goes offline, the report has the high watermarks from after the block.
            let high = self.high_watermarks()?;
            change.rebuilt = Some(self.rebuilt(high));
        }
        let frames = frames.start + block.memmap_pages..frames.end;
        change.block_change = Some(BlockChange { block: number, online: false, zone, frames });
        Ok(change)
    }

    /// The zone kind that a block of a node goes to. Source: Linux 6.1 `mm/memory_hotplug.c: zone_for_pfn_range`.
    fn choose(&self, node: NodeId, number: BlockId, to: OnlineTo) -> ZoneKind {
        let frames = self.blocks.frames(number);
        let touched = |kind: &ZoneKind| {
            let zone = ZoneId::new(node, *kind);
            self.memory.zones.iter().any(|size| size.zone == zone && touches(&size.span(), &frames))
        };
        let low = [ZoneKind::Dma, ZoneKind::Dma32].into_iter().find(touched);
        let kernel = low.unwrap_or(ZoneKind::Normal);
        let policy = self.blocks.auto_movable.filter(|_| self.rules.auto_movable);
        match to {
            OnlineTo::Kind(kind) => kind,
            OnlineTo::Kernel => kernel,
            OnlineTo::Movable => ZoneKind::Movable,
            OnlineTo::Auto if let Some(policy) = policy => {
                if self.is_movable_by_policy(policy, number, node) {
                    ZoneKind::Movable
                } else {
                    kernel
                }
            }
            OnlineTo::Auto => match (touched(&kernel), touched(&ZoneKind::Movable)) {
                (true, false) => kernel,
                (false, true) => ZoneKind::Movable,
                _ if self.blocks.movable_node => ZoneKind::Movable,
                _ => kernel,
            },
        }
    }

    /// Adds a block to a zone, and extends the zone's span. Returns true if these are the zone's first pages.
    fn grow(&mut self, zone: ZoneId, block: &MemoryBlock, frames: &Range<Pfn>) -> Result<bool, NoMemory> {
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
                let mut size =
                    ZoneSize { zone, start_pfn: frames.start, spanned: 0, present: self.blocks.pages, managed };
                size.set_span(frames.clone());
                zones.try_reserve(1)?;
                zones.insert(at, size);
                Ok(true)
            }
        }
    }

    /// Removes a block from its zone. The span shrinks to the rest if the block is at an edge; within the span a hole
    /// stays. Returns true if these were the zone's last pages. Source: Linux 6.1 `mm/memory_hotplug.c:
    /// shrink_zone_span`.
    fn shrink(&mut self, zone: ZoneId, block: &MemoryBlock, frames: &Range<Pfn>) -> Result<bool, HotplugError> {
        let managed = self.blocks.pages - block.memmap_pages;
        let reserved = |managed| HotplugError::Reserved { block: block.number, zone, managed };
        let at = self.memory.zones.binary_search_by_key(&zone, |size| size.zone).map_err(|_| reserved(0))?;
        let mut size = self.memory.zones[at];
        // Fewer managed pages than the block has: some of its pages are reserved, and can't go offline.
        size.managed = size.managed.checked_sub(managed).ok_or_else(|| reserved(size.managed))?;
        size.present -= self.blocks.pages;
        if size.present == 0 {
            self.memory.zones.remove(at);
            return Ok(true);
        }
        // A hole within the span leaves it as it is, as in Linux.
        let span = size.span();
        let start = if frames.start <= span.start { self.first_frame(zone, &span) } else { Some(span.start) };
        let end = if frames.end >= span.end { self.last_frame(zone, &span) } else { Some(span.end) };
        if let (Some(start), Some(end)) = (start, end) {
            size.set_span(start..end);
        }
        self.memory.zones[at] = size;
        Ok(false)
    }

    /// The first frame of a zone within a span.
    fn first_frame(&self, zone: ZoneId, span: &Range<Pfn>) -> Option<Pfn> {
        self.parts(zone).map(|part| part.start.max(span.start)).min()
    }

    /// The end of a zone's frames within a span.
    fn last_frame(&self, zone: ZoneId, span: &Range<Pfn>) -> Option<Pfn> {
        self.parts(zone).map(|part| part.end.min(span.end)).max()
    }

    /// The frames of a zone: its own blocks and its immovable ranges.
    fn parts(&self, zone: ZoneId) -> impl Iterator<Item = Range<Pfn>> {
        let own = move |block: &&MemoryBlock| {
            block.node == Some(zone.node()) && block.state == MemoryBlockState::Online(zone.kind())
        };
        let blocks = self.blocks.list.iter().filter(own).map(|block| self.blocks.frames(block.number));
        blocks.chain(self.immovable_of(zone))
    }
}
