//! The report of soak tests, as text and as JSON.

use std::fmt;

use serde::Serialize;
use zonelist_core::publish::{Facts, Guarantee};

use super::outcome::{Leftovers, Outcome};
use crate::{
    output::as_text,
    table::{count, table, wrapped},
};

/// The report of all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The time of each run, in seconds.
    pub seconds: f64,
    /// The seed of what each thread did.
    pub seed: u64,
    /// One report for each scheme and number of threads.
    pub runs: Vec<RunReport>,
}

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The scheme's name.
    pub scheme: &'static str,
    /// The guarantee for its walks.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// Threads that allocated and freed blocks.
    pub threads: usize,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Messages of failed checks; empty on success.
    pub wrong: Vec<String>,
}

impl RunReport {
    /// Judges a run.
    #[must_use]
    pub fn new(facts: &Facts, threads: usize, outcome: Outcome) -> Self {
        let wrong = failed_checks(facts.guarantee, &outcome);
        Self { scheme: facts.scheme, guarantee: facts.guarantee, threads, outcome, wrong }
    }
}

impl Report {
    /// True if no check of any run failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.runs.iter().all(|run| run.wrong.is_empty())
    }
}

/// The failed checks: damage that must not occur, and events without which a run proves nothing.
fn failed_checks(guarantee: Guarantee, outcome: &Outcome) -> Vec<String> {
    let Outcome { counts, pages_doubled, left, first_doubled } = outcome;
    let &Leftovers { pages_lost, pages_gained, misdirected, zones_changed } = left;
    let wrongful = if guarantee == Guarantee::Racy { 0 } else { counts.wrongful_failures };
    let bad = [
        (*pages_doubled, "frames had two holders"),
        (pages_lost, "pages were lost"),
        (pages_gained, "free pages are more than the zones manage"),
        (misdirected, "misdirected frees were in per-CPU pages"),
        (zones_changed, "zones have other free blocks than at the start"),
        (counts.frees_refused, "frees were refused"),
        (counts.uncached_failed, "times a zone had per-CPU pages that should have had none"),
        (wrongful, "requests were refused though a zone could have served them"),
    ];
    let needed = [
        (counts.allocations, "allocation"),
        (counts.pages_drained, "page drained"),
        (counts.publishes, "publish"),
        (counts.remote_frees, "free by another thread"),
    ];
    let bad = bad.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let none =
        needed.into_iter().filter(|(count, _)| *count == 0).map(|(_, what)| format!("no {what}: it proved nothing"));
    bad.chain(none).chain(first_doubled.clone()).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Runs of {} s each, from seed {}.\n", self.seconds, self.seed)?;
        let columns = ["scheme", "threads", "allocations", "refused", "wrongly", "by others", "drained", "publishes"];
        let mut table = table(&[&columns[..], &["doubled", "lost"]].concat());
        for RunReport { scheme, threads, outcome: Outcome { counts, pages_doubled, left, .. }, .. } in &self.runs {
            let counts = [
                counts.allocations,
                counts.refused,
                counts.wrongful_failures,
                counts.remote_frees,
                counts.pages_drained,
                counts.publishes,
                *pages_doubled,
                left.pages_lost,
            ];
            table.add_row([scheme.to_string(), threads.to_string()].into_iter().chain(counts.map(count)));
        }
        writeln!(f, "{table}")?;
        let columns = "Allocations: blocks of all orders. Refused: requests that failed since memory ran out; wrongly: \
                       refused requests for a zone that never runs out. By others: blocks freed by a thread other than \
                       the one that allocated them. Drained: pages moved from other threads' per-CPU pages to their \
                       zones. Doubled: frames with two holders at once; lost: pages that were not free at the end.";
        writeln!(f, "{}", wrapped(columns))?;
        for RunReport { scheme, threads, wrong, .. } in &self.runs {
            wrong.iter().try_for_each(|wrong| writeln!(f, "{scheme}, {threads} threads: {wrong}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::outcome::Counts;
    use zonelist_schemes::SchemeId;

    fn sound() -> Outcome {
        let counts = Counts { allocations: 9, pages_drained: 9, publishes: 9, remote_frees: 9, ..Counts::default() };
        Outcome { counts, pages_doubled: 0, left: Leftovers::default(), first_doubled: None }
    }

    fn judged(guarantee: Guarantee, change: impl FnOnce(&mut Outcome)) -> Vec<String> {
        let mut outcome = sound();
        change(&mut outcome);
        let facts = SchemeId::all()[0].facts().guarantee(guarantee);
        RunReport::new(&facts, 2, outcome).wrong
    }

    #[test]
    fn each_failed_check_has_a_message() {
        let wrong = |change: fn(&mut Outcome)| judged(Guarantee::Racy, change);
        assert!(wrong(|_| ()).is_empty());
        let bad: [fn(&mut Outcome); 7] = [
            |it| it.pages_doubled = 7,
            |it| it.left.pages_lost = 7,
            |it| it.left.pages_gained = 7,
            |it| it.left.misdirected = 7,
            |it| it.left.zones_changed = 7,
            |it| it.counts.frees_refused = 7,
            |it| it.counts.uncached_failed = 7,
        ];
        for change in bad {
            assert!(matches!(&wrong(change)[..], [one] if one.starts_with("7 ")), "{:?}", wrong(change));
        }
    }

    #[test]
    fn a_run_without_a_needed_event_proves_nothing() {
        let left_out: [fn(&mut Counts); 4] =
            [|it| it.allocations = 0, |it| it.pages_drained = 0, |it| it.publishes = 0, |it| it.remote_frees = 0];
        for leave_out in left_out {
            let wrong = judged(Guarantee::Racy, |outcome| leave_out(&mut outcome.counts));
            assert!(matches!(&wrong[..], [one] if one.ends_with("it proved nothing")), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_racy_scheme_may_refuse_wrongly() {
        let wrong = |guarantee| judged(guarantee, |outcome| outcome.counts.wrongful_failures = 1).len();
        assert_eq!([Guarantee::Racy, Guarantee::Detected, Guarantee::Snapshot].map(wrong), [0, 1, 1]);
    }
}
