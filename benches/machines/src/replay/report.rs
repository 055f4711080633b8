//! The result of a replay.

use serde::{Serialize, Serializer};
use zonelist_schemes::allocator::AllocatorError;

use super::difference::Difference;
use crate::{
    error::ReadError,
    record::{Boot, Step},
    release::{LinuxRules, RulesWarning},
};

/// The outcomes of a record's steps on our machine, and where they differ.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Replay {
    /// The machine's name.
    pub name: String,
    /// The release whose rules were followed.
    #[serde(serialize_with = "as_text")]
    pub rules: LinuxRules,
    /// The note that these rules are assumed, if they are.
    #[serde(skip)]
    pub assumed: Option<RulesWarning>,
    /// The boot: node states, and what the builds of zonelists logged.
    pub boot: Boot,
    /// The machine as it booted, in the form of a step for each of these builds.
    #[serde(skip)]
    pub boot_steps: Vec<Step>,
    /// Every step with an operation, with our outcome.
    pub steps: Vec<Step>,
    /// Keys with another value in the record.
    pub differences: Vec<Difference>,
    /// The count of recorded figures, names and states that were compared.
    #[serde(skip)]
    pub compared: usize,
    /// The count of steps for which a page of the block was allocated and pinned: the record has a pinned page there,
    /// and boot allocated none.
    #[serde(skip)]
    pub pinned: usize,
    /// The count of steps with a recorded pinned page whose block boot memory keeps online.
    #[serde(skip)]
    pub kept_by_boot: usize,
}

fn as_text<S: Serializer>(rules: &LinuxRules, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(rules)
}

/// Replays of several machines.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub struct Replays(pub Vec<Replay>);

/// A record that can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record lacks what hotplug needs.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Our machine can't be set up for it.
    #[error("{machine}: {error}")]
    SetUp {
        /// The machine's name.
        machine: String,
        /// The reason.
        #[source]
        error: AllocatorError,
    },
}
