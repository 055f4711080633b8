//! The subcommands: the arguments of each, and what it runs.

pub mod agreement;
pub mod alloc;
pub mod compare;
pub mod growth;
pub mod load;
pub mod machines;
pub mod order;
pub mod replay;
pub mod report;
pub mod schemes;
pub mod soak;
#[cfg(target_os = "linux")]
pub mod storm;
pub mod zoneinfo;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CommandError;

/// A subcommand with its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reader cost, update cost, allocation cost and consistency of every scheme. A bare call does the same.
    Compare(compare::Args),
    /// Slow reads, publishes and grace periods of every scheme while lists are published, and what a stalled reader costs.
    Load(load::Args),
    /// Times of reads and publishes by the number of zones, nodes, threads and readers, with fitted exponents.
    Growth(growth::Args),
    /// CPU time of page-frame allocators: ours over each scheme, and others.
    Alloc(alloc::Args),
    /// How far the figures of several runs of `compare` agree.
    Agreement(agreement::Args),
    /// The page of a results file: all figures and pictures. Needs the feature `report`.
    Report(report::Args),
    /// A soak test of the page allocator over each scheme: no page is lost, and none has two holders.
    #[command(name = "endure")]
    Soak(soak::Args),
    /// A memory block goes offline and online under memory pressure: no page is lost, and every walk is judged.
    #[cfg(target_os = "linux")]
    Storm(storm::Args),
    /// The fallback order of every node, at boot and after a rebuild.
    Order(order::Args),
    /// The zones with watermarks and lowmem reserves computed from their sizes.
    Zoneinfo(zoneinfo::Args),
    /// The recorded operations of a machine, repeated on ours: differences to what the kernel recorded.
    Replay(replay::Args),
    /// The built-in machines; with `--machine`, a picture of one machine.
    Machines(machines::Args),
    /// The schemes and their facts, as far as a test shows them.
    Schemes(schemes::Args),
}

impl Command {
    /// Runs the subcommand, and returns the exit code of the process.
    ///
    /// # Errors
    /// Bad input, or output that can't be written.
    pub fn run(&self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Compare(args) => args.run(),
            Self::Load(args) => args.run(),
            Self::Growth(args) => args.run(),
            Self::Alloc(args) => args.run(),
            Self::Agreement(args) => args.run(),
            Self::Report(args) => args.run(),
            Self::Soak(args) => args.run(),
            #[cfg(target_os = "linux")]
            Self::Storm(args) => args.run(),
            Self::Order(args) => args.run(),
            Self::Zoneinfo(args) => args.run(),
            Self::Replay(args) => args.run(),
            Self::Machines(args) => args.run(),
            Self::Schemes(args) => args.run(),
        }
    }
}
