//! What the source of a machine lacks or contradicts, and what was taken instead.

use std::{fmt, path::Path};

use zonelist_core::topology::{Machine, Rules};

/// A fault of a source that leaves a machine to compute with: the file, the fault, and what was taken instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    file: String,
    message: String,
    concern: Concern,
}

/// The results that a fault may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Concern {
    /// The lists of all nodes.
    EveryList,
    /// The lists of offline nodes, and through their loads the lists of other nodes.
    OfflineLists,
}

impl Warning {
    pub(crate) fn new(file: &Path, concern: Concern, message: impl Into<String>) -> Self {
        Self { file: file.display().to_string(), message: message.into(), concern }
    }

    /// True if a fallback order of the machine may depend on the fault, under these rules.
    #[must_use]
    pub fn applies(&self, machine: &Machine, rules: Rules) -> bool {
        match self.concern {
            Concern::EveryList => true,
            // The order of one node has no ties and no alternatives.
            Concern::OfflineLists => rules.offline_nodes_have_lists && machine.has_memory().len() > 1,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}
