//! Tests of the checker: each verdict by examples and near misses, and all verdicts at random.

mod candidates;
mod oracle;
mod tally;
mod verdicts;

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zonelists, Zoneref,
    conformance::{History, Published, Span, Verdict, Walked},
    publish::Version,
    zonelist::{NodeSpan, ZonelistsRef},
};

/// The zones by letter. Small letters are Movable zones of nodes 0 and 1, capital letters Normal zones of nodes 0 to 3.
const ZONES: [(char, ZoneKind, u16); 6] = [
    ('a', ZoneKind::Movable, 0),
    ('b', ZoneKind::Movable, 1),
    ('A', ZoneKind::Normal, 0),
    ('B', ZoneKind::Normal, 1),
    ('C', ZoneKind::Normal, 2),
    ('D', ZoneKind::Normal, 3),
];

const ANY: Request = Request::up_to(ZoneKind::Movable);
const KERNEL: Request = Request::up_to(ZoneKind::Normal);

fn node(number: u16) -> NodeId {
    NodeId::new(number).unwrap()
}

fn entry(letter: char) -> Zoneref {
    let (_, kind, on) = ZONES[ZONES.iter().position(|zone| zone.0 == letter).unwrap()];
    Zoneref::new(ZoneId::new(node(on), kind))
}

fn entries(letters: &str) -> Vec<Zoneref> {
    letters.chars().map(entry).collect()
}

/// Node 0's lists: the fallback list, of which the leading zones of node 0 are the this-node list.
fn lists(letters: &str) -> Zonelists {
    let zonerefs = entries(letters);
    let own = zonerefs.iter().take_while(|entry| entry.node() == node(0)).count().min(ZoneKind::COUNT);
    let rows = [NodeSpan { start: 0, len: zonerefs.len() as u32, own: own as u32 }];
    ZonelistsRef::new(&zonerefs, &rows).unwrap().into()
}

fn span(begin: u64, end: u64) -> Span {
    Span { begin, end }
}

/// A history of V1, V2, and so on: the span of each publish, and node 0's list.
fn history(publishes: &[(u64, u64, &str)]) -> History<Zonelists> {
    let publish = |(version, &(begin, end, list)): (usize, &(u64, u64, &str))| Published {
        version: Version::of(version),
        span: span(begin, end),
        lists: lists(list),
    };
    History::new((1..).zip(publishes).map(publish).collect()).unwrap()
}

/// A history in which a walk at [`AT_ONCE`] may have seen exactly these versions.
fn overlapping(candidates: &[&str]) -> History<Zonelists> {
    let publishes = candidates.iter().enumerate().map(|(i, &list)| if i == 0 { (0, 1, list) } else { (9, 11, list) });
    history(&publishes.collect::<Vec<_>>())
}

const AT_ONCE: Span = Span { begin: 10, end: 10 };

fn judge(history: &History<Zonelists>, span: Span, request: Request, seen: &str, full: bool) -> Verdict {
    let seen = entries(seen);
    history.judge(&Walked { node: node(0), request: &request, span, seen: &seen, full })
}

/// The verdict's words.
fn words(verdict: Verdict) -> String {
    let Verdict { torn, missed, repeated, phantom, disordered, empty } = verdict;
    let names = ["torn", "missed", "repeated", "phantom", "disordered", "empty"];
    let words = names.into_iter().zip([torn, missed, repeated, phantom, disordered, empty]).filter(|(_, is)| *is);
    let words: Vec<_> = words.map(|(name, _)| name).collect();
    if words.is_empty() { "exact".into() } else { words.join(" ") }
}

/// The verdict on a full walk, with these candidates.
fn full(candidates: &[&str], seen: &str) -> String {
    full_of(candidates, ANY, seen)
}

/// The verdict on a full walk by a request.
fn full_of(candidates: &[&str], request: Request, seen: &str) -> String {
    words(judge(&overlapping(candidates), AT_ONCE, request, seen, true))
}

/// The verdict on a walk that was left early.
fn left(candidates: &[&str], seen: &str) -> String {
    words(judge(&overlapping(candidates), AT_ONCE, ANY, seen, false))
}
