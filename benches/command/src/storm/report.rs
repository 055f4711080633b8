//! The report of storms, as text and as JSON.

use std::fmt;

use comfy_table::Table;
use serde::Serialize;
use zonelist_core::publish::{Facts, Guarantee};

use super::outcome::{Counts, Outcome};
use crate::{
    output::as_text,
    table::{count, table, wrapped},
};

/// The report of storms under several schemes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine's name.
    pub machine: String,
    /// The time of each storm, in seconds.
    pub seconds: f64,
    /// One report for each scheme.
    pub schemes: Vec<SchemeReport>,
}

/// The report of one storm.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The guarantee for its walks.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// What the threads did.
    #[serde(flatten)]
    pub counts: Counts,
    /// Walks of the checker.
    pub walks: u64,
    /// Walks that missed a zone.
    pub missed: u64,
    /// Walks that showed a zone twice.
    pub repeated: u64,
    /// Walks that were empty though every version has an entry.
    pub empty: u64,
    /// Torn walks that did not report it.
    pub unreported: u64,
    /// Messages of failed checks; empty on success.
    pub wrong: Vec<String>,
}

impl SchemeReport {
    /// Judges a storm.
    #[must_use]
    pub fn new(facts: &Facts, outcome: &Outcome) -> Self {
        let Outcome { counts, walks } = outcome;
        Self {
            scheme: facts.scheme,
            guarantee: facts.guarantee,
            counts: *counts,
            walks: walks.walks,
            missed: walks.missed,
            repeated: walks.repeated,
            empty: walks.empty,
            unreported: walks.unreported,
            wrong: failed_checks(facts.guarantee, outcome),
        }
    }
}

impl Report {
    /// True if no check of any storm failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.schemes.iter().all(|scheme| scheme.wrong.is_empty())
    }
}

/// The failed checks: damage that must not occur, and events without which a storm proves nothing.
fn failed_checks(guarantee: Guarantee, Outcome { counts, walks }: &Outcome) -> Vec<String> {
    let wrongful = if guarantee == Guarantee::Racy { 0 } else { counts.wrongful_failures };
    let bad = [
        (counts.patterns_damaged, "pages were damaged"),
        (counts.pages_lost, "pages were lost"),
        (wrongful, "requests were refused without a try of a zone that is on every version"),
        (walks.violations, "walks broke the guarantee"),
    ];
    let needed = [
        (counts.toggles, "successful toggle"),
        (counts.refused, "refused toggle"),
        (counts.migrations, "migration"),
        (counts.fallbacks, "fallback to another node"),
        (walks.walks, "walk"),
    ];
    let bad = bad.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let none =
        needed.into_iter().filter(|(count, _)| *count == 0).map(|(_, what)| format!("no {what}; it proved nothing"));
    bad.chain(none).collect()
}

/// What the columns of the first table are.
const REQUESTS: &str = "Toggles: times that the block went offline or online; refused: attempts that failed at a page \
                        pinned or in use. Moved: pages that migrated out of the block. Elsewhere: allocations that \
                        another node served; failed: that no node served; wrongly: of those, requests that never tried \
                        a zone which is on every version of the list.";

/// What the columns of the second table are.
const WALKS: &str = "Missed, repeated, empty: walks that missed a zone, showed one twice, or were empty; unreported: torn \
                     walks that did not report it. Damaged: pages whose pattern had changed; lost: pages that were not \
                     free at the end.";

impl Report {
    /// What happened to the block and to requests.
    fn requests(&self) -> Table {
        let columns = ["toggles", "refused", "moved", "allocations", "elsewhere", "failed", "wrongly"];
        self.table(&columns, |it| {
            let counts = &it.counts;
            [
                counts.toggles,
                counts.refused,
                counts.migrations,
                counts.allocations,
                counts.fallbacks,
                counts.failures,
                counts.wrongful_failures,
            ]
        })
    }

    /// What walks showed, and what became of the pages.
    fn walks(&self) -> Table {
        let columns = ["walks", "missed", "repeated", "empty", "unreported", "damaged", "lost"];
        self.table(&columns, |it| {
            let SchemeReport { walks, missed, repeated, empty, unreported, ref counts, .. } = *it;
            [walks, missed, repeated, empty, unreported, counts.patterns_damaged, counts.pages_lost]
        })
    }

    fn table<const N: usize>(&self, columns: &[&str; N], counts: impl Fn(&SchemeReport) -> [u64; N]) -> Table {
        let mut table = table(&[&["scheme", "guarantee"], &columns[..]].concat());
        for it in &self.schemes {
            let names = [it.scheme.to_owned(), it.guarantee.to_string()];
            table.add_row(names.into_iter().chain(counts(it).map(count)));
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, seconds, schemes } = self;
        let what = format!(
            "A memory block of machine {machine} goes offline and online under pressure, for {seconds} s under each scheme."
        );
        writeln!(f, "{}\n\n{}\n{}\n", wrapped(&what), self.requests(), wrapped(REQUESTS))?;
        writeln!(f, "{}\n{}", self.walks(), wrapped(WALKS))?;
        if let Some(it) = schemes.iter().find(|it| it.scheme == "InPlace") {
            let said = format!(
                "InPlace is the scheme that passed this experiment in 2017 \"without any unexpected behavior\", as seen by \
                 eye. Here, in {seconds} s: {} toggles, {} walks that missed a zone, {} that showed one twice, {} that \
                 were empty; {} requests refused wrongly.",
                it.counts.toggles, it.missed, it.repeated, it.empty, it.counts.wrongful_failures
            );
            writeln!(f, "\n{}", wrapped(&said))?;
        }
        for it in schemes {
            it.wrong.iter().try_for_each(|wrong| writeln!(f, "{}: {wrong}", it.scheme))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zonelist_core::conformance::Tally;

    use super::*;
    use zonelist_schemes::SchemeId;

    fn judged(guarantee: Guarantee, change: impl FnOnce(&mut Outcome)) -> Vec<String> {
        let counts =
            Counts { toggles: 9, refused: 9, migrations: 9, allocations: 9, fallbacks: 9, ..Counts::default() };
        let mut outcome = Outcome { counts, walks: Tally { walks: 9, ..Tally::default() } };
        change(&mut outcome);
        SchemeReport::new(&SchemeId::all()[0].facts().guarantee(guarantee), &outcome).wrong
    }

    #[test]
    fn each_failed_check_has_a_message() {
        assert!(judged(Guarantee::Snapshot, |_| ()).is_empty());
        let bad: [fn(&mut Outcome); 4] = [
            |it| it.counts.patterns_damaged = 7,
            |it| it.counts.pages_lost = 7,
            |it| it.counts.wrongful_failures = 7,
            |it| it.walks.violations = 7,
        ];
        for change in bad {
            let wrong = judged(Guarantee::Detected, change);
            assert!(matches!(&wrong[..], [one] if one.starts_with("7 ")), "{wrong:?}");
        }
        assert!(judged(Guarantee::Racy, bad[2]).is_empty(), "counted, but no failed check");
        assert_eq!(judged(Guarantee::Racy, bad[0]).len(), 1);
    }

    #[test]
    fn a_storm_without_a_needed_event_proves_nothing() {
        let left_out: [fn(&mut Outcome); 5] = [
            |it| it.counts.toggles = 0,
            |it| it.counts.refused = 0,
            |it| it.counts.migrations = 0,
            |it| it.counts.fallbacks = 0,
            |it| it.walks.walks = 0,
        ];
        for leave_out in left_out {
            let wrong = judged(Guarantee::Racy, leave_out);
            assert!(matches!(&wrong[..], [one] if one.ends_with("it proved nothing")), "{wrong:?}");
        }
    }
}
