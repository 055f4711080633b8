//! The verdict on one walk, and the tally of many.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{cmp::Ordering, fmt, iter::Sum, ops::AddAssign};

use super::Walked;
use crate::{ZonelistsRef, Zoneref, publish::Guarantee};

/// What a walk was, beside the candidates: the versions it may have seen, each after the walk's
/// own request.
///
/// Exact is a walk that is one candidate, or a prefix of one if it was left early. Every other is
/// torn, and may be one or more of the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Not exact.
    pub torn: bool,
    /// A zone of every candidate is not there; in a walk left early, one that stands before the
    /// walk's last zone in every candidate.
    pub missed: bool,
    /// A zone is there twice.
    pub repeated: bool,
    /// A zone is there that no candidate has.
    pub phantom: bool,
    /// Two zones are in an order opposite to every candidate that has both, and one at least has.
    pub disordered: bool,
    /// A full walk shows nothing, though no candidate is empty.
    pub empty: bool,
}

impl Verdict {
    pub(super) fn of<'l>(walk: &Walked<'_>, candidates: impl Iterator<Item = ZonelistsRef<'l>> + Clone) -> Self {
        let admitted = |lists: ZonelistsRef<'l>| {
            let list = lists.of(walk.node, walk.request.scope);
            list.iter().copied().filter(|entry| walk.request.admits(entry.zone()))
        };
        let exact = |lists| {
            let mut rest = admitted(lists);
            walk.seen.iter().all(|&seen| rest.next() == Some(seen)) && !(walk.full && rest.next().is_some())
        };
        if candidates.clone().any(exact) {
            return Self::default();
        }
        let candidates: Vec<Candidate> = candidates.map(|lists| Candidate::new(admitted(lists))).collect();
        Torn { seen: walk.seen, full: walk.full, candidates: &candidates }.verdict()
    }

    /// What is wrong with it, a word each; nothing if it is exact.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let Self { torn, missed, repeated, phantom, disordered, empty } = *self;
        let all = [missed, repeated, phantom, disordered, empty];
        let named = all.into_iter().zip(["missed", "repeated", "phantom", "disordered", "empty"]);
        let words: Vec<_> = named.filter_map(|(is, word)| is.then_some(word)).collect();
        if torn && words.is_empty() { Vec::from(["mixed"]) } else { words }
    }

    /// Whether a scheme of this guarantee may show such a walk; `reported` is what `must_retry` returned.
    #[must_use]
    pub fn is_within(&self, guarantee: Guarantee, reported: bool) -> bool {
        match guarantee {
            Guarantee::Snapshot => !self.torn && !reported,
            Guarantee::Detected => !self.torn || reported,
            Guarantee::Racy => !self.phantom && !reported,
        }
    }
}

/// A candidate's zones, each with its place.
struct Candidate(BTreeMap<u32, usize>);

impl Candidate {
    fn new(list: impl Iterator<Item = Zoneref>) -> Self {
        Self(list.map(Zoneref::word).zip(0..).collect())
    }

    fn place(&self, entry: Zoneref) -> Option<usize> {
        self.0.get(&entry.word()).copied()
    }
}

/// A walk that is not exact, with its candidates.
struct Torn<'a> {
    seen: &'a [Zoneref],
    full: bool,
    candidates: &'a [Candidate],
}

impl Torn<'_> {
    fn verdict(&self) -> Verdict {
        let Self { seen, full, candidates } = *self;
        let shown: BTreeSet<u32> = seen.iter().map(|entry| entry.word()).collect();
        let known = |entry| candidates.iter().any(|candidate| candidate.place(entry).is_some());
        Verdict {
            torn: true,
            missed: self.missed(&shown),
            repeated: shown.len() < seen.len(),
            phantom: !seen.iter().all(|&entry| known(entry)),
            disordered: self.disordered(),
            empty: full && seen.is_empty() && candidates.iter().all(|candidate| !candidate.0.is_empty()),
        }
    }

    fn missed(&self, shown: &BTreeSet<u32>) -> bool {
        let Some((one, others)) = self.candidates.split_first() else { return false };
        let due = |candidate: &Candidate, zone: u32| {
            let there = candidate.0.get(&zone);
            let last = self.seen.last().and_then(|&last| candidate.place(last));
            there.is_some_and(|&there| self.full || last.is_some_and(|last| there < last))
        };
        let everywhere = |zone| due(one, zone) && others.iter().all(|candidate| due(candidate, zone));
        one.0.keys().any(|&zone| !shown.contains(&zone) && everywhere(zone))
    }

    fn disordered(&self) -> bool {
        let places = |candidate: &Candidate| self.seen.iter().map(|&entry| candidate.place(entry)).collect::<Vec<_>>();
        let places: Vec<Vec<Option<usize>>> = self.candidates.iter().map(places).collect();
        // Most torn walks are in some candidate's order, which is soon seen; pairs take long.
        let in_order = |places: &&Vec<Option<usize>>| places.iter().flatten().is_sorted();
        let whole = |places: &Vec<Option<usize>>| places.iter().all(Option::is_some);
        if places.iter().all(|places| in_order(&places)) || places.iter().filter(in_order).any(whole) {
            return false;
        }
        let against = |a: usize, b: usize| {
            let mut orders = places.iter().filter_map(|places| Some(places[a]?.cmp(&places[b]?))).peekable();
            orders.peek().is_some() && orders.all(Ordering::is_gt)
        };
        (0..self.seen.len()).any(|b| (0..b).any(|a| against(a, b)))
    }
}

/// How many walks there were, of each verdict. A walk with two verdicts counts in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each counts the verdict of its name")]
pub struct Tally {
    /// All walks.
    pub walks: u64,
    pub torn: u64,
    pub missed: u64,
    pub repeated: u64,
    pub phantom: u64,
    pub disordered: u64,
    pub empty: u64,
    /// Walks that reported that they may be torn.
    pub reported: u64,
    /// Torn walks that did not report it.
    pub unreported: u64,
    /// Walks that the scheme's guarantee rules out.
    pub violations: u64,
}

impl Tally {
    /// Counts one walk.
    pub fn count(&mut self, verdict: Verdict, reported: bool, guarantee: Guarantee) {
        let Verdict { torn, missed, repeated, phantom, disordered, empty } = verdict;
        *self += Self {
            walks: 1,
            torn: torn.into(),
            missed: missed.into(),
            repeated: repeated.into(),
            phantom: phantom.into(),
            disordered: disordered.into(),
            empty: empty.into(),
            reported: reported.into(),
            unreported: (torn && !reported).into(),
            violations: (!verdict.is_within(guarantee, reported)).into(),
        };
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.walks += other.walks;
        self.torn += other.torn;
        self.missed += other.missed;
        self.repeated += other.repeated;
        self.phantom += other.phantom;
        self.disordered += other.disordered;
        self.empty += other.empty;
        self.reported += other.reported;
        self.unreported += other.unreported;
        self.violations += other.violations;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut total, tally| {
            total += tally;
            total
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { walks, torn, missed, repeated, phantom, disordered, empty, reported, unreported, violations } = self;
        write!(
            f,
            "{walks} walks, {torn} torn ({reported} reported, {unreported} torn unreported): {missed} missed, \
             {repeated} repeated, {phantom} phantom, {disordered} disordered, {empty} empty; {violations} violations"
        )
    }
}
