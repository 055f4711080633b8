//! Random histories, judged a second time by an oracle: the definitions, implemented literally.

use std::cell::Cell;

use proptest::{
    prelude::*,
    sample::subsequence,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use zonelist_core::{
    Request, ZoneKind, Zonelists, Zoneref,
    conformance::{History, Published, Span, Tally, Verdict, Walked},
    publish::{Guarantee, Version},
    topology::NodeSet,
    zonelist::Scope,
};

use super::{ZONES, entries, lists, node};

/// A walk, and the publishes by which it is judged.
#[derive(Clone, Debug)]
struct Case {
    /// `publishes[i]` published version `i + 1`.
    publishes: Vec<(Span, String)>,
    span: Span,
    request: Request,
    seen: Vec<Zoneref>,
    full: bool,
}

fn spans() -> impl Strategy<Value = Span> {
    (0u64..12, 0u64..6).prop_map(|(begin, lasts)| Span { begin, end: begin + lasts })
}

/// Some of the zones, in any order.
fn list() -> impl Strategy<Value = String> {
    let letters: Vec<char> = ZONES.iter().map(|zone| zone.0).collect();
    subsequence(letters, 0..=4).prop_shuffle().prop_map(String::from_iter)
}

fn requests() -> impl Strategy<Value = Request> {
    let nodes = prop::option::weighted(0.3, subsequence(vec![0, 1, 2, 3], 0..=4));
    let kinds = prop::sample::select(vec![ZoneKind::Dma, ZoneKind::Normal, ZoneKind::Movable, ZoneKind::Movable]);
    (any::<bool>(), kinds, nodes).prop_map(|(own, highest, nodes)| Request {
        scope: if own { Scope::ThisNode } else { Scope::Fallback },
        highest,
        nodes: nodes.map(|nodes| nodes.into_iter().map(node).collect::<NodeSet>()),
    })
}

/// The walk shows a list, parts of two lists, or any entries.
fn cases() -> impl Strategy<Value = Case> {
    // The lock is held at some moment within a publish's span, and versions have the sequence of these moments. In one
    // case of ten they have not, and then the publishes are mostly no history.
    let publish =
        (spans(), 0u64..6, list()).prop_map(|(span, into, list)| (span.end.min(span.begin + into), span, list));
    let publishes =
        (prop::collection::vec(publish, 0..5), prop::bool::weighted(0.9)).prop_map(|(mut publishes, sort)| {
            if sort {
                publishes.sort_by_key(|publish| publish.0);
            }
            publishes.into_iter().map(|(_, span, list)| (span, list)).collect::<Vec<_>>()
        });
    let letters: Vec<char> = ZONES.iter().map(|zone| zone.0).collect();
    let noise = prop::collection::vec(prop::sample::select(letters), 0..4);
    let picks = any::<[prop::sample::Index; 4]>();
    (publishes, spans(), requests(), noise, picks, 0..4, any::<bool>()).prop_map(
        |(publishes, span, request, noise, picks, how, full)| {
            let admitted = |list: &str| -> Vec<Zoneref> { listed(&lists(list), &request) };
            let pick = |i: usize| match publishes.len() {
                0 => Vec::new(),
                n => admitted(&publishes[picks[i].index(n)].1),
            };
            let (one, other) = (pick(0), pick(1));
            let cut = |list: &[Zoneref], i: usize| picks[i].index(list.len() + 1);
            let seen = match how {
                0 => one,
                1 => one[..cut(&one, 2)].to_vec(),
                2 => [&one[..cut(&one, 2)], &other[cut(&other, 3)..]].concat(),
                _ => entries(&String::from_iter(noise)),
            };
            Case { publishes, span, request, seen, full }
        },
    )
}

/// Node 0's list, after the request's filter.
fn listed(lists: &Zonelists, request: &Request) -> Vec<Zoneref> {
    let mut list = lists.lists().of(node(0), request.scope).to_vec();
    list.retain(|entry| request.admits(entry.zone()));
    list
}

/// "A version is current from the call of its publish to the return of the next one's. Its
/// candidates are the versions current at some time within" the walk's interval; V0 is empty.
fn candidates_of(case: &Case) -> Vec<Vec<Zoneref>> {
    let mut candidates = Vec::new();
    for version in 0..=case.publishes.len() {
        let called = if version == 0 { 0 } else { case.publishes[version - 1].0.begin };
        let next_returned = case.publishes.get(version).map_or(u64::MAX, |next| next.0.end);
        if (case.span.begin..=case.span.end).any(|time| called <= time && time <= next_returned) {
            let list = if version == 0 { "" } else { &case.publishes[version - 1].1 };
            candidates.push(listed(&lists(list), &case.request));
        }
    }
    candidates
}

/// True if some version's publish returned before that of a lower version was called.
fn contradicts(case: &Case) -> bool {
    let spans: Vec<Span> = case.publishes.iter().map(|publish| publish.0).collect();
    (0..spans.len()).any(|lower| spans[lower + 1..].iter().any(|higher| higher.end < spans[lower].begin))
}

/// The verdict by the definitions, each quoted at its implementation.
fn verdict_of(case: &Case) -> Verdict {
    let Case { seen: s, full, .. } = case;
    let full = *full;
    let candidates = candidates_of(case);
    let zones: Vec<Zoneref> = ZONES.iter().map(|zone| super::entry(zone.0)).collect();
    let position = |list: &[Zoneref], zone: Zoneref| list.iter().position(|&entry| entry == zone);

    // "equal to one candidate (a walk left early: a prefix of one)"
    let exact = candidates.iter().any(|candidate| if full { candidate == s } else { candidate.starts_with(s) });
    if exact {
        return Verdict::default();
    }
    // "a zone of every candidate is not in S; for a walk left early, one that stands before S's last
    // zone in every candidate"
    let missed = zones.iter().any(|&zone| {
        let of_every_candidate = candidates.iter().all(|candidate| candidate.contains(&zone));
        let before_the_last = |candidate: &Vec<Zoneref>| {
            s.last().is_some_and(|&last| match (position(candidate, zone), position(candidate, last)) {
                (Some(zone), Some(last)) => zone < last,
                _ => false,
            })
        };
        of_every_candidate && !s.contains(&zone) && (full || candidates.iter().all(before_the_last))
    });
    // "a zone twice"
    let repeated = zones.iter().any(|zone| s.iter().filter(|seen| *seen == zone).count() > 1);
    // "a zone of no candidate"
    let phantom = s.iter().any(|zone| candidates.iter().all(|candidate| !candidate.contains(zone)));
    // "two zones in the opposite sequence to every candidate that has both, and at least one has"
    let mut disordered = false;
    for i in 0..s.len() {
        for j in i + 1..s.len() {
            let positions = |candidate: &Vec<Zoneref>| Some((position(candidate, s[i])?, position(candidate, s[j])?));
            let having_both: Vec<_> = candidates.iter().filter_map(positions).collect();
            disordered |= s[i] != s[j] && !having_both.is_empty() && having_both.iter().all(|(a, b)| b < a);
        }
    }
    // "a full S is empty, no candidate is"
    let empty = full && s.is_empty() && candidates.iter().all(|candidate| !candidate.is_empty());
    Verdict { torn: true, missed, repeated, phantom, disordered, empty }
}

#[test]
fn the_checker_agrees_with_the_definitions_word_for_word() {
    let config = Config { cases: 20_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let (tally, contradictions) = (Cell::new(Tally::default()), Cell::new(0));
    let agrees = |case: Case| {
        let publish = |(version, (span, list)): (usize, &(Span, String))| Published {
            version: Version::of(version),
            span: *span,
            lists: lists(list),
        };
        let history = History::new((1..).zip(&case.publishes).map(publish).collect());
        prop_assert_eq!(history.is_err(), contradicts(&case));
        let Ok(history) = history else {
            contradictions.set(contradictions.get() + 1);
            return Ok(());
        };
        let candidates = history.candidates(case.span).map(|at| listed(&at.into(), &case.request));
        prop_assert_eq!(candidates.collect::<Vec<_>>(), candidates_of(&case));
        let walk = Walked { node: node(0), request: &case.request, span: case.span, seen: &case.seen, full: case.full };
        let verdict = history.judge(&walk);
        prop_assert_eq!(verdict, verdict_of(&case));
        let mut counted = tally.get();
        counted.count(verdict, false, Guarantee::Racy);
        tally.set(counted);
        Ok(())
    };
    runner.run(&cases(), agrees).unwrap();
    // Each verdict must occur often, or the comparison shows little.
    let Tally { walks, torn, missed, repeated, phantom, disordered, empty, .. } = tally.get();
    for (verdict, count) in [
        ("no history", contradictions.get()),
        ("exact", walks - torn),
        ("missed", missed),
        ("repeated", repeated),
        ("phantom", phantom),
        ("disordered", disordered),
        ("empty", empty),
    ] {
        assert!(count > 50, "{verdict}: only {count} of {walks}");
    }
}
