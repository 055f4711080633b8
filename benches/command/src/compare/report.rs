//! The report of a comparison, as text and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use zonelist_contenders::{
    consistency::{Consistency, PublishCost},
    publishes::PublishTimes,
    statistics::{BaselineEstimate, Estimate},
    timing::{Timed, WALKS},
};
use zonelist_core::{
    conformance::Tally,
    publish::{Facts, Guarantee},
};

use super::{peer_report::PeerReport, refusals::Refusals, samples::Samples};
use crate::output::as_text;

/// The report of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine whose lists were read and published.
    pub machine: String,
    /// Processes that timed reads and allocations.
    pub processes: usize,
    /// Rounds of each process.
    pub rounds: u32,
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
    pub alloc_pair: BaselineEstimate,
}

/// Reads that no protocol protects.
#[derive(Clone, Debug, Serialize)]
pub struct RawReads {
    /// Reads of the first zone, independent of each other.
    pub first_zone: BaselineEstimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: BaselineEstimate,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<usize, BaselineEstimate>,
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
    pub first_zone: Estimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: Estimate,
    /// Reads of the first zone that the reader remembers, independent of each other, as a ratio to the same walk.
    pub first_zone_remembered: Estimate,
    /// The share of such reads that find the zone remembered, by publishes a second.
    pub remembered_hits: BTreeMap<u32, f64>,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<usize, Estimate>,
    /// An allocation of order 0 and its free, through the page allocator.
    pub alloc_pair: Estimate,
    /// A publish while other threads walk, each of which is recorded; absent if none was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishCost>,
    /// A publish beside one other thread; absent if none was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_times: Option<PublishTimes<BaselineEstimate>>,
    /// The same as ratios to peers, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub publish_to_peers: BTreeMap<&'static str, PublishTimes<Estimate>>,
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
    pub by_hand: Option<Estimate>,
    /// Reads of the first zone through the trait, as a ratio to the hand-written code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_hand: Option<f64>,
    /// A 95 % interval of this ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_hand_interval: Option<[f64; 2]>,
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
    /// The baseline's figures; `None` without a process.
    #[must_use]
    pub fn new(samples: &Samples) -> Option<Self> {
        let timed = samples.raw();
        Some(Self { alloc_pair: timed.pair?, reads: RawReads::new(timed)? })
    }
}

impl RawReads {
    /// A baseline's figures; `None` without a process.
    #[must_use]
    pub fn new(timed: Timed<BaselineEstimate>) -> Option<Self> {
        Some(Self {
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full).collect(),
        })
    }
}

impl SchemeReport {
    /// A scheme's figures and counts; `None` without a process.
    #[must_use]
    pub fn new(
        facts: &Facts,
        samples: &Samples,
        place: usize,
        walks: Consistency,
        requests: Refusals,
        remembered_hits: BTreeMap<u32, f64>,
    ) -> Option<Self> {
        let Consistency { tally, publishes, publish } = walks;
        let timed = samples.scheme(place);
        Some(Self {
            scheme: facts.scheme,
            guarantee: facts.guarantee,
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            first_zone_remembered: timed.remembered?,
            remembered_hits,
            full_walk: WALKS.into_iter().zip(timed.full).collect(),
            alloc_pair: timed.pair?,
            publish,
            publish_times: samples.publishes(place),
            publish_to_peers: samples.publishes_to_peers(place, facts.scheme),
            publishes,
            allocations: requests.requests,
            failed_allocations: requests.failed,
            tally: tally.into(),
            by_hand: timed.by_hand,
            to_hand: timed.to_hand.map(|to_hand| to_hand.ratio),
            to_hand_interval: timed.to_hand.and_then(|to_hand| to_hand.interval),
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
}

#[cfg(test)]
mod tests {
    use zonelist_contenders::{contender::PEERS, publishes::PublishSample, timing::Sample};
    use zonelist_schemes::measure::Measure;

    use super::*;
    use crate::table::plus_minus;

    /// The measures of one contender in one process.
    fn timed(ratio: f64) -> Timed {
        let measure = Some(Measure { ns: 2.0 * ratio, ratio });
        Timed {
            first: measure,
            remembered: measure,
            dependent: measure,
            by_hand: None,
            to_hand: None,
            full: WALKS.map(|_| Measure { ns: 2.0 * ratio, ratio }).into(),
            pair: measure,
        }
    }

    /// Two processes with one scheme and one peer.
    fn samples() -> Samples {
        let peers = || vec![[timed(1.0), timed(3.0)]];
        let publishes = PublishSample::default();
        let sample = |ratio| Sample {
            raw: timed(1.0),
            schemes: vec![timed(ratio)],
            peers: peers(),
            publishes: publishes.clone(),
        };
        Samples::of(vec![sample(1.0), sample(1.5)])
    }

    fn walks(violations: u64) -> Consistency {
        let (tally, publish) = (Tally { violations, ..Tally::default() }, PublishCost { ns: 1, p99_ns: 1 });
        Consistency { tally, publishes: 1, publish: Some(publish) }
    }

    fn report(guarantee: Guarantee, violations: u64, failed_allocations: u64) -> Report {
        let (samples, walks) = (samples(), walks(violations));
        let requests = Refusals { requests: 10, failed: failed_allocations, publishes: 1 };
        let facts = zonelist_schemes::SchemeId::all()[0].facts().guarantee(guarantee);
        let scheme = SchemeReport::new(&facts, &samples, 0, walks, requests, BTreeMap::new()).unwrap();
        let raw = RawReport::new(&samples).unwrap();
        let (machine, processes) = ("none".into(), samples.processes());
        Report { machine, processes, rounds: 1, raw, schemes: vec![scheme], peers: Vec::new() }
    }

    #[test]
    fn a_figure_that_varies_between_processes_is_marked() {
        let report = report(Guarantee::Racy, 0, 0);
        let json = serde_json::to_value(&report).unwrap();
        let interval = &json["schemes"][0]["first_zone"]["interval"];
        assert!(interval[0].as_f64() < Some(1.25) && interval[1].as_f64() > Some(1.25), "{interval}");
        let text = report.to_string();
        assert!(
            text.contains(&format!("{}99?", plus_minus())) && text.contains("Too noisy for a comparison"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let mut report = report(Guarantee::Racy, 0, 0);
        report.schemes[0].publish = None;
        assert!(serde_json::to_value(&report).unwrap()["schemes"][0].get("publish").is_none());
        assert!(!report.to_string().contains(" 0 ns"), "{report}");
    }

    #[test]
    fn a_torn_walk_of_a_peer_fails_the_comparison() {
        for (violations, holds) in [(Some(0), true), (Some(1), false), (None, true)] {
            let mut report = report(Guarantee::Snapshot, 0, 0);
            report.peers.extend(PeerReport::new(&PEERS[0], &samples(), 0, violations.map(walks)));
            assert_eq!(report.holds(), holds);
            let shown = report.to_string().matches(PEERS[0].name).count();
            assert_eq!(shown, if violations.is_some() { 3 } else { 1 }, "{report}");
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
        assert!(report.to_string().contains(" 7,654"), "{report}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["schemes"][0]["failed_allocations"], &json["schemes"][0]["allocations"]),
            (&7_654.into(), &10.into())
        );
    }
}
