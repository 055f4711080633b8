//! The site of a storm: the state of a machine, and the memory block that toggles.

use zonelist_core::{
    NodeId, ZoneKind,
    hotplug::{BlockId, MemoryBlockState, State},
};

/// The state of a machine, and the memory block that goes offline and online.
#[derive(Clone, Debug)]
pub struct Site {
    /// The state of the machine.
    pub state: State,
    /// The number of the block.
    pub block: BlockId,
    /// The block's node.
    pub node: NodeId,
}

/// A machine that is not suitable for a storm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what it is")]
pub enum SiteError {
    #[error(
        "no block that can go offline and online; expected an offline one of a node with memory, or one in Movable"
    )]
    NoBlock,
    #[error("no memory on any other node; expected some that pages can migrate to")]
    OneNode,
    #[error("no Movable zone kind; expected a machine that has it")]
    NoMovable,
}

impl Site {
    /// Selects the block: the last offline one of a node that has memory, else the last one in a Movable zone.
    ///
    /// # Errors
    /// No block is suitable, no other node has memory, or the machine has no Movable zone kind.
    pub fn of(state: State) -> Result<Self, SiteError> {
        if !state.memory().kinds.contains(&ZoneKind::Movable) {
            return Err(SiteError::NoMovable);
        }
        let last = |wanted: MemoryBlockState| {
            let mut blocks = state.blocks().iter().rev().filter(|block| block.state == wanted && !block.has_holes);
            let home = |node: &NodeId| state.has_memory().contains(*node);
            blocks.find_map(|block| Some((block.number, block.node.filter(home)?)))
        };
        let found = last(MemoryBlockState::Offline).or_else(|| last(MemoryBlockState::Online(ZoneKind::Movable)));
        let (block, node) = found.ok_or(SiteError::NoBlock)?;
        if state.has_memory().len() < 2 {
            return Err(SiteError::OneNode);
        }
        Ok(Self { state, block, node })
    }
}
