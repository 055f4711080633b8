//! The report of a comparison, as text and as JSON.

use std::{collections::BTreeMap, fmt};

use comfy_table::Table;
use serde::Serialize;
use zonelist_contenders::{
    consistency::{Consistency, PublishCost},
    hits::{MEMORY_BYTES, RATES},
    timing::{Timed, WALKS},
};
use zonelist_core::{
    conformance::Tally,
    publish::{Facts, Guarantee},
};
use zonelist_schemes::measure::{BaselineCost, Measure};

use super::{peer_report::PeerReport, refusals::Refusals};
use crate::{
    output::as_text,
    table::{count, table},
};

/// The report of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine whose lists were read and published.
    pub machine: String,
    /// Rounds of timed reads.
    pub rounds: usize,
    /// The baseline.
    pub raw: RawReport,
    /// The schemes, stop-the-world first.
    pub schemes: Vec<SchemeReport>,
    /// The outside peers of this build.
    pub peers: Vec<PeerReport>,
}

/// The baseline: a walk of the same array that no protocol protects.
#[derive(Clone, Debug, Serialize)]
pub struct RawReport {
    /// The cost of its reads.
    #[serde(flatten)]
    pub reads: RawReads,
    /// An allocation of order 0 and its free, through the page allocator.
    pub alloc_pair: BaselineCost,
}

/// Reads that no protocol protects.
#[derive(Clone, Debug, Serialize)]
pub struct RawReads {
    /// Reads of the first zone, independent of each other.
    pub first_zone: BaselineCost,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: BaselineCost,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<usize, BaselineCost>,
}

/// The report of one scheme.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// The name.
    pub scheme: &'static str,
    /// The guarantee for its walks.
    #[serde(serialize_with = "as_text")]
    pub guarantee: Guarantee,
    /// Reads of the first zone, independent of each other.
    pub first_zone: Measure,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: Measure,
    /// Reads of the first zone that the reader remembers, independent of each other, as a ratio to the same walk.
    pub first_zone_remembered: Measure,
    /// The share of such reads that find the zone remembered, by publishes a second.
    pub remembered_hits: BTreeMap<u32, f64>,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<usize, Measure>,
    /// An allocation of order 0 and its free, through the page allocator.
    pub alloc_pair: Measure,
    /// A publish while other threads walk.
    pub publish: PublishCost,
    /// Publishes while walks were judged.
    pub publishes: u64,
    /// Requests to an allocator while another thread publishes.
    pub allocations: u64,
    /// Refused requests that a zone could have served which was on the list all the time.
    pub failed_allocations: u64,
    /// Verdicts on the walks.
    #[serde(flatten)]
    pub tally: Counts,
    /// Reads of the first zone by code that is hand-written for this one use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Measure>,
    /// Reads of the first zone through the trait, as a ratio to the hand-written code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_hand: Option<f64>,
}

/// Totals of walks by verdict. A walk with two verdicts counts in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[expect(missing_docs, reason = "each is the count of the same name in the checker's tally")]
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
    pub remembered: u64,
    pub violations: u64,
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        let Tally { walks, torn, missed, repeated, phantom, disordered, empty, .. } = tally;
        let Tally { reported, unreported, remembered, violations, .. } = tally;
        Self { walks, torn, missed, repeated, phantom, disordered, empty, reported, unreported, remembered, violations }
    }
}

impl RawReport {
    /// The baseline's medians; `None` before the first round.
    #[must_use]
    pub fn new(timed: &Timed) -> Option<Self> {
        Some(Self { reads: RawReads::new(timed)?, alloc_pair: timed.pair?.as_baseline() })
    }
}

impl RawReads {
    /// The medians of a baseline; `None` before the first round.
    #[must_use]
    pub fn new(timed: &Timed) -> Option<Self> {
        Some(Self {
            first_zone: timed.first?.as_baseline(),
            first_zone_dependent: timed.dependent?.as_baseline(),
            full_walk: WALKS.into_iter().zip(timed.full.iter().map(|full| full.as_baseline())).collect(),
        })
    }
}

impl SchemeReport {
    /// A scheme's medians and counts; `None` before the first round.
    #[must_use]
    pub fn new(
        facts: &Facts,
        timed: &Timed,
        walks: Consistency,
        requests: Refusals,
        remembered_hits: BTreeMap<u32, f64>,
    ) -> Option<Self> {
        let Consistency { tally, publishes, publish } = walks;
        Some(Self {
            scheme: facts.scheme,
            guarantee: facts.guarantee,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            first_zone_remembered: timed.remembered?,
            remembered_hits,
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

    /// True if the scheme kept its guarantee. Only under [`Guarantee::Racy`] may a request miss a zone that stays listed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.tally.violations == 0 && (self.guarantee == Guarantee::Racy || self.failed_allocations == 0)
    }
}

impl Report {
    /// True if every scheme kept its guarantee, and every peer's walks were exact.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.schemes.iter().all(SchemeReport::holds) && self.peers.iter().all(PeerReport::holds)
    }

    fn costs(&self) -> Table {
        let mut table = table(&[
            "what a read costs",
            "first zone",
            "remembered",
            "to by hand",
            "dependent",
            "walk 8",
            "64",
            "1024",
            "alloc",
        ]);
        let baseline = |name: String, raw: &RawReads, pair: String| {
            let mut row =
                vec![name, ns(raw.first_zone.ns), String::new(), String::new(), ns(raw.first_zone_dependent.ns)];
            row.extend(raw.full_walk.values().map(|full| ns(full.ns)));
            row.push(pair);
            row
        };
        table.add_row(baseline("raw, in ns".into(), &self.raw.reads, ns(self.raw.alloc_pair.ns)));
        for scheme in &self.schemes {
            let to_hand = scheme.to_hand.map_or_else(String::new, ratio);
            let [first, dependent] = [scheme.first_zone, scheme.first_zone_dependent].map(|read| ratio(read.ratio));
            let rest = scheme.full_walk.values().chain([&scheme.alloc_pair]).map(|measure| ratio(measure.ratio));
            let remembered = ratio(scheme.first_zone_remembered.ratio);
            table.add_row([scheme.scheme.to_string(), first, remembered, to_hand, dependent].into_iter().chain(rest));
        }
        for peer in &self.peers {
            if peer.own_baseline {
                table.add_row(baseline(format!("raw for {}, in ns", peer.name), &peer.raw, String::new()));
            }
            let [first, dependent] = [peer.first_zone, peer.first_zone_dependent].map(|read| ratio(read.ratio));
            let full = peer.full_walk.values().map(|full| ratio(full.ratio));
            table.add_row(
                [peer.name.to_string(), first, String::new(), String::new(), dependent]
                    .into_iter()
                    .chain(full)
                    .chain([String::new()]),
            );
        }
        table
    }

    /// The least share of remembered reads of any scheme, by publishes a second.
    fn remembered(&self) -> String {
        let [one, more] = MEMORY_BYTES;
        let least = |rate: u32| {
            let shares = self.schemes.iter().filter_map(|scheme| scheme.remembered_hits.get(&rate));
            let least = shares.copied().min_by(f64::total_cmp)?;
            Some(format!("{:.3} % at {rate}", 100.0 * least))
        };
        let shares: Vec<String> = RATES.into_iter().filter_map(least).collect();
        format!(
            "Remembered, at least, by publishes a second: {}. A memory has {one} bytes; in a table by node {more} a node.\n",
            shares.join(", ")
        )
    }

    fn consistency(&self) -> Table {
        let columns =
            ["what walks show", "guarantee", "walks", "missed", "repeated", "empty", "retried", "broken", "refused"];
        let mut table = table(&[&columns[..], &["publish", "p99"]].concat());
        let mut add = |name: &str, guarantee: Guarantee, tally: &Counts, refused, publish: PublishCost| {
            let counts = [tally.walks, tally.missed, tally.repeated, tally.empty, tally.reported, tally.violations];
            let mut row = vec![name.to_string(), guarantee.to_string()];
            row.extend(counts.map(count));
            row.push(refused);
            row.extend([publish.ns, publish.p99_ns].map(duration));
            table.add_row(row);
        };
        for SchemeReport { scheme, guarantee, tally, failed_allocations, publish, .. } in &self.schemes {
            add(scheme, *guarantee, tally, count(*failed_allocations), *publish);
        }
        for peer in &self.peers {
            if let Some(judged) = &peer.judged {
                add(peer.name, Guarantee::Snapshot, &judged.tally, String::new(), judged.publish);
            }
        }
        table
    }
}

fn ns(value: f64) -> String {
    format!("{value:.2}")
}

fn ratio(value: f64) -> String {
    format!("{value:.2}x")
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
            "Each scheme as a multiple of `raw`, a walk of the same array that no protocol protects. First zone: a \
             read that the\nnearest zone serves, as most allocations are; remembered: the same, if no publish has begun since \
             the reader's last such\nread; to by hand: the same, as a multiple of \
             code that is hand-written for this\none use, without the trait; dependent: each read depends on the read \
             before it. Walk: all zones of lists of that length.\nAlloc: a page is allocated from the handle's per-CPU \
             pages and freed. Below the schemes are outside peers, each as \
             a multiple\nof `raw`, or of the baseline in its own language.\n"
        )?;
        writeln!(f, "{}", self.remembered())?;
        writeln!(f, "{}", self.consistency())?;
        writeln!(
            f,
            "While one thread publishes without pause, removing a zone from the lists and adding it again. Missed: a \
             zone that is\nalways listed was not seen; repeated: seen twice; empty: no zone was seen, though one is \
             always listed; retried: the walk\nreports that it may be torn; broken: walks that the guarantee rules \
             out; refused: failed allocations, though a zone that is\nalways listed could have served them. Publish: \
             the median, and the slowest 1 %."
        )
    }
}

#[cfg(test)]
mod tests {
    use zonelist_contenders::contender::PEERS;

    use super::*;

    fn timed() -> Timed {
        let measure = Measure { ns: 1.0, ratio: 1.0 };
        Timed {
            first: Some(measure),
            remembered: Some(measure),
            dependent: Some(measure),
            by_hand: None,
            to_hand: None,
            full: vec![measure; WALKS.len()],
            pair: Some(measure),
        }
    }

    fn walks(violations: u64) -> Consistency {
        Consistency {
            tally: Tally { violations, ..Tally::default() },
            publishes: 1,
            publish: PublishCost { ns: 1, p99_ns: 1 },
        }
    }

    fn report(guarantee: Guarantee, violations: u64, failed_allocations: u64) -> Report {
        let timed = timed();
        let requests = Refusals { requests: 10, failed: failed_allocations, publishes: 1 };
        let facts = zonelist_schemes::SchemeId::all()[0].facts().guarantee(guarantee);
        let scheme = SchemeReport::new(&facts, &timed, walks(violations), requests, BTreeMap::new()).unwrap();
        let raw = RawReport::new(&timed).unwrap();
        Report { machine: "none".into(), rounds: 1, raw, schemes: vec![scheme], peers: Vec::new() }
    }

    #[test]
    fn a_torn_walk_of_a_peer_fails_the_comparison() {
        for (violations, holds) in [(Some(0), true), (Some(1), false), (None, true)] {
            let mut report = report(Guarantee::Snapshot, 0, 0);
            report.peers.extend(PeerReport::new(&PEERS[0], &timed(), &timed(), violations.map(walks)));
            assert_eq!(report.holds(), holds);
            let shown = report.to_string().matches(PEERS[0].name).count();
            assert_eq!(shown, if violations.is_some() { 2 } else { 1 }, "{report}");
        }
    }

    #[test]
    fn a_wrongly_refused_request_breaks_every_guarantee_but_racy() {
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
