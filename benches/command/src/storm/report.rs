//! What storms came to, for programs and for people.

use std::fmt;

use serde::Serialize;
use zonelist_core::publish::{Facts, Guarantee};

use super::{Counts, Outcome};
use crate::compare::{as_text, count, table};

/// Storms under several schemes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the machine is called.
    pub machine: String,
    /// How long each was to take.
    pub seconds: f64,
    /// A storm each.
    pub schemes: Vec<SchemeReport>,
}

/// One storm.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// The scheme's name.
    pub scheme: &'static str,
    /// What its walks may show.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// What was done.
    #[serde(flatten)]
    pub counts: Counts,
    /// Walks beside it.
    pub walks: u64,
    /// Of them, those that left a zone out.
    pub missed: u64,
    /// Those that showed a zone twice.
    pub repeated: u64,
    /// Those that showed nothing though every version has something.
    pub empty: u64,
    /// Those that were torn and not told so.
    pub unreported: u64,
    /// What is wrong, in words: empty if nothing is.
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
            wrong: wrong(facts.guarantee, outcome),
        }
    }
}

impl Report {
    /// Whether every storm proved something, and nothing bad.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.schemes.iter().all(|scheme| scheme.wrong.is_empty())
    }
}

/// What a storm must not come to, and what it must have done to show that it did not.
fn wrong(guarantee: Guarantee, Outcome { counts, walks }: &Outcome) -> Vec<String> {
    let wrongful = if guarantee == Guarantee::Racy { 0 } else { counts.wrongful_failures };
    let bad = [
        (counts.patterns_damaged, "pages were damaged"),
        (counts.pages_lost, "pages were lost"),
        (wrongful, "requests were refused though a zone that no version lacks was never asked"),
        (walks.violations, "walks broke the guarantee"),
    ];
    let needed = [
        (counts.toggles, "successful toggle"),
        (counts.refused, "refused toggle"),
        (counts.migrations, "migration"),
        (counts.fallbacks, "pressure: no page came from another node"),
        (walks.walks, "walk"),
    ];
    let bad = bad.into_iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("{many} {what}"));
    let none =
        needed.into_iter().filter(|(many, _)| *many == 0).map(|(_, what)| format!("no {what}; it proved nothing"));
    bad.chain(none).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, seconds, schemes } = self;
        writeln!(
            f,
            "A block of machine {machine} off and on line under pressure, for {seconds} s under each scheme.\n"
        )?;
        let columns = [
            "scheme",
            "guarantee",
            "toggles",
            "refused",
            "moved",
            "allocations",
            "elsewhere",
            "failed",
            "wrongly",
            "walks",
            "missed",
            "repeated",
            "empty",
            "untold",
            "damaged",
            "lost",
        ];
        let mut table = table(&columns);
        for it in schemes {
            let counts = [
                it.counts.toggles,
                it.counts.refused,
                it.counts.migrations,
                it.counts.allocations,
                it.counts.fallbacks,
                it.counts.failures,
                it.counts.wrongful_failures,
                it.walks,
                it.missed,
                it.repeated,
                it.empty,
                it.unreported,
                it.counts.patterns_damaged,
                it.counts.pages_lost,
            ];
            table.add_row([it.scheme.to_owned(), it.guarantee.to_string()].into_iter().chain(counts.map(count)));
        }
        writeln!(f, "{table}")?;
        writeln!(
            f,
            "Toggles: times that the block went off or on line; refused: that it could not, for a page pinned or in \
             use.\nMoved: pages that went to another node with it. Elsewhere: allocations that another node had to \
             serve; failed: that\nnone did, wrongly: of them those that never asked a zone which every version of the \
             list has. Missed, repeated,\nempty: walks beside it that left a zone out, showed one twice, or nothing; \
             untold: those that were torn and\ndid not say so. Damaged: pages with another pattern than was \
             written; lost: those that did not come back."
        )?;
        if let Some(it) = schemes.iter().find(|it| it.scheme == "InPlace") {
            let Self { seconds, .. } = self;
            writeln!(
                f,
                "\nInPlace is what went through this experiment in 2017 \"without any unexpected behavior\", by eye. \
                 Here, in {seconds} s: {} toggles,\n{} walks that missed a zone, {} that met one twice, {} that met \
                 none; {} requests refused wrongly.",
                it.counts.toggles, it.missed, it.repeated, it.empty, it.counts.wrongful_failures
            )?;
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
        SchemeReport::new(&Facts { guarantee, ..*SchemeId::all()[0].facts() }, &outcome).wrong
    }

    #[test]
    fn whatever_is_wrong_is_named() {
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
        assert!(judged(Guarantee::Racy, bad[2]).is_empty(), "shown, but no failure");
        assert_eq!(judged(Guarantee::Racy, bad[0]).len(), 1);
    }

    #[test]
    fn a_storm_that_left_something_out_proved_nothing() {
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
