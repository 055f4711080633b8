//! What was done to a recorded machine after it had booted, and what came of it.

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ByNode, Problem,
    golden::{Block, Kind, Sysctl, Zone},
};

/// One operation, with the state after it where that was recorded.
///
/// What is not recorded is not written either.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub struct Step {
    /// What was done; [`Step::operation`] is this with its operands.
    pub op: String,
    /// The memory block it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The CPU it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// The sysctl it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was written to that sysctl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether the kernel had an unmovable page in the block.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// The zone that the kernel's own policy chose, where it had a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Kind>,
    /// `ok`, or the name of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The order of every node that has one, or recorded as `None`: nothing was rebuilt.
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
    pub zones: Option<Vec<Zone>>,
    /// The blocks that are no longer as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_changed: Option<Vec<Block>>,
    /// How many nodes' lists the rebuild logged as built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built: Option<u64>,
    /// The total that it logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_pages: Option<u64>,
    /// The policy zone that it logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_zone: Option<Kind>,
}

/// A key that is there with `null` is recorded, one that is missing is not.
fn recorded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation<'a> {
    /// Writes a word to the state file of a memory block.
    Block {
        /// The block.
        block: u64,
        /// `offline`, `online`, `online_kernel`, `online_movable`, or a word that is none of these.
        word: &'a str,
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
        /// Its name, without the folder.
        name: &'a str,
        /// What is written.
        value: &'a str,
    },
    /// A note of what went on, not for replay.
    Note,
}

impl Step {
    /// The operation with its operands.
    ///
    /// # Errors
    /// An operand is missing; the place is within the step.
    pub fn operation(&self) -> Result<Operation<'_>, Problem> {
        let missing = |operand| Problem::value(operand, "nothing", format!("the operand of `{}`", self.op));
        match self.op.as_str() {
            "toggle" | "other" => Ok(Operation::Note),
            op @ ("cpu_online" | "cpu_offline") => {
                Ok(Operation::Cpu { cpu: self.cpu.ok_or_else(|| missing("cpu"))?, online: op == "cpu_online" })
            }
            "sysctl" => Ok(Operation::Sysctl {
                name: self.name.as_deref().ok_or_else(|| missing("name"))?,
                value: self.value.as_deref().ok_or_else(|| missing("value"))?,
            }),
            word => Ok(Operation::Block { block: self.block.ok_or_else(|| missing("block"))?, word }),
        }
    }

    /// Whether it was done, so that marks and reserves were computed anew.
    #[must_use]
    pub fn recomputes(&self) -> bool {
        let done = self.result.as_deref() == Some("ok");
        done && match self.operation() {
            Ok(Operation::Block { .. }) => true,
            Ok(Operation::Sysctl { name, .. }) => name != "numa_zonelist_order",
            _ => false,
        }
    }
}
