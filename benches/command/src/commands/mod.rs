//! The subcommands, a file each.

pub mod alloc;
pub mod compare;
pub mod endure;
pub mod order;
pub mod replay;
pub mod schemes;
#[cfg(target_os = "linux")]
pub mod storm;
pub mod zoneinfo;

use std::process::ExitCode;

use clap::Subcommand;
use zonelist_contenders::{consistency::PressureError, contender::SetupError};
use zonelist_machines::{ReadError, replay::ReplayError};
use zonelist_pools::{RoundError, TrialError};
use zonelist_schemes::allocator::AllocatorError;

use crate::output::OutputError;

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reader cost, update cost, allocation cost and consistency of every scheme, side by side: what a bare call does.
    Compare(compare::Args),
    /// Allocators of page frames, side by side.
    Alloc(alloc::Args),
    /// The page allocator over each scheme, under all that can be done to it: no page is lost or doubled.
    Endure(endure::Args),
    /// A block goes off and on line under pressure, on every scheme: no page is lost, and every walk is judged.
    #[cfg(target_os = "linux")]
    Storm(storm::Args),
    /// The fallback order of every node, at boot and as a rebuild gives it now.
    Order(order::Args),
    /// The zones with watermarks and lowmem reserves computed from their sizes.
    Zoneinfo(zoneinfo::Args),
    /// What was done to a recorded machine, done to ours: differences to what the kernel recorded.
    Replay(replay::Args),
    /// The schemes and their facts, as far as a test shows them.
    Schemes(schemes::Args),
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
    /// A scheme can't be set up for this machine.
    #[error(transparent)]
    SetUp(#[from] SetupError),
    /// The record can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An allocator can't be set up, or takes no page back.
    #[error(transparent)]
    Allocator(#[from] AllocatorError),
    /// A scheme failed under load.
    #[error(transparent)]
    Pressure(#[from] PressureError),
    /// Threads can't be kept on their CPUs.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// An allocator failed.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A storm could not go on.
    #[error(transparent)]
    #[cfg(target_os = "linux")]
    Storm(#[from] crate::storm::StormError),
    /// There can be no storm on this machine.
    #[error("{machine}: {error}")]
    #[cfg(target_os = "linux")]
    Site {
        /// What the machine is called.
        machine: String,
        /// Why not.
        error: crate::storm::SiteError,
    },
    /// The machine's source knows of no memory blocks.
    #[error("{machine}: no memory blocks; expected a source that has them, such as a recorded machine")]
    NoBlocks {
        /// What the machine is called.
        machine: String,
    },
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
            Self::Compare(args) => args.run(),
            Self::Alloc(args) => args.run(),
            Self::Endure(args) => args.run(),
            #[cfg(target_os = "linux")]
            Self::Storm(args) => args.run(),
            Self::Order(args) => args.run(),
            Self::Zoneinfo(args) => args.run(),
            Self::Replay(args) => args.run(),
            Self::Schemes(args) => args.run(),
        }
    }
}
