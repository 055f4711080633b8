//! Instructions of a read, counted by valgrind: the figure that holds on a noisy machine.
//!
//! A probe is this very program, told to do one loop of one contender so and so often. Two runs
//! that differ only in how often give the instructions of one read, loop included; all else
//! cancels out.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
    str::FromStr,
};

use zonelist_core::NodeId;

use crate::{
    compare::set_up,
    contender::{Contender, Peer, Raw, SetupError, by_hand, peers},
    schemes::{self, UnknownScheme},
    workload::synthetic,
};

/// What is probed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// The first zone of lists of eight.
    FirstZone,
    /// Whole walks of lists of 64.
    Walk64,
}

impl Probe {
    const NAMES: [(Self, &str); 2] = [(Self::FirstZone, "first-zone"), (Self::Walk64, "walk-64")];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(probe, _)| *probe == self).map_or("", |(_, name)| name)
    }

    /// Does the loop; `contender` is `raw`, a scheme's name, or one with [`BY_HAND`] behind it.
    ///
    /// # Errors
    /// The scheme can't be set up. A name that is no scheme's is `None`.
    pub fn run(self, contender: &str, loops: usize) -> Option<Result<u32, SetupError>> {
        let lists = synthetic(if self == Self::FirstZone { 8 } else { 64 });
        let made = match (contender.parse(), contender.strip_suffix(BY_HAND)) {
            (Ok(scheme), _) => set_up(scheme, lists.lists()),
            (Err(UnknownScheme), Some(scheme)) => Ok(by_hand(scheme, lists.lists(), schemes::asymmetric())?),
            (Err(UnknownScheme), None) if contender == "raw" => Ok(Box::new(Raw::new(lists.lists())) as _),
            (Err(UnknownScheme), None) => {
                Ok(peers(lists.lists()).into_iter().find_map(|Peer { name, floor, peer }| match contender {
                    _ if contender == name => Some(peer),
                    _ if contender.strip_prefix(RAW_FOR) == Some(name) => Some(floor),
                    _ => None,
                })?)
            }
        };
        let nodes: Vec<NodeId> = (0..READS as u16).filter_map(|i| NodeId::new(i % 2)).collect();
        let run = |mut contender: Box<dyn Contender>| {
            let mut once = || match self {
                Self::FirstZone => contender.independent(&nodes),
                Self::Walk64 => contender.full(&nodes),
            };
            (0..loops).fold(0, |sum: u32, _| sum.wrapping_add(once()))
        };
        Some(made.map(run))
    }
}

/// Behind a scheme's name: its twin by hand.
pub const BY_HAND: &str = " by hand";

/// Before a peer's name: the unprotected walk in its language.
pub const RAW_FOR: &str = "raw for ";

/// Reads of one loop of a probe.
const READS: usize = 256;

impl FromStr for Probe {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(probe, _)| *probe).ok_or_else(|| "expected first-zone or walk-64".into())
    }
}

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// There is no valgrind here.
    #[error("valgrind is not installed")]
    NoValgrind,
    /// Something else is wrong.
    #[error("valgrind on {contender}: {why}")]
    Failed {
        /// What was counted.
        contender: String,
        /// What went wrong.
        why: String,
    },
}

/// Instructions of one read of a contender, by running the `zonelist` command under valgrind.
///
/// # Errors
/// There is no valgrind, or it fails.
pub fn count(zonelist: &Path, contender: &str, probe: Probe) -> Result<f64, CountError> {
    const LOOPS: [usize; 2] = [50, 150];
    let [few, many] = LOOPS.map(|loops| total(zonelist, contender, probe, loops));
    Ok((many? - few?) as f64 / ((LOOPS[1] - LOOPS[0]) * READS) as f64)
}

fn total(zonelist: &Path, contender: &str, probe: Probe, loops: usize) -> Result<i64, CountError> {
    let failed = |why: String| CountError::Failed { contender: contender.into(), why };
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(zonelist);
    valgrind.args(["probe", "--contender", contender, "--probe", probe.name(), "--loops", &loops.to_string()]);
    let run = valgrind.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => CountError::NoValgrind,
        _ => failed(error.to_string()),
    })?;
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.filter(|_| run.status.success()).ok_or_else(|| failed(said.into_owned()))
}
