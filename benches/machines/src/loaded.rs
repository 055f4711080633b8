//! A machine in memory, with the other contents of its source.

use std::path::Path;

use zonelist_core::topology::{Machine, Rules, VoidDistances};

use crate::{
    record::MachineRecord,
    warning::{Concern, Warning},
};

/// A machine, with the other contents of its source.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The machine.
    pub machine: Machine,
    /// What the source lacks or contradicts.
    pub warnings: Vec<Warning>,
    /// Why the source has no usable sizes of zones, if a file or a value is the reason.
    pub no_sizes: Option<String>,
    /// The kernel of the machine, as its source names it.
    pub kernel: Option<String>,
    /// The validated machine file, if that was the source.
    pub record: Option<MachineRecord>,
}

impl Loaded {
    /// The warnings on which a fallback order may depend, under these rules.
    pub fn warnings_of_orders(&self, rules: Rules) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(move |warning| warning.applies(&self.machine, rules))
    }
}

impl Loaded {
    /// The machine of a machine file.
    pub(crate) fn of_record(file: &Path, record: MachineRecord) -> Self {
        let machine = record.machine().clone();
        let fault = machine.distances().firmware_fault().filter(|_| !is_numa_fake(&record));
        let warning = |VoidDistances { row, column, distance }| {
            let message = format!(
                "distance[{row}][{column}] is {distance}, which Linux accepts from no firmware; taken as the distance that \
                 a running kernel uses"
            );
            Warning::new(file, Concern::EveryList, message)
        };
        Self {
            machine,
            warnings: fault.map(warning).into_iter().collect(),
            no_sizes: None,
            kernel: record.file().kernel.clone(),
            record: Some(record),
        }
    }
}

/// True if the kernel made several nodes of one, all at distance 10: by its command line, or as nodes share a CPU.
fn is_numa_fake(record: &MachineRecord) -> bool {
    let mut options = record.file().boot_options.split_ascii_whitespace();
    options.any(|option| option.starts_with("numa=fake"))
        || record.machine().cpus().values().any(|nodes| nodes.len() > 1)
}
