//! What endurance runs found, for programs and for people.

use std::fmt;

use serde::Serialize;
use zonelist_core::publish::{Facts, Guarantee};

use super::Outcome;
use crate::{
    compare::{as_text, count, table},
    endure::Leftovers,
};

/// All runs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How long each was to take.
    pub seconds: f64,
    /// What it was drawn from.
    pub seed: u64,
    /// A run each.
    pub runs: Vec<RunReport>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The scheme's name.
    pub scheme: &'static str,
    /// What its walks may show.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// Threads that took and gave back pages.
    pub threads: usize,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What is wrong, in words: empty if nothing is.
    pub wrong: Vec<String>,
}

impl RunReport {
    /// Judges a run.
    #[must_use]
    pub fn new(facts: &Facts, threads: usize, outcome: Outcome) -> Self {
        let wrong = wrong(facts.guarantee, &outcome);
        Self { scheme: facts.scheme, guarantee: facts.guarantee, threads, outcome, wrong }
    }
}

impl Report {
    /// Whether every run proved something, and nothing bad.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.runs.iter().all(|run| run.wrong.is_empty())
    }
}

/// What a run must not come to, and what it must have done to show that it did not.
fn wrong(guarantee: Guarantee, outcome: &Outcome) -> Vec<String> {
    let Outcome { counts, pages_doubled, left, first_doubled } = outcome;
    let &Leftovers { pages_lost, pages_gained, strays, zones_changed } = left;
    let wrongful = if guarantee == Guarantee::Racy { 0 } else { counts.wrongful_failures };
    let bad = [
        (*pages_doubled, "frames were with two holders"),
        (pages_lost, "pages were lost"),
        (pages_gained, "pages too many came back"),
        (strays, "blocks were in caches that nobody had been given"),
        (zones_changed, "zones have other free blocks than at first"),
        (counts.frees_refused, "blocks were not taken back"),
        (counts.uncached_in_vain, "times a page was in a cache that should have had none"),
        (wrongful, "requests were refused though a zone could have served them"),
    ];
    let needed = [
        (counts.allocations, "allocation"),
        (counts.pages_drained, "page drained"),
        (counts.publishes, "publish"),
        (counts.remote_frees, "free by another thread"),
    ];
    let bad = bad.into_iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("{many} {what}"));
    let none =
        needed.into_iter().filter(|(many, _)| *many == 0).map(|(_, what)| format!("no {what}: it proved nothing"));
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
        writeln!(
            f,
            "Allocations: blocks of all sizes. Refused: requests in vain, as memory ran out; wrongly: of those for a \
             zone\nthat never does. By others: blocks given back by another thread than had taken them. Drained: \
             pages taken out of\nother threads' caches. Doubled: frames that two had at once; lost: pages that were \
             not back when all was over."
        )?;
        for RunReport { scheme, threads, wrong, .. } in &self.runs {
            wrong.iter().try_for_each(|wrong| writeln!(f, "{scheme}, {threads} threads: {wrong}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endure::Counts;
    use zonelist_schemes::SchemeId;

    fn sound() -> Outcome {
        let counts = Counts { allocations: 9, pages_drained: 9, publishes: 9, remote_frees: 9, ..Counts::default() };
        Outcome { counts, pages_doubled: 0, left: Leftovers::default(), first_doubled: None }
    }

    fn judged(guarantee: Guarantee, change: impl FnOnce(&mut Outcome)) -> Vec<String> {
        let mut outcome = sound();
        change(&mut outcome);
        let facts = Facts { guarantee, ..*SchemeId::all()[0].facts() };
        RunReport::new(&facts, 2, outcome).wrong
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        let wrong = |change: fn(&mut Outcome)| judged(Guarantee::Racy, change);
        assert!(wrong(|_| ()).is_empty());
        let bad: [fn(&mut Outcome); 7] = [
            |it| it.pages_doubled = 7,
            |it| it.left.pages_lost = 7,
            |it| it.left.pages_gained = 7,
            |it| it.left.strays = 7,
            |it| it.left.zones_changed = 7,
            |it| it.counts.frees_refused = 7,
            |it| it.counts.uncached_in_vain = 7,
        ];
        for change in bad {
            assert!(matches!(&wrong(change)[..], [one] if one.starts_with("7 ")), "{:?}", wrong(change));
        }
    }

    #[test]
    fn a_run_that_left_something_out_proved_nothing() {
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
