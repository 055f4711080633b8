//! Nodes, their blocks and their CPUs come and go.

use super::{Block, BlockState, Change, HotplugError, Rebuilt, data::Data};
use crate::{NodeId, heap::NoMemory};

impl Data {
    pub(super) fn add_node(&mut self, node: NodeId) -> Result<Change, HotplugError> {
        self.possible(node)?;
        match self.make_node_online(node)? {
            Some(rebuilt) => Ok(Change { rebuilt: Some(rebuilt), moved: None }),
            None => Err(HotplugError::NodeExists { node }),
        }
    }

    pub(super) fn remove_node(&mut self, node: NodeId) -> Result<Change, HotplugError> {
        if !self.online.contains(node) {
            return Err(HotplugError::NoSuchNode { node });
        }
        let has_block = self.blocks.list.iter().any(|block| block.node == Some(node));
        if has_block || self.has_memory.contains(node) || self.has_cpu.contains(node) {
            return Err(HotplugError::NodeInUse { node });
        }
        self.online.remove(node);
        Ok(Change::default())
    }

    pub(super) fn add_blocks(&mut self, node: NodeId, first: u64, count: u64) -> Result<Change, HotplugError> {
        if count == 0 || !self.blocks.can_have(first, count) {
            return Err(HotplugError::NoBlocks { first, count });
        }
        self.possible(node)?;
        let at = match self.blocks.find(first) {
            Ok(_) => return Err(HotplugError::BlockExists { block: first }),
            Err(at) => at,
        };
        if let Some(next) = self.blocks.list.get(at).filter(|next| next.number < first + count) {
            return Err(HotplugError::BlockExists { block: next.number });
        }
        let frames = self.blocks.frames(first).start..self.blocks.frames(first + count - 1).end;
        if let Some((pfn, zone)) = self.memory_in(&frames) {
            return Err(HotplugError::MemoryExists { block: pfn / self.blocks.pages, zone });
        }
        let rebuilt = self.make_node_online(node)?;
        let memmap_pages = self.blocks.memmap_pages;
        let block =
            |number| Block { number, node: Some(node), state: BlockState::Offline, has_holes: false, memmap_pages };
        self.blocks.list.try_reserve(count as usize).map_err(NoMemory::from)?;
        // In place: there is room.
        self.blocks.list.extend((first..first + count).map(block));
        self.blocks.list[at..].rotate_right(count as usize);
        Ok(Change { rebuilt, moved: None })
    }

    pub(super) fn remove_blocks(&mut self, first: u64, count: u64) -> Result<Change, HotplugError> {
        if count == 0 || !self.blocks.can_have(first, count) {
            return Err(HotplugError::NoBlocks { first, count });
        }
        let at = self.position(first)?;
        for (number, block) in (first..first + count).zip(self.blocks.list[at..].iter().map(Some).chain([None])) {
            match block {
                Some(block) if block.number == number => {}
                _ => return Err(HotplugError::NoSuchBlock { block: number }),
            }
        }
        let blocks = at..at + count as usize;
        if let Some(block) = self.blocks.list[blocks.clone()].iter().find(|block| block.state != BlockState::Offline) {
            return Err(HotplugError::BlockInUse { block: block.number });
        }
        self.blocks.list.drain(blocks);
        Ok(Change::default())
    }

    pub(super) fn bring_cpu_online(&mut self, cpu: u32) -> Result<Change, HotplugError> {
        let node = self.home(cpu)?;
        let Err(at) = self.cpus.binary_search(&cpu) else { return Ok(Change::default()) };
        self.cpus.try_reserve(1).map_err(NoMemory::from)?;
        self.cpus.insert(at, cpu);
        let rebuilt = self.make_node_online(node)?;
        self.has_cpu.insert(node);
        Ok(Change { rebuilt, moved: None })
    }

    pub(super) fn take_cpu_offline(&mut self, cpu: u32) -> Result<Change, HotplugError> {
        let node = self.home(cpu)?;
        if self.cpus.contains(&cpu) && self.cpus.len() == 1 {
            return Err(HotplugError::LastCpu { cpu });
        }
        self.cpus.retain(|&other| other != cpu);
        if !self.cpus.iter().any(|&other| self.home(other) == Ok(node)) {
            self.has_cpu.remove(node);
        }
        Ok(Change::default())
    }

    /// Brings a node online that is not, with a list of its own before.
    pub(super) fn make_node_online(&mut self, node: NodeId) -> Result<Option<Rebuilt>, NoMemory> {
        if self.online.contains(node) {
            return Ok(None);
        }
        self.rebuild_row(node)?;
        let high = self.high_marks()?;
        let rebuilt = self.rebuilt(high);
        self.online.insert(node);
        Ok(Some(rebuilt))
    }

    fn possible(&self, node: NodeId) -> Result<(), HotplugError> {
        if self.machine.nodes().contains(&node) { Ok(()) } else { Err(HotplugError::NoSuchNode { node }) }
    }

    fn home(&self, cpu: u32) -> Result<NodeId, HotplugError> {
        self.machine.cpus().get(&cpu).copied().ok_or(HotplugError::NoSuchCpu { cpu })
    }
}
