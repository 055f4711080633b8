//! `zonelist schemes`: every scheme's facts, as far as a test shows them.

use std::{fmt, process::ExitCode};

use serde::Serialize;
use serde_json::Value;

use super::CommandError;
use crate::{
    cli::SchemeArgs,
    compare::table,
    evidence::{Card, FACTS},
    output::OutputArgs,
};

/// What `zonelist schemes` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist schemes --scheme InPlace --json")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        self.output.write(&Report(self.schemes.chosen().into_iter().map(Card::of).collect()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The cards, in order.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Report(pub Vec<Card>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|card| card.scheme);
        let mut table = table(&["fact"].into_iter().chain(names).collect::<Vec<_>>());
        let row = |fact: &str, cell: &dyn Fn(&Card) -> String| {
            [fact.to_string()].into_iter().chain(self.0.iter().map(cell)).collect::<Vec<_>>()
        };
        table.add_row(row("crate", &|card| card.package.into()));
        for fact in FACTS {
            table.add_row(row(&fact.replace('_', " "), &|card| said(card.facts.get(fact))));
        }
        writeln!(f, "{table}")?;
        writeln!(f, "A dash: claimed by nobody, since no test shows it yet. The tests behind the rest: --json.")
    }
}

fn said(fact: Option<&Value>) -> String {
    match fact {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Bool(true)) => "yes".into(),
        Some(Value::Bool(false)) => "no".into(),
        _ => "-".into(),
    }
}
