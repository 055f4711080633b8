//! The oracle's operations and outcomes, in the terms of a machine file.

use std::collections::BTreeMap;

use zonelist_machines::{BlockRecord, Kind, MemoryBlockState, RecordedOperation, Sysctl, ZoneRecord};

use super::tables::{BlockRow, Built, Oracle};

/// An operation of an administrator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// Writes a word to the state file of a memory block.
    Block {
        /// The block's number.
        block: u64,
        /// The value written.
        word: String,
        /// True if the block has a page that can't be migrated.
        pinned: bool,
        /// The choice of the `auto-movable` policy; ignored without that policy.
        policy_zone_choice: Option<Kind>,
    },
    /// Takes a CPU online or offline.
    Cpu {
        /// The CPU's number.
        cpu: u32,
        /// True if it is online afterwards.
        online: bool,
    },
    /// Writes a sysctl.
    Sysctl {
        /// Its name.
        name: String,
        /// The value written.
        value: String,
    },
    /// Brings a node without memory and CPUs online.
    AddNode(u32),
    /// Plugs in memory blocks, which are offline at first.
    AddBlocks {
        /// The node that they belong to.
        node: u32,
        /// The number of the first block.
        first: u64,
        /// The count of blocks.
        count: u64,
    },
    /// Unplugs offline memory blocks.
    RemoveBlocks {
        /// The number of the first block.
        first: u64,
        /// The count of blocks.
        count: u64,
    },
    /// Takes a node without memory and CPUs offline.
    RemoveNode(u32),
}

/// The result of an operation, and the whole state after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// `ok`, or the name of the error.
    pub(crate) result: &'static str,
    /// All fallback orders, if any was built.
    pub(crate) fallback_order: Option<BTreeMap<u32, Vec<u32>>>,
    /// The count of nodes online, if any row was built.
    pub(crate) built: Option<u64>,
    /// The pages above the high watermarks, if any row was built.
    pub(crate) total_pages: Option<u64>,
    /// The policy zone, if any row was built.
    pub(crate) policy_zone: Option<Kind>,
    /// The tunables.
    pub(crate) sysctl: Sysctl,
    /// The populated zones, by node and then by kind.
    pub(crate) zones: Vec<ZoneRecord>,
    /// Every memory block, ascending.
    pub(crate) blocks: Vec<BlockRecord>,
    /// Nodes online.
    pub(crate) online: Vec<u32>,
    /// Nodes with a CPU online.
    pub(crate) has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub(crate) has_memory: Vec<u32>,
}

impl Op {
    /// The operation of a recorded step, unless it is a note.
    pub(crate) fn of(recorded: &RecordedOperation, pinned: bool) -> Option<Self> {
        match recorded.clone() {
            RecordedOperation::Block { block, word, zone } => {
                Some(Self::Block { block, word, pinned, policy_zone_choice: zone })
            }
            RecordedOperation::Cpu { cpu, online } => Some(Self::Cpu { cpu, online }),
            RecordedOperation::Sysctl { name, value } => Some(Self::Sysctl { name, value }),
            RecordedOperation::Note => None,
        }
    }
}

impl Oracle {
    /// The current state, as the outcome of an operation with this result.
    pub(crate) fn outcome(&self, result: &'static str, built: Option<Built>) -> Outcome {
        let zones = (0..self.zones.len()).filter(|&zone| self.present(zone) > 0);
        Outcome {
            result,
            fallback_order: built.map(|_| self.rows.clone()),
            built: built.map(|built| built.0),
            total_pages: built.map(|built| built.1),
            policy_zone: built.map(|_| self.policy_zone),
            sysctl: self.sysctl.clone(),
            zones: zones.map(|zone| self.recorded_zone(zone)).collect(),
            blocks: self.blocks.iter().map(recorded_block).collect(),
            online: self.online.clone(),
            has_cpu: self.has_cpu(),
            has_memory: self.has_memory(),
        }
    }

    /// A zone in the form of a machine file.
    fn recorded_zone(&self, zone: usize) -> ZoneRecord {
        let row = &self.zones[zone];
        let (start_pfn, end) = row.span.unwrap();
        ZoneRecord {
            node: row.node,
            kind: row.kind,
            start_pfn,
            spanned: end - start_pfn,
            present: self.present(zone),
            managed: self.managed(zone),
            min: Some(row.min),
            low: Some(row.low),
            high: Some(row.high),
            protection: Some(row.protection.clone()),
        }
    }
}

/// A block in the form of a machine file.
fn recorded_block(block: &BlockRow) -> BlockRecord {
    let state = if block.online { MemoryBlockState::Online } else { MemoryBlockState::Offline };
    BlockRecord { block: block.number, node: block.node, state, zone: block.zone }
}
