//! The state of a machine between two operations, and the transition from one to the next.

use super::{
    block_id::BlockId,
    error::HotplugError,
    memory_block::{MemoryBlock, MemoryBlocks, MemoryBlocksError},
    operation::{Change, Operation},
    state_data::{StateData, ZoneInfo},
};
use crate::{
    ZoneId, ZoneKind, Zonelists,
    heap::{Shared, or_abort},
    ids::NodeSet,
    table::Capacity,
    topology::{FallbackOrder, Machine, Memory, Rules, Tunables, Watermarks},
};

/// The state of a machine between two operations: the inputs and results of a rebuild.
///
/// A state never changes, and clones share it. [`State::after`] computes the next one, so an error has no effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State(pub(super) Shared<StateData>);

impl State {
    /// A machine that has booted: its lists are those of the last build while it booted
    /// ([`BootBuild`](super::BootBuild)), which without memory devices is [`FallbackOrder::at_boot`].
    ///
    /// CPUs are online where the machine says that their node has one.
    ///
    /// # Errors
    /// The machine has no sizes or its blocks contradict them. Or it has blocks, and the description leaves open which
    /// zone has some of the frames ([`UnknownOwner`](crate::zone::UnknownOwner)).
    pub fn booted(machine: Machine, blocks: MemoryBlocks, rules: Rules) -> Result<Self, MemoryBlocksError> {
        Ok(Self(or_abort(StateData::booted(machine, blocks, rules)?.and_then(Shared::new))))
    }

    /// Replaces watermarks and reserves by recorded ones, for a machine whose boot computed them from sizes that were
    /// not yet final. A zone keeps its values if its recorded reserves are not one for each of the machine's kinds.
    #[must_use]
    pub fn with_watermarks(self, recorded: impl Fn(ZoneId) -> Option<(Watermarks, alloc::vec::Vec<u64>)>) -> Self {
        let mut data = or_abort(self.0.try_clone());
        data.set_watermarks(recorded);
        Self(or_abort(Shared::new(data)))
    }

    /// The state after an operation, and what the operation changed.
    ///
    /// Cost: a copy of the state; with a rebuild also that of [`FallbackOrder::build`].
    ///
    /// # Errors
    /// Those of Linux, under its conditions ([`HotplugError::errno`]); or the heap has no room for the state.
    pub fn after(&self, operation: &Operation) -> Result<(Self, Change), HotplugError> {
        let mut next = self.0.try_clone()?;
        let change = match *operation {
            Operation::Online { block, to } => next.online_block(block, to)?,
            Operation::Offline { block } => next.offline_block(block)?,
            Operation::CpuOnline { cpu } => next.online_cpu(cpu)?,
            Operation::CpuOffline { cpu } => next.offline_cpu(cpu)?,
            Operation::Set(ref setting) => next.set(setting)?,
            Operation::AddNode(node) => next.add_node(node)?,
            Operation::AddBlocks { node, first, count } => next.add_blocks(node, first, count)?,
            Operation::RemoveBlocks { first, count } => next.remove_blocks(first, count)?,
            Operation::RemoveNode(node) => next.remove_node(node)?,
        };
        Ok((Self(Shared::new(next)?), change))
    }

    /// The machine as it booted: its possible nodes, distances and CPUs.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// Nodes that are online.
    #[must_use]
    pub fn online(&self) -> &NodeSet {
        &self.0.online
    }

    /// Nodes with a CPU online.
    #[must_use]
    pub fn has_cpu(&self) -> &NodeSet {
        &self.0.has_cpu
    }

    /// Nodes with memory.
    #[must_use]
    pub fn has_memory(&self) -> &NodeSet {
        &self.0.has_memory
    }

    /// The populated zones, ascending.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = ZoneInfo<'_>> {
        self.0.zones()
    }

    /// Sizes of the populated zones, and the tunables.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// The tunables.
    #[must_use]
    pub fn tunables(&self) -> &Tunables {
        &self.0.memory.tunables
    }

    /// The memory blocks that the machine was described with or got later, ascending: memory that it booted with is
    /// among them only if the description lists its blocks.
    #[must_use]
    pub fn blocks(&self) -> &[MemoryBlock] {
        &self.0.blocks.list
    }

    /// The block of that number.
    ///
    /// # Errors
    /// There is no such block.
    pub fn block(&self, number: BlockId) -> Result<&MemoryBlock, HotplugError> {
        self.0.blocks.list.get(self.0.position(number)?).ok_or(HotplugError::NoSuchBlock { block: number })
    }

    /// The zone kind that memory policies apply to.
    #[must_use]
    pub fn policy_zone(&self) -> ZoneKind {
        self.0.policy_zone
    }

    /// The fallback order as last built.
    #[must_use]
    pub fn fallback_order(&self) -> &FallbackOrder {
        &self.0.fallback_order
    }

    /// The zonelists as last built.
    #[must_use]
    pub fn lists(&self) -> &Zonelists {
        &self.0.lists
    }

    /// Room for the lists of every later state: a zone of each kind on every possible node.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let nodes = self.machine().nodes();
        let node_count = nodes.last().map_or(0, |node| node.index() + 1);
        // Below the limits of a capacity: `Machine` has checked the number of nodes and kinds.
        Capacity::new(node_count, nodes.len() * self.memory().kinds.len()).unwrap_or(Capacity::MAX)
    }
}
