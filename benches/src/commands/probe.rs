//! `zonelist probe`, hidden: one loop of one contender, for valgrind to count.

use std::process::ExitCode;

use super::CommandError;
use crate::{instructions::Probe, schemes::UnknownScheme};

/// What `zonelist probe` is asked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scheme's name, or `raw`.
    #[arg(long)]
    contender: String,
    /// Which loop.
    #[arg(long)]
    probe: Probe,
    /// How often.
    #[arg(long)]
    loops: usize,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let sum = self.probe.run(&self.contender, self.loops).ok_or(CommandError::Scheme(UnknownScheme))??;
        // Whoever counts wants nothing printed; the sum is kept from being optimised away.
        std::hint::black_box(sum);
        Ok(ExitCode::SUCCESS)
    }
}
