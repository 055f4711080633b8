//! `zonelist agreement`: how far the figures of several runs agree.

use std::{fs, io, path::PathBuf, process::ExitCode};

use crate::{
    agreement::{Runs, RunsError},
    error::CommandError,
    output::OutputArgs,
};

/// Arguments of `zonelist agreement`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  for run in 1 2 3 4 5 6 7 8 9 10; do zonelist compare --json run-$run.json; done
  zonelist agreement run-*.json")]
pub struct Args {
    /// Files that `zonelist compare --json` has written, two or more.
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let mut runs = Runs::default();
        for file in &self.files {
            let failed = |error: io::Error| RunsError::File { file: file.display().to_string(), error };
            let text = fs::read_to_string(file).map_err(failed)?;
            runs.add(&serde_json::from_str(&text).map_err(|error| failed(error.into()))?);
        }
        self.output.write(&runs.agreement().ok_or(RunsError::NoFigure)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
