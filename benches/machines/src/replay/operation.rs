//! Recorded operations as operations of a running machine.

use zonelist_core::{
    hotplug::{BlockId, HotplugError, OnlineTo, Operation, Setting, State},
    topology::Rules,
};

use crate::record::{Kind, RecordedOperation};

/// The operation that corresponds to a recorded one on a machine in this state, by these rules; `None` for a note.
///
/// # Errors
/// The inner result has the error with which Linux refuses an operand before it does anything.
#[must_use]
pub fn operation_of(
    recorded: &RecordedOperation,
    state: &State,
    rules: Rules,
) -> Option<Result<Operation, HotplugError>> {
    Some(match recorded {
        RecordedOperation::Block { block, word, zone } => {
            state.block(BlockId::new(*block)).and_then(|_| write_to_state_file(*block, word, *zone))
        }
        RecordedOperation::Cpu { cpu, online: true } => Ok(Operation::CpuOnline { cpu: *cpu }),
        RecordedOperation::Cpu { cpu, online: false } => Ok(Operation::CpuOffline { cpu: *cpu }),
        RecordedOperation::Sysctl { name, value } => {
            Setting::parse(name, value, state.memory().kinds.len(), rules).map(Operation::Set)
        }
        RecordedOperation::Note => return None,
    })
}

/// The operation of a word that is written to a block's state file.
fn write_to_state_file(block: u64, word: &str, chosen: Option<Kind>) -> Result<Operation, HotplugError> {
    if word == "offline" {
        return Ok(Operation::Offline { block: BlockId::new(block) });
    }
    let to = match (word.parse()?, chosen) {
        // The policy's choice is an input if the record does not list the memory devices that it depends on.
        (OnlineTo::Auto, Some(kind)) => OnlineTo::Kind(kind.0),
        (to, _) => to,
    };
    Ok(Operation::Online { block: BlockId::new(block), to })
}
