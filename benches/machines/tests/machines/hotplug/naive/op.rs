//! What is done to the naive model, and what it answers, in the record's own terms.

use std::collections::BTreeMap;

use zonelist_machines::{Block, BlockState, Kind, Operation, Step, Sysctl, Zone};

use super::{BlockRow, Built, Naive};

/// One thing that an administrator does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    /// Writes a word to the state file of a memory block.
    Block {
        /// The block.
        block: u64,
        /// What is written.
        word: String,
        /// Whether it has a page that can't be moved away.
        pinned: bool,
        /// What the `auto-movable` policy chooses; of no meaning without that policy.
        policy_zone_choice: Option<Kind>,
    },
    /// Takes a CPU on or off line.
    Cpu {
        /// The CPU.
        cpu: u32,
        /// Whether it is online afterwards.
        online: bool,
    },
    /// Writes a sysctl.
    Sysctl {
        /// Its name.
        name: String,
        /// What is written.
        value: String,
    },
    /// Brings a node online that has nothing yet.
    AddNode(u32),
    /// Plugs in memory, which is offline at first.
    AddBlocks {
        /// The node that it belongs to.
        node: u32,
        /// The number of the first block.
        first: u64,
        /// How many blocks there are.
        count: u64,
    },
    /// Unplugs memory that is offline.
    RemoveBlocks {
        /// The number of the first block.
        first: u64,
        /// How many blocks go.
        count: u64,
    },
    /// Takes a node off line that has nothing left.
    RemoveNode(u32),
}

/// What came of an operation, and the whole state after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// `ok`, or the name of the error.
    pub(crate) result: &'static str,
    /// Every row there is, if any was built.
    pub(crate) fallback_order: Option<BTreeMap<u32, Vec<u32>>>,
    /// How many nodes were online, if any row was built.
    pub(crate) built: Option<u64>,
    /// The pages above the high marks, if any row was built.
    pub(crate) total_pages: Option<u64>,
    /// The policy zone, if any row was built.
    pub(crate) policy_zone: Option<Kind>,
    /// The tunables.
    pub(crate) sysctl: Sysctl,
    /// The populated zones, by node and then by kind.
    pub(crate) zones: Vec<Zone>,
    /// Every memory block, ascending.
    pub(crate) blocks: Vec<Block>,
    /// Nodes online.
    pub(crate) online: Vec<u32>,
    /// Nodes with a CPU online.
    pub(crate) has_cpu: Vec<u32>,
    /// Nodes with memory.
    pub(crate) has_memory: Vec<u32>,
}

impl Op {
    /// The operation of a recorded step, unless it is a note.
    pub(crate) fn of(step: &Step) -> Option<Self> {
        match step.operation().unwrap() {
            Operation::Block { block, word } => {
                Some(Self::Block { block, word: word.into(), pinned: step.pinned, policy_zone_choice: step.zone })
            }
            Operation::Cpu { cpu, online } => Some(Self::Cpu { cpu, online }),
            Operation::Sysctl { name, value } => Some(Self::Sysctl { name: name.into(), value: value.into() }),
            Operation::Note => None,
        }
    }
}

impl Naive {
    /// The state as it is now, after an operation with this result.
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

    /// A zone as a record has it.
    fn recorded_zone(&self, zone: usize) -> Zone {
        let row = &self.zones[zone];
        let (start_pfn, end) = row.span.unwrap();
        Zone {
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

/// A block as a record has it.
fn recorded_block(block: &BlockRow) -> Block {
    let state = if block.online { BlockState::Online } else { BlockState::Offline };
    Block { block: block.number, node: block.node, state, zone: block.zone }
}
