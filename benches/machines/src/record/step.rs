//! Operations on a recorded machine after its boot, and their outcomes.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    by_node::ByNode,
    entries::{BlockRecord, Sysctl, ZoneRecord},
    kind::Kind,
};
use crate::error::Problem;

/// One operation, with the state after it where that was recorded.
///
/// Keys without a recorded value are not written either.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct Step {
    /// The operation's name; [`Step::operation`] is the operation with its operands.
    pub op: String,
    /// Operand: the number of a memory block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// Operand: the number of a CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Operand: the name of a sysctl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Operand: the value written to that sysctl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// True if the kernel found an unmovable page in the block.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// The zone that the kernel's own policy chose, where it had a choice. Not read if the file has `dimms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Kind>,
    /// `ok`, or the name of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The fallback order of every node that has one. `Some(None)` records that nothing was rebuilt.
    #[serde(default, deserialize_with = "recorded", skip_serializing_if = "Option::is_none")]
    pub fallback_order: Option<Option<ByNode<Vec<u32>>>>,
    /// Nodes online after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<Vec<u32>>,
    /// Nodes with a CPU online after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_cpu: Option<Vec<u32>>,
    /// Nodes with memory after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_memory: Option<Vec<u32>>,
    /// The tunables after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctl: Option<Sysctl>,
    /// The populated zones after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<ZoneRecord>>,
    /// The memory blocks that it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_changed: Option<Vec<BlockRecord>>,
    /// The count of nodes whose lists the rebuild logged as built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// The total of pages that the rebuild logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<u64>,
    /// The policy zone that the rebuild logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_zone: Option<Kind>,
}

/// Reads a present key with the value `null` as `Some(None)`; a missing key is `None`.
fn recorded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A step's operation with its operands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordedOperation {
    /// Writes a word to the state file of a memory block.
    Block {
        /// The block's number.
        block: u64,
        /// `offline`, `online`, `online_kernel`, `online_movable`, or an invalid word.
        word: String,
        /// The zone that the kernel's own policy chose, where it had a choice.
        zone: Option<Kind>,
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
        /// Its name, without the folder.
        name: String,
        /// The value written.
        value: String,
    },
    /// A remark of the recording, which a replay skips.
    Note,
}

impl Step {
    /// The operation with its operands.
    ///
    /// # Errors
    /// An operand is missing; the place is relative to the step.
    pub fn operation(&self) -> Result<RecordedOperation, Problem> {
        let missing = |operand| Problem::value(operand, "nothing", format!("the operand of `{}`", self.op));
        match self.op.as_str() {
            "toggle" | "other" => Ok(RecordedOperation::Note),
            op @ ("cpu_online" | "cpu_offline") => {
                let cpu = self.cpu.ok_or_else(|| missing("cpu"))?;
                Ok(RecordedOperation::Cpu { cpu, online: op == "cpu_online" })
            }
            "sysctl" => Ok(RecordedOperation::Sysctl {
                name: self.name.clone().ok_or_else(|| missing("name"))?,
                value: self.value.clone().ok_or_else(|| missing("value"))?,
            }),
            word => {
                let block = self.block.ok_or_else(|| missing("block"))?;
                Ok(RecordedOperation::Block { block, word: word.into(), zone: self.zone })
            }
        }
    }
}

impl RecordedOperation {
    /// True if the kernel recomputes watermarks and reserves after this operation, provided that it succeeds.
    #[must_use]
    pub fn recomputes_watermarks(&self) -> bool {
        match self {
            Self::Block { .. } => true,
            // This sysctl only accepts a word for compatibility and changes nothing.
            Self::Sysctl { name, .. } => name != "numa_zonelist_order",
            Self::Cpu { .. } | Self::Note => false,
        }
    }
}
