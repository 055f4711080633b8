//! Reports of the schemes' facts: all facts with the cards, or the table of docs/schemes.md.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use zonelist_schemes::evidence::{Card, FACTS};

use crate::table::table;

/// The facts and cards of schemes, one column each.
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
            table.add_row(row(&fact.replace('_', " "), &|card| fact_text(card.facts.get(fact))));
        }
        table.add_row(row("bytes a reader", &|card| card.sizes.reader_bytes.to_string()));
        table.add_row(row("bytes in all", &|card| bytes(card.sizes.scheme_bytes)));
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "Bytes with room for 8 nodes and lists of 24 zones; `versions`: a copy of the lists for each version in use."
        )?;
        writeln!(f, "A dash: no test shows the fact. --json names the tests of all others.")?;
        self.0.iter().try_for_each(|card| write!(f, "\n{}\n{}", card.scheme, card.card))
    }
}

/// The size of a scheme; `versions` if it depends on the versions in use.
fn bytes(bytes: Option<usize>) -> String {
    bytes.map_or_else(|| "versions".into(), |bytes| bytes.to_string())
}

/// The facts that decide between schemes, one row each, as a Markdown table.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Markdown(pub Report);

/// The titles of the columns, each with its fact.
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
            let facts = COLUMNS.map(|(_, fact)| fact_text(card.facts.get(fact)));
            line(f, &[&[format!("`{}`", card.scheme)], &facts[..], &[bytes(card.sizes.scheme_bytes)]].concat())?;
        }
        Ok(())
    }
}

/// The text of a fact; a dash if no test shows it.
fn fact_text(fact: Option<&Value>) -> String {
    match fact {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Bool(true)) => "yes".into(),
        Some(Value::Bool(false)) => "no".into(),
        _ => "-".into(),
    }
}
