//! Reports of the schemes' facts: all facts with the cards, or the table of docs/schemes.md.

use std::fmt;

use comfy_table::Table;
use serde::Serialize;
use serde_json::Value;
use zonelist_schemes::evidence::{Card, Sizes};

use crate::table::{indented, table, wrapped};

/// The facts and cards of schemes.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Report(pub Vec<Card>);

/// The facts in the tables of the text, a row for each scheme.
const TABLES: [&[&str]; 3] = [
    &["guarantee", "readers", "writer", "allocates", "stalled_reader", "retires"],
    &["registers", "interrupt_safe", "below_allocator", "after_fork", "tls_destructor"],
    &["no_std", "no_alloc"],
];

impl Report {
    /// A table of these facts, and of the sizes if it is the last one.
    fn table(&self, facts: &[&str]) -> Table {
        let has_sizes = facts == TABLES[TABLES.len() - 1];
        let mut header = vec!["scheme".to_owned()];
        header.extend(facts.iter().map(|fact| fact.replace('_', " ")));
        if has_sizes {
            header.extend(["crate", "bytes a reader", "bytes in all"].map(String::from));
        }
        let mut table = table(&header);
        for card in &self.0 {
            let mut row = vec![card.scheme.to_owned()];
            row.extend(facts.iter().map(|&fact| fact_text(card.facts.get(fact))));
            if has_sizes {
                let Sizes { reader_bytes, scheme_bytes } = card.sizes;
                row.extend([card.package.to_owned(), reader_bytes.to_string(), bytes(scheme_bytes)]);
            }
            table.add_row(row);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TABLES.iter().try_for_each(|facts| writeln!(f, "{}\n", self.table(facts)))?;
        let note = "Bytes with room for 8 nodes and lists of 24 zones; `versions`: a copy of the lists for each version \
                    in use. A dash: no test shows the fact. --json names the tests of all others.";
        writeln!(f, "{}", wrapped(note))?;
        for card in &self.0 {
            writeln!(f, "\n{}", card.scheme)?;
            // Each item of a card is one property, over several lines.
            for item in card.card.split("\n- ") {
                writeln!(f, "{}", indented("- ", "  ", item.trim_start_matches("- ")))?;
            }
        }
        Ok(())
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
    ("readers, until a walk is not torn", "readers"),
    ("a publish is", "writer"),
    ("uses the heap", "allocates"),
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

#[cfg(test)]
mod tests {
    use zonelist_schemes::evidence::FACTS;

    use super::*;

    #[test]
    fn the_tables_of_the_text_have_every_fact_once() {
        let mut shown = TABLES.concat();
        let mut facts = FACTS.to_vec();
        shown.sort_unstable();
        facts.sort_unstable();
        assert_eq!(shown, facts);
    }
}
