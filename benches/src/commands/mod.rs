//! The subcommands, a file each.

pub mod order;
pub mod zoneinfo;

use std::process::ExitCode;

use clap::Subcommand;

use crate::{machine::ReadError, output::OutputError};

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The fallback order of every node, at boot and as a rebuild gives it now.
    Order(order::Args),
    /// The zones with watermarks and lowmem reserves computed from their sizes.
    Zoneinfo(zoneinfo::Args),
}

/// Why a subcommand could not do its work; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The machine can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The report can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The machine's source has nothing to compute marks from.
    #[error("{machine}: no sizes of zones or no tunables; expected a source that has them, such as a recorded machine")]
    NoSizes {
        /// What the machine is called.
        machine: String,
    },
}

impl Command {
    /// Does it, and says how the process ends if it could be done.
    ///
    /// # Errors
    /// Bad input, or output that can't be written.
    pub fn run(&self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Order(args) => args.run(),
            Self::Zoneinfo(args) => args.run(),
        }
    }
}
