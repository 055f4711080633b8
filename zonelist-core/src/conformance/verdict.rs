//! The verdict on one walk, and the counts of many verdicts.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{cmp::Ordering, fmt, iter::Sum, ops::AddAssign};

use super::Walked;
use crate::{Zoneref, publish::Guarantee, zonelist::ZonelistsRef};

/// How a walk differs from its candidates: the versions that it may have seen, each after the walk's request.
///
/// A walk is exact if it equals one candidate, or a prefix of one if the walk was left early. Every other walk is torn,
/// and may have one or more of the other defects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Verdict {
    /// The walk is not exact.
    pub torn: bool,
    /// The walk lacks a zone that every candidate has. In a walk that was left early, the zone must be before the
    /// walk's last zone in every candidate.
    pub missed: bool,
    /// The walk shows a zone twice.
    pub repeated: bool,
    /// The walk shows a zone that no candidate has.
    pub phantom: bool,
    /// Two zones are in the opposite sequence to every candidate that has both, and at least one candidate has both.
    pub disordered: bool,
    /// A full walk shows no zone, though no candidate is empty.
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

    /// The walk's defects, one word each; empty if the walk is exact.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let Self { torn, missed, repeated, phantom, disordered, empty } = *self;
        let all = [missed, repeated, phantom, disordered, empty];
        let named = all.into_iter().zip(["missed", "repeated", "phantom", "disordered", "empty"]);
        let words: Vec<_> = named.filter_map(|(is, word)| is.then_some(word)).collect();
        if torn && words.is_empty() { Vec::from(["mixed"]) } else { words }
    }

    /// True if a scheme of this guarantee may show such a walk. `reported` is what `must_retry` returned for it.
    #[must_use]
    pub fn is_within(&self, guarantee: Guarantee, reported: bool) -> bool {
        match guarantee {
            Guarantee::Snapshot => !self.torn && !reported,
            Guarantee::Detected => !self.torn || reported,
            Guarantee::Racy => !self.phantom && !reported,
        }
    }
}

/// A candidate's zones, each with its position.
struct Candidate(BTreeMap<u32, usize>);

impl Candidate {
    fn new(list: impl Iterator<Item = Zoneref>) -> Self {
        Self(list.map(Zoneref::word).zip(0..).collect())
    }

    fn position(&self, entry: Zoneref) -> Option<usize> {
        self.0.get(&entry.word()).copied()
    }
}

/// A torn walk, with its candidates.
struct Torn<'a> {
    seen: &'a [Zoneref],
    full: bool,
    candidates: &'a [Candidate],
}

impl Torn<'_> {
    fn verdict(&self) -> Verdict {
        let Self { seen, full, candidates } = *self;
        let shown: BTreeSet<u32> = seen.iter().map(|entry| entry.word()).collect();
        let known = |entry| candidates.iter().any(|candidate| candidate.position(entry).is_some());
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
        // A zone that every candidate has is among the first candidate's.
        let Some((one, others)) = self.candidates.split_first() else { return false };
        let due = |candidate: &Candidate, zone: u32| {
            let position = candidate.0.get(&zone);
            let last = self.seen.last().and_then(|&last| candidate.position(last));
            position.is_some_and(|&position| self.full || last.is_some_and(|last| position < last))
        };
        let everywhere = |zone| due(one, zone) && others.iter().all(|candidate| due(candidate, zone));
        one.0.keys().any(|&zone| !shown.contains(&zone) && everywhere(zone))
    }

    fn disordered(&self) -> bool {
        // For each candidate, its position of each entry that the walk shows.
        let positions =
            |candidate: &Candidate| self.seen.iter().map(|&entry| candidate.position(entry)).collect::<Vec<_>>();
        let positions: Vec<Vec<Option<usize>>> = self.candidates.iter().map(positions).collect();
        // Most torn walks have the sequence of some candidate, which takes linear time to see; all pairs take quadratic
        // time.
        let in_order = |positions: &&Vec<Option<usize>>| positions.iter().flatten().is_sorted();
        let whole = |positions: &Vec<Option<usize>>| positions.iter().all(Option::is_some);
        if positions.iter().all(|positions| in_order(&positions)) || positions.iter().filter(in_order).any(whole) {
            return false;
        }
        let reversed = |a: usize, b: usize| {
            let mut comparisons =
                positions.iter().filter_map(|positions| Some(positions[a]?.cmp(&positions[b]?))).peekable();
            comparisons.peek().is_some() && comparisons.all(Ordering::is_gt)
        };
        (0..self.seen.len()).any(|b| (0..b).any(|a| reversed(a, b)))
    }
}

/// Counts of walks by verdict. A walk with two defects counts in both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[expect(missing_docs, reason = "each field counts the verdict of its name")]
pub struct Tally {
    /// All walks.
    pub walks: u64,
    pub torn: u64,
    pub missed: u64,
    pub repeated: u64,
    pub phantom: u64,
    pub disordered: u64,
    pub empty: u64,
    /// Walks for which `must_retry` returned true, torn or not.
    pub reported: u64,
    /// Torn walks for which `must_retry` returned false.
    pub unreported: u64,
    /// First zones that readers remembered. Each counts as a walk, which has to be exact under every guarantee.
    pub remembered: u64,
    /// Walks that the scheme's guarantee excludes.
    pub violations: u64,
}

impl Tally {
    /// Counts one walk: `reported` is what `must_retry` returned for it.
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
            remembered: 0,
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
        self.remembered += other.remembered;
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
        let Self {
            walks,
            torn,
            missed,
            repeated,
            phantom,
            disordered,
            empty,
            reported,
            unreported,
            remembered,
            violations,
        } = self;
        write!(f, "{walks} walks, ")?;
        if *remembered > 0 {
            write!(f, "{remembered} remembered, ")?;
        }
        write!(
            f,
            "{torn} torn ({reported} reported, {unreported} torn unreported): {missed} missed, \
             {repeated} repeated, {phantom} phantom, {disordered} disordered, {empty} empty; {violations} violations"
        )
    }
}
