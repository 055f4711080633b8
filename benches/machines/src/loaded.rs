//! A machine in memory, with the other contents of its source.

use zonelist_core::topology::{Machine, VoidDistances};

use crate::record::MachineRecord;

/// A machine, with the other contents of its source.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The machine.
    pub machine: Machine,
    /// Why its distances differ from those of the source, if they do.
    pub warning: Option<VoidDistances>,
    /// The kernel of the machine, as its source names it.
    pub kernel: Option<String>,
    /// The validated machine file, if that was the source.
    pub record: Option<MachineRecord>,
}

impl From<MachineRecord> for Loaded {
    fn from(record: MachineRecord) -> Self {
        Self {
            machine: record.machine().clone(),
            warning: record.void_distances(),
            kernel: record.file().kernel.clone(),
            record: Some(record),
        }
    }
}
