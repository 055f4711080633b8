//! The changes of the state when nodes, their blocks and their CPUs are added, removed, or go online and offline.

use alloc::{sync::Arc, vec::Vec};

use super::{
    block_id::BlockId,
    error::HotplugError,
    memory_block::{MemoryBlock, MemoryBlockState},
    memory_device::MemoryDevice,
    operation::{Change, Rebuilt},
    state_data::StateData,
};
use crate::{NodeId, heap::NoMemory, topology::Machine};

impl StateData {
    /// Puts an empty node online. Source: Linux 6.1 `mm/memory_hotplug.c: __try_online_node`.
    pub(super) fn add_node(&mut self, node: NodeId) -> Result<Change, HotplugError> {
        self.check_possible(node)?;
        match self.make_node_online(node)? {
            Some(rebuilt) => Ok(Change { rebuilt: Some(rebuilt), block_change: None }),
            None => Err(HotplugError::NodeExists { node }),
        }
    }

    /// Puts a node offline that has no memory, no blocks and no online CPU. Source: Linux 6.1 `mm/memory_hotplug.c:
    /// try_offline_node`.
    pub(super) fn remove_node(&mut self, node: NodeId) -> Result<Change, HotplugError> {
        if !self.online.contains(node) {
            return Err(HotplugError::NoSuchNode { node });
        }
        let has_block = self.blocks.list.iter().any(|block| block.node == Some(node));
        if has_block || self.has_memory.contains(node) || self.has_cpu.contains(node) {
            return Err(HotplugError::NodeInUse { node });
        }
        // No list changes: without memory the node is in no list but its own.
        self.online.remove(node);
        Ok(Change::default())
    }

    /// Adds offline blocks to a node, and puts the node online if it is offline.
    pub(super) fn add_blocks(&mut self, node: NodeId, first: BlockId, count: u64) -> Result<Change, HotplugError> {
        if count == 0 || !self.blocks.can_have(first, count) {
            return Err(HotplugError::InvalidBlocks { first, count });
        }
        self.check_possible(node)?;
        let at = match self.blocks.find(first) {
            Ok(_) => return Err(HotplugError::BlockExists { block: first }),
            Err(at) => at,
        };
        let end = BlockId::new(first.number() + count);
        if let Some(next) = self.blocks.list.get(at).filter(|next| next.number < end) {
            return Err(HotplugError::BlockExists { block: next.number });
        }
        // A zone may have memory there outside of blocks, such as memory of boot.
        let frames = self.blocks.frames(first).start..self.blocks.frames(end).start;
        if let Some((pfn, zone)) = self.memory_in(&frames) {
            return Err(HotplugError::MemoryExists { block: self.blocks.block_of(pfn), zone });
        }
        let rebuilt = self.make_node_online(node)?;
        let memmap_pages = self.blocks.memmap_pages;
        let block = |number| MemoryBlock {
            number,
            node: Some(node),
            state: MemoryBlockState::Offline,
            has_holes: false,
            memmap_pages,
        };
        self.blocks.list.try_reserve(count as usize).map_err(NoMemory::from)?;
        self.blocks.devices.try_reserve(1).map_err(NoMemory::from)?;
        // None of these calls allocates: the room is reserved, and the new blocks are rotated to their position.
        self.blocks.list.extend((first.number()..end.number()).map(BlockId::new).map(block));
        self.blocks.list[at..].rotate_right(count as usize);
        let at = self.blocks.devices.partition_point(|device| device.first < first);
        self.blocks.devices.insert(at, MemoryDevice { first, count });
        Ok(Change { rebuilt, block_change: None })
    }

    /// Removes offline blocks. Their node stays online.
    pub(super) fn remove_blocks(&mut self, first: BlockId, count: u64) -> Result<Change, HotplugError> {
        if count == 0 || !self.blocks.can_have(first, count) {
            return Err(HotplugError::InvalidBlocks { first, count });
        }
        let at = self.position(first)?;
        let numbers = (first.number()..first.number() + count).map(BlockId::new);
        // All are checked before the first is removed. The end of the list counts as a missing block.
        for (number, block) in numbers.zip(self.blocks.list[at..].iter().map(Some).chain([None])) {
            match block {
                Some(block) if block.number == number => {}
                _ => return Err(HotplugError::NoSuchBlock { block: number }),
            }
        }
        let blocks = at..at + count as usize;
        if let Some(block) =
            self.blocks.list[blocks.clone()].iter().find(|block| block.state != MemoryBlockState::Offline)
        {
            return Err(HotplugError::BlockInUse { block: block.number });
        }
        self.blocks.remove_from_devices(MemoryDevice { first, count })?;
        self.blocks.list.drain(blocks);
        Ok(Change::default())
    }

    /// Puts a CPU online, and before it its nodes. Does nothing if the CPU is online.
    pub(super) fn online_cpu(&mut self, cpu: u32) -> Result<Change, HotplugError> {
        let machine = Arc::clone(&self.machine);
        let nodes = nodes_of_cpu(&machine, cpu)?;
        let Err(at) = self.cpus.binary_search(&cpu) else { return Ok(Change::default()) };
        self.cpus.try_reserve(1).map_err(NoMemory::from)?;
        self.cpus.insert(at, cpu);
        let mut rebuilt = None;
        for &node in nodes {
            rebuilt = self.make_node_online(node)?.or(rebuilt);
            self.has_cpu.insert(node);
        }
        Ok(Change { rebuilt, block_change: None })
    }

    /// Puts a CPU offline. Its nodes stay online, and count as nodes without CPUs after their last CPU.
    pub(super) fn offline_cpu(&mut self, cpu: u32) -> Result<Change, HotplugError> {
        let machine = Arc::clone(&self.machine);
        let nodes = nodes_of_cpu(&machine, cpu)?;
        if self.cpus.contains(&cpu) && self.cpus.len() == 1 {
            return Err(HotplugError::LastCpu { cpu });
        }
        self.cpus.retain(|&other| other != cpu);
        for &node in nodes {
            let has_another = |other| nodes_of_cpu(&machine, other).is_ok_and(|nodes| nodes.contains(&node));
            if !self.cpus.iter().any(|&other| has_another(other)) {
                self.has_cpu.remove(node);
            }
        }
        Ok(Change::default())
    }

    /// Puts a node online, unless it is online already. Its own list is built first, so that the list is published
    /// before the node is online.
    pub(super) fn make_node_online(&mut self, node: NodeId) -> Result<Option<Rebuilt>, NoMemory> {
        if self.online.contains(node) {
            return Ok(None);
        }
        self.rebuild_node(node)?;
        let high = self.high_watermarks()?;
        let rebuilt = self.rebuilt(high);
        self.online.insert(node);
        Ok(Some(rebuilt))
    }

    fn check_possible(&self, node: NodeId) -> Result<(), HotplugError> {
        if self.machine.nodes().contains(&node) { Ok(()) } else { Err(HotplugError::NoSuchNode { node }) }
    }
}

fn nodes_of_cpu(machine: &Machine, cpu: u32) -> Result<&[NodeId], HotplugError> {
    machine.cpus().get(&cpu).map(Vec::as_slice).ok_or(HotplugError::NoSuchCpu { cpu })
}
