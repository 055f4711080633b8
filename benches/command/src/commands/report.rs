//! `zonelist report`: the page of a results file, without a measurement.

use std::{path::PathBuf, process::ExitCode};

use crate::{compare::page, error::CommandError};

/// Arguments of `zonelist report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file that `zonelist compare --results` has written.
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// The folder of the page, which is made if it does not exist.
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        page::write_from_file(&self.results, &self.folder)?;
        Ok(ExitCode::SUCCESS)
    }
}
