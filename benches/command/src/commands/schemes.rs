//! `zonelist schemes`: every scheme's facts, as far as a test shows them.

use std::{fmt, process::ExitCode};

use serde::Serialize;
use serde_json::Value;
use zonelist_schemes::evidence::{Card, FACTS};

use super::CommandError;
use crate::{cli::SchemeArgs, compare::table, output::OutputArgs};

/// What `zonelist schemes` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zonelist schemes --scheme InPlace --json")]
pub struct Args {
    #[command(flatten)]
    schemes: SchemeArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// The table of the README.
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
        table.add_row(row("bytes a reader", &|card| card.sizes.reader_bytes.to_string()));
        table.add_row(row("bytes in all", &|card| bytes(card.sizes.scheme_bytes)));
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "Bytes with room for 8 nodes and lists of 24 zones; `versions`: one of each that is in use, as large"
        )?;
        writeln!(f, "as its lists. A dash: no test shows it. The tests behind the rest: --json.")?;
        self.0.iter().try_for_each(|card| write!(f, "\n{}\n{}", card.scheme, card.card))
    }
}

fn bytes(bytes: Option<usize>) -> String {
    bytes.map_or_else(|| "versions".into(), |bytes| bytes.to_string())
}

/// The facts that decide, a scheme a row, as Markdown has tables.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Markdown(pub Report);

/// What the columns are called, and the facts in them.
const COLUMNS: [(&str, &str); 11] = [
    ("guarantee", "guarantee"),
    ("readers", "readers"),
    ("a publish is", "writer"),
    ("reaches for the heap", "allocates"),
    ("in signal handlers", "interrupt_safe"),
    ("below a global allocator", "below_allocator"),
    ("after a fork", "after_fork"),
    ("registers readers", "registers"),
    ("frees what is retired", "retires"),
    ("kept for a stalled reader", "stalled_reader"),
    ("without std and heap", "no_std"),
];

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| writeln!(f, "| {} |", cells.join(" | "));
        let names = COLUMNS.map(|(name, _)| name.to_string());
        line(f, &[&["scheme".to_string()], &names[..], &["bytes".to_string()]].concat())?;
        writeln!(f, "|{}", "---|".repeat(COLUMNS.len() + 2))?;
        for card in &self.0.0 {
            let facts = COLUMNS.map(|(_, fact)| said(card.facts.get(fact)));
            line(f, &[&[format!("`{}`", card.scheme)], &facts[..], &[bytes(card.sizes.scheme_bytes)]].concat())?;
        }
        Ok(())
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
