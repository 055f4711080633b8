//! The comparison: reads, walks, allocations and publishes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zonelist_contenders::{
    publishes::PublishTimes,
    statistics::{BaselineEstimate, Estimate},
};

/// The comparison of all schemes, and of outside peers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Compare {
    /// The machine whose lists were read and published.
    pub machine: String,
    /// Processes that timed reads and allocations.
    pub processes: usize,
    /// Rounds of each process.
    pub rounds: u32,
    /// The baseline.
    pub raw: Raw,
    /// The schemes.
    pub schemes: Vec<Scheme>,
    /// The outside peers.
    pub peers: Vec<Peer>,
}

/// A walk of the same array that no protocol protects.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Raw {
    /// Reads of the first zone, independent of each other.
    pub first_zone: BaselineEstimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: BaselineEstimate,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<u32, BaselineEstimate>,
    /// An allocation and its free. Absent of a peer's baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alloc_pair: Option<BaselineEstimate>,
}

/// One scheme.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scheme {
    /// The name.
    pub scheme: String,
    /// The guarantee for its walks.
    pub guarantee: String,
    /// Reads of the first zone, independent of each other.
    pub first_zone: Estimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: Estimate,
    /// Reads of a first zone that the reader remembers.
    pub first_zone_remembered: Estimate,
    /// The share of reads that find the zone remembered, by publishes a second.
    pub remembered_hits: BTreeMap<u32, f64>,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<u32, Estimate>,
    /// An allocation and its free.
    pub alloc_pair: Estimate,
    /// Requests while another thread publishes.
    pub allocations: u64,
    /// Requests that were refused wrongly.
    pub failed_allocations: u64,
    /// Reads of the first zone by hand-written code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Estimate>,
    /// Reads of the first zone as a ratio to that code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_hand: Option<f64>,
    /// An interval of this ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_hand_interval: Option<[f64; 2]>,
    /// A publish beside one other thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_times: Option<PublishTimes<BaselineEstimate>>,
    /// The same as ratios to peers, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub publish_to_peers: BTreeMap<String, PublishTimes<Estimate>>,
    /// Walks and publishes.
    #[serde(flatten)]
    pub walks: Walks,
}

/// One outside peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// The name.
    pub name: String,
    /// The unprotected walk in its own language.
    pub raw: Raw,
    /// Reads of the first zone, independent of each other.
    pub first_zone: Estimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: Estimate,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<u32, Estimate>,
    /// A publish beside one other thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_times: Option<PublishTimes<BaselineEstimate>>,
    /// Walks and publishes; absent if it has no publisher.
    #[serde(flatten)]
    pub walks: Option<Walks>,
}

/// The verdicts on walks while one thread publishes without pause, and the times of its publishes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the count of the same name in the checker's tally")]
pub struct Walks {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publish>,
    pub publishes: u64,
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

/// The time of a publish while other threads walk, each of which is recorded, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Publish {
    /// The median.
    pub ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
}

/// Nanoseconds of a publish beside a thread that reads: without pause, or, in a file without such times, beside recorded
/// walks.
#[must_use]
pub fn publish_ns(times: Option<PublishTimes<BaselineEstimate>>, walks: Option<&Walks>) -> Option<u64> {
    let recorded = || Some(walks?.publish?.ns);
    times.map(|times| times.beside_reads.ns.round() as u64).or_else(recorded)
}

impl Scheme {
    /// The ratio to hand-written code, with its interval.
    #[must_use]
    pub fn to_hand(&self) -> Option<Estimate> {
        self.to_hand.map(|ratio| Estimate { ns: 0.0, ratio, interval: self.to_hand_interval })
    }
}
