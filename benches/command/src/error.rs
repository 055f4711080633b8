//! The error of a subcommand.

use zonelist_contenders::{
    consistency::PressureError, contender::ContenderError, growth::lines::LinesError, load::LoadError,
};
use zonelist_machines::{ReadError, replay::ReplayError};
use zonelist_pools::{RoundError, WorkloadError};
use zonelist_schemes::allocator::AllocatorError;

use crate::{
    compare::{SampleError, page::PageError},
    output::OutputError,
};

/// A subcommand that failed; the exit code of the process is 2.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The machine can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The report can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A scheme can't be set up for this machine.
    #[error(transparent)]
    SetUp(#[from] ContenderError),
    /// A process that times reads failed.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The page can't be written.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The record can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An allocator can't be set up, or refuses a free.
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
    /// A scheme failed under load.
    #[error(transparent)]
    Pressure(#[from] PressureError),
    /// A measurement under load failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A count of cache lines failed.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// Threads can't be pinned to CPUs.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// Runs can't be compared.
    #[error(transparent)]
    Runs(#[from] crate::agreement::RunsError),
    /// A workload failed.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A storm failed.
    #[error(transparent)]
    #[cfg(target_os = "linux")]
    Storm(#[from] crate::storm::StormError),
    /// The machine is not suitable for a storm.
    #[error("{machine}: {error}")]
    #[cfg(target_os = "linux")]
    Site {
        /// The machine's name.
        machine: String,
        /// The reason.
        error: crate::storm::SiteError,
    },
    /// The machine's source has no memory blocks.
    #[error("{machine}: no memory blocks; expected a source that has them, such as a recorded machine")]
    InvalidBlocks {
        /// The machine's name.
        machine: String,
    },
    /// The machine's source has no sizes to compute watermarks from.
    #[error(
        "{machine}: no sizes of zones{}; expected a source that has sizes and tunables, such as a recorded machine",
        .reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"))
    )]
    NoSizes {
        /// The machine's name.
        machine: String,
        /// The file or value that is the reason, if the source has one.
        reason: Option<String>,
    },
}
