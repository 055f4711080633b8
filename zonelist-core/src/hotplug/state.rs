//! A machine between two operations.

use super::{Block, Blocks, BlocksError, Change, HotplugError, Operation, data::Data};
use crate::{
    Capacity, FallbackOrder, Machine, Memory, NodeSet, Rules, Shared, Tunables, Watermarks, ZoneId, ZoneKind, ZoneSize,
    Zonelists, heap::or_abort,
};

/// A machine between two operations: everything that a rebuild looks at and makes.
///
/// A value, which clones share: [`State::after`] makes the next one and leaves this as it is, so that an error can't
/// have changed anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State(pub(super) Shared<Data>);

/// All that is known of one zone, of one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneInfo<'s> {
    /// Its size.
    pub size: &'s ZoneSize,
    /// Its marks, in pages.
    pub marks: Watermarks,
    /// The pages it holds back from requests of higher kinds, for each of the machine's kinds.
    pub reserve: &'s [u64],
}

impl State {
    /// A machine that has booted: its lists are those of [`FallbackOrder::at_boot`].
    ///
    /// CPUs are online where the machine says that their node has one.
    ///
    /// # Errors
    /// The machine has no sizes, its blocks contradict them, or there can be blocks and nothing says whose some frames
    /// are ([`UnknownOwner`](crate::UnknownOwner)).
    pub fn booted(machine: Machine, blocks: Blocks, rules: Rules) -> Result<Self, BlocksError> {
        Ok(Self(or_abort(Data::booted(machine, blocks, rules)?.and_then(Shared::new))))
    }

    /// Replaces marks and reserves, for a machine whose boot computed them from sizes that were not yet the last
    /// ones. A row of reserves that has not a column for each kind is left out.
    #[must_use]
    pub fn with_marks(self, recorded: impl Fn(ZoneId) -> Option<(Watermarks, alloc::vec::Vec<u64>)>) -> Self {
        let mut data = or_abort(self.0.try_clone());
        data.set_marks(recorded);
        Self(or_abort(Shared::new(data)))
    }

    /// The state after an operation, and what it changed.
    ///
    /// Cost: that of copying the state; with a rebuild that of [`FallbackOrder::build`].
    ///
    /// # Errors
    /// Those of Linux, under its conditions ([`HotplugError::errno`]); or the heap has no room for the state.
    pub fn after(&self, operation: &Operation) -> Result<(Self, Change), HotplugError> {
        let (next, change) = self.0.after(operation)?;
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

    /// The memory blocks, ascending.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.0.blocks.list
    }

    /// The block of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn block(&self, number: u64) -> Result<&Block, HotplugError> {
        self.0.blocks.list.get(self.0.position(number)?).ok_or(HotplugError::NoSuchBlock { block: number })
    }

    /// The zone kind that memory policies apply to.
    #[must_use]
    pub fn policy_zone(&self) -> ZoneKind {
        self.0.policy_zone
    }

    /// The fallback order as last built.
    #[must_use]
    pub fn order(&self) -> &FallbackOrder {
        &self.0.order
    }

    /// The zonelists as last built.
    #[must_use]
    pub fn lists(&self) -> &Zonelists {
        &self.0.lists
    }

    /// Room for the lists of whatever can come: a zone of each kind on every possible node.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let nodes = self.machine().nodes();
        let rows = nodes.last().map_or(0, |node| node.index() + 1);
        // Fewer than there can be zones in all: a machine's nodes and kinds are checked.
        Capacity::new(rows, nodes.len() * self.memory().kinds.len()).unwrap_or(Capacity::LARGEST)
    }
}
