//! What a comparison found, for programs and for people.

use std::{collections::BTreeMap, fmt};

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;
use zonelist_contenders::{
    consistency::{Consistency, PublishCost},
    timing::{Timed, WALKS},
};
use zonelist_core::{
    conformance::Tally,
    publish::{Facts, Guarantee},
};
use zonelist_schemes::measure::{Floor, Measure};

use super::Refusals;

/// A comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine whose lists were read and toggled.
    pub machine: String,
    /// Rounds of timed reads.
    pub rounds: usize,
    /// The floor.
    pub raw: RawReport,
    /// The schemes, the baseline first.
    pub schemes: Vec<SchemeReport>,
    /// What is not ours, if any was asked for when this was built.
    pub peers: Vec<PeerReport>,
}

/// A read that is not ours, to the unprotected walk in its own language.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// Its name.
    pub name: &'static str,
    /// That walk.
    pub raw: RawReads,
    /// The first zone, reads independent of each other.
    pub first_zone: Measure,
    /// The first zone, each read waiting for the one before.
    pub first_zone_dependent: Measure,
    /// Whole walks, by the list's length.
    pub full_walk: BTreeMap<usize, Measure>,
}

/// The floor: a walk of the same array, without a word to anybody.
#[derive(Clone, Debug, Serialize)]
pub struct RawReport {
    /// What its reads cost.
    #[serde(flatten)]
    pub reads: RawReads,
    /// An allocation of a single page and its free, through the page allocator.
    pub alloc_pair: Floor,
}

/// Reads that nothing protects.
#[derive(Clone, Debug, Serialize)]
pub struct RawReads {
    /// The first zone, reads independent of each other.
    pub first_zone: Floor,
    /// The first zone, each read waiting for the one before.
    pub first_zone_dependent: Floor,
    /// Whole walks, by the list's length.
    pub full_walk: BTreeMap<usize, Floor>,
}

/// One scheme.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// Its name.
    pub scheme: &'static str,
    /// What its walks may show.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// The first zone, reads independent of each other.
    pub first_zone: Measure,
    /// The first zone, each read waiting for the one before.
    pub first_zone_dependent: Measure,
    /// Whole walks, by the list's length.
    pub full_walk: BTreeMap<usize, Measure>,
    /// An allocation of a single page and its free, through the page allocator.
    pub alloc_pair: Measure,
    /// A publish while others walk.
    pub publish: PublishCost,
    /// How often somebody published.
    pub publishes: u64,
    /// Requests to an allocator while somebody publishes.
    pub allocations: u64,
    /// Of them, those that were refused though a zone that stood on the list all the time could have served.
    pub failed_allocations: u64,
    /// What the walks showed.
    #[serde(flatten)]
    pub tally: Counts,
    /// The first zone, read by hand-written code for this one use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Measure>,
    /// The first zone through the trait, to the same by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_hand: Option<f64>,
}

/// Totals of walks, by verdict; a walk with two verdicts counts in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[expect(missing_docs, reason = "each is the checker's count of its name")]
pub struct Counts {
    pub walks: u64,
    pub torn: u64,
    pub missed: u64,
    pub repeated: u64,
    pub phantom: u64,
    pub disordered: u64,
    pub empty: u64,
    pub reported: u64,
    pub unreported: u64,
    pub violations: u64,
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        let Tally { walks, torn, missed, repeated, phantom, disordered, empty, reported, unreported, violations } =
            tally;
        Self { walks, torn, missed, repeated, phantom, disordered, empty, reported, unreported, violations }
    }
}

/// As it is displayed.
pub(crate) fn as_text<S: serde::Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

impl RawReport {
    /// The floor's medians; `None` before the first round.
    #[must_use]
    pub fn new(timed: &Timed) -> Option<Self> {
        Some(Self { reads: RawReads::new(timed)?, alloc_pair: timed.pair?.floor() })
    }
}

impl RawReads {
    fn new(timed: &Timed) -> Option<Self> {
        Some(Self {
            first_zone: timed.first?.floor(),
            first_zone_dependent: timed.dependent?.floor(),
            full_walk: WALKS.into_iter().zip(timed.full.iter().map(|full| full.floor())).collect(),
        })
    }
}

impl PeerReport {
    /// A peer's medians; `None` before the first round.
    #[must_use]
    pub fn new((name, raw, timed): (&'static str, Timed, Timed)) -> Option<Self> {
        Some(Self {
            name,
            raw: RawReads::new(&raw)?,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full.iter().copied()).collect(),
        })
    }
}

impl SchemeReport {
    /// A scheme's medians and counts; `None` before the first round.
    #[must_use]
    pub fn new(facts: &Facts, timed: &Timed, walks: Consistency, requests: Refusals) -> Option<Self> {
        let Consistency { tally, publishes, publish } = walks;
        Some(Self {
            scheme: facts.scheme,
            guarantee: facts.guarantee,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full.iter().copied()).collect(),
            alloc_pair: timed.pair?,
            publish,
            publishes,
            allocations: requests.requests,
            failed_allocations: requests.failed,
            tally: tally.into(),
            by_hand: timed.by_hand,
            to_hand: timed.to_hand,
        })
    }

    /// Whether it kept to its guarantee: only under [`Guarantee::Racy`] may a request pass over a zone that stays.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.tally.violations == 0 && (self.guarantee == Guarantee::Racy || self.failed_allocations == 0)
    }
}

impl Report {
    /// Whether every scheme kept to its guarantee.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.schemes.iter().all(SchemeReport::holds)
    }

    fn costs(&self) -> Table {
        let mut table =
            table(&["what a read costs", "first zone", "to by hand", "dependent", "walk 8", "64", "1024", "alloc"]);
        let floor = |name: String, raw: &RawReads, pair: String| {
            let mut row = vec![name, ns(raw.first_zone.ns), String::new(), ns(raw.first_zone_dependent.ns)];
            row.extend(raw.full_walk.values().map(|full| ns(full.ns)));
            row.push(pair);
            row
        };
        table.add_row(floor("raw, in ns".into(), &self.raw.reads, ns(self.raw.alloc_pair.ns)));
        for scheme in &self.schemes {
            let to_hand = scheme.to_hand.map_or_else(String::new, ratio);
            let [first, dependent] = [scheme.first_zone, scheme.first_zone_dependent].map(|read| ratio(read.ratio));
            let rest = scheme.full_walk.values().chain([&scheme.alloc_pair]).map(|measure| ratio(measure.ratio));
            table.add_row([scheme.scheme.to_string(), first, to_hand, dependent].into_iter().chain(rest));
        }
        for peer in &self.peers {
            table.add_row(floor(format!("raw for {}, in ns", peer.name), &peer.raw, String::new()));
            let [first, dependent] = [peer.first_zone, peer.first_zone_dependent].map(|read| ratio(read.ratio));
            let full = peer.full_walk.values().map(|full| ratio(full.ratio));
            table.add_row(
                [peer.name.to_string(), first, String::new(), dependent].into_iter().chain(full).chain([String::new()]),
            );
        }
        table
    }

    fn consistency(&self) -> Table {
        let columns =
            ["what walks show", "guarantee", "walks", "missed", "repeated", "empty", "retried", "broken", "refused"];
        let mut table = table(&[&columns[..], &["publish", "p99"]].concat());
        for SchemeReport { scheme, guarantee, tally, failed_allocations, publish, .. } in &self.schemes {
            let counts = [tally.walks, tally.missed, tally.repeated, tally.empty, tally.reported, tally.violations];
            let counts = counts.into_iter().chain([*failed_allocations]);
            let mut row = vec![scheme.to_string(), guarantee.to_string()];
            row.extend(counts.map(count));
            row.extend([publish.ns, publish.p99_ns].map(duration));
            table.add_row(row);
        }
        table
    }
}

/// An empty table; every column but the first is aligned to the right.
#[must_use]
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn ns(value: f64) -> String {
    format!("{value:.2}")
}

fn ratio(value: f64) -> String {
    format!("{value:.2}x")
}

/// 12345678 as 12,345,678.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

fn duration(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Machine {}; reads are medians of {} interleaved rounds.\n", self.machine, self.rounds)?;
        writeln!(f, "{}", self.costs())?;
        writeln!(
            f,
            "Each scheme as a multiple of `raw`, a walk of the same array that nothing protects. First zone: a \
             read that the\nnearest zone serves, as most allocations are; to by hand: the same, as a multiple of \
             code written for this one use,\nwithout the trait; dependent: each read waits for the one before. \
             Walk: all zones of lists of that length.\nAlloc: a page \
             at hand is taken from the page allocator and given back.\n"
        )?;
        writeln!(f, "{}", self.consistency())?;
        writeln!(
            f,
            "While one thread publishes without pause, taking a zone off the lists and putting it back. Missed: a \
             zone that was\nthere all the time is not seen; repeated: seen twice; empty: none seen at all, though \
             there was one; retried: the walk\nsays itself that it may be torn; broken: walks that the guarantee \
             rules out; refused: allocations in vain, though a zone\nthat was there all the time could have served. \
             Publish: the median, and the slowest 1 %."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(guarantee: Guarantee, violations: u64, failed_allocations: u64) -> Report {
        let measure = Measure { ns: 1.0, ratio: 1.0 };
        let timed = Timed {
            first: Some(measure),
            dependent: Some(measure),
            by_hand: None,
            to_hand: None,
            full: vec![measure; WALKS.len()],
            pair: Some(measure),
        };
        let walks = Consistency {
            tally: Tally { violations, ..Tally::default() },
            publishes: 1,
            publish: PublishCost { ns: 1, p99_ns: 1 },
        };
        let requests = Refusals { requests: 10, failed: failed_allocations, publishes: 1 };
        let facts = Facts { guarantee, ..*zonelist_schemes::SchemeId::all()[0].facts() };
        let scheme = SchemeReport::new(&facts, &timed, walks, requests).unwrap();
        let raw = RawReport::new(&timed).unwrap();
        Report { machine: "none".into(), rounds: 1, raw, schemes: vec![scheme], peers: Vec::new() }
    }

    #[test]
    fn a_wrongly_refused_request_breaks_every_guarantee_but_one() {
        for guarantee in [Guarantee::Snapshot, Guarantee::Detected, Guarantee::Racy] {
            assert!(report(guarantee, 0, 0).holds());
            assert!(!report(guarantee, 1, 0).holds());
            assert_eq!(report(guarantee, 0, 1).holds(), guarantee == Guarantee::Racy);
        }
    }

    #[test]
    fn refusals_are_in_both_forms_of_the_report() {
        let report = report(Guarantee::Racy, 0, 7_654);
        assert!(report.to_string().contains(" 7,654 "), "{report}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["schemes"][0]["failed_allocations"], &json["schemes"][0]["allocations"]),
            (&7_654.into(), &10.into())
        );
    }
}
