//! `zonelist schemes`: the facts of every scheme, as far as a test shows them.

use std::process::ExitCode;

use zonelist_schemes::evidence::Card;

use crate::{
    arguments::SchemeArgs,
    error::CommandError,
    output::OutputArgs,
    schemes::{Markdown, Report},
};

/// Arguments of `zonelist schemes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist schemes --scheme InPlace --json")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// The table of docs/schemes.md.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let report = Report(self.schemes.chosen().into_iter().map(Card::of).collect());
        if self.markdown {
            self.output.write(&Markdown(report))?;
        } else {
            self.output.write(&report)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
