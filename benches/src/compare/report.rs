//! What a comparison found, for programs and for people.

use std::{collections::BTreeMap, fmt};

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;
use zonelist_core::{
    conformance::Tally,
    publish::{Facts, Guarantee},
};

use super::{Timed, WALKS};

/// A read's cost, as medians over rounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Measure {
    /// Nanoseconds.
    pub ns: f64,
    /// To the floor in the same round.
    pub ratio: f64,
}

/// A read's cost, without ratio: the floor's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Floor {
    /// Nanoseconds.
    pub ns: f64,
}

/// What a publish takes while others walk, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct PublishCost {
    /// The median.
    pub ns: u64,
    /// One in a hundred takes longer.
    pub p99_ns: u64,
}

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerReport>,
}

/// A read that is not ours, to the unprotected walk in its own language.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// Its name.
    pub name: &'static str,
    /// That walk.
    pub raw: RawReport,
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
    /// A publish while others walk.
    pub publish: PublishCost,
    /// How often somebody published.
    pub publishes: u64,
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

fn as_text<S: serde::Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

impl RawReport {
    /// The floor's medians; `None` before the first round.
    #[must_use]
    pub fn new(timed: &Timed) -> Option<Self> {
        let floor = |measure: Measure| Floor { ns: measure.ns };
        Some(Self {
            first_zone: floor(timed.first?),
            first_zone_dependent: floor(timed.dependent?),
            full_walk: WALKS.into_iter().zip(timed.full.iter().map(|&full| floor(full))).collect(),
        })
    }
}

impl PeerReport {
    /// A peer's medians; `None` before the first round.
    #[must_use]
    pub fn new((name, raw, timed): (&'static str, Timed, Timed)) -> Option<Self> {
        Some(Self {
            name,
            raw: RawReport::new(&raw)?,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full.iter().copied()).collect(),
        })
    }
}

impl SchemeReport {
    /// A scheme's medians and counts; `None` before the first round.
    #[must_use]
    pub fn new(facts: &Facts, timed: &Timed, publish: PublishCost, publishes: u64, tally: Tally) -> Option<Self> {
        Some(Self {
            scheme: facts.scheme,
            guarantee: facts.guarantee,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full.iter().copied()).collect(),
            publish,
            publishes,
            tally: tally.into(),
            by_hand: timed.by_hand,
            to_hand: timed.to_hand,
        })
    }
}

impl Report {
    /// Whether every scheme kept to its guarantee.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.schemes.iter().all(|scheme| scheme.tally.violations == 0)
    }

    fn costs(&self) -> Table {
        let mut table = table(&["what a read costs", "first zone", "to by hand", "dependent", "walk 8", "64", "1024"]);
        let floor = |name: String, raw: &RawReport| {
            let mut row = vec![name, ns(raw.first_zone.ns), String::new(), ns(raw.first_zone_dependent.ns)];
            row.extend(raw.full_walk.values().map(|full| ns(full.ns)));
            row
        };
        table.add_row(floor("raw, in ns".into(), &self.raw));
        for scheme in &self.schemes {
            let to_hand = scheme.to_hand.map_or_else(String::new, ratio);
            let [first, dependent] = [scheme.first_zone, scheme.first_zone_dependent].map(|read| ratio(read.ratio));
            let full = scheme.full_walk.values().map(|full| ratio(full.ratio));
            table.add_row([scheme.scheme.to_string(), first, to_hand, dependent].into_iter().chain(full));
        }
        for peer in &self.peers {
            table.add_row(floor(format!("raw for {}, in ns", peer.name), &peer.raw));
            let [first, dependent] = [peer.first_zone, peer.first_zone_dependent].map(|read| ratio(read.ratio));
            let full = peer.full_walk.values().map(|full| ratio(full.ratio));
            table.add_row([peer.name.to_string(), first, String::new(), dependent].into_iter().chain(full));
        }
        table
    }

    fn consistency(&self) -> Table {
        let columns = ["what walks show", "guarantee", "walks", "missed", "repeated", "empty", "retried", "broken"];
        let mut table = table(&[&columns[..], &["publish", "p99"]].concat());
        for SchemeReport { scheme, guarantee, tally, publish, .. } in &self.schemes {
            let counts = [tally.walks, tally.missed, tally.repeated, tally.empty, tally.reported, tally.violations];
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
fn count(value: u64) -> String {
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
             Walk: all zones of lists of that length.\n"
        )?;
        writeln!(f, "{}", self.consistency())?;
        writeln!(
            f,
            "While one thread publishes without pause, taking a zone off the lists and putting it back. Missed: a \
             zone that was\nthere all the time is not seen; repeated: seen twice; empty: none seen at all, though \
             there was one; retried: the walk\nsays itself that it may be torn; broken: walks that the guarantee \
             rules out. Publish: the median, and the slowest 1 %."
        )
    }
}
