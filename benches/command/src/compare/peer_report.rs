//! The report of an outside peer.

use std::collections::BTreeMap;

use serde::Serialize;
use zonelist_contenders::{
    consistency::{Consistency, PublishCost},
    contender::PeerEntry,
    publishes::PublishTimes,
    statistics::{BaselineEstimate, Estimate},
    timing::WALKS,
};

use super::{
    report::{Counts, RawReads},
    samples::Samples,
};

/// Reads and publishes of an outside peer. Reads are ratios to the unprotected walk in its own language.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// The name.
    pub name: &'static str,
    /// The unprotected walk.
    pub raw: RawReads,
    /// True if that walk is not the baseline of the schemes.
    #[serde(skip)]
    pub own_baseline: bool,
    /// Reads of the first zone, independent of each other.
    pub first_zone: Estimate,
    /// Reads of the first zone, each dependent on the read before it.
    pub first_zone_dependent: Estimate,
    /// Whole walks, by the length of the list.
    pub full_walk: BTreeMap<usize, Estimate>,
    /// A publish beside one other thread; absent if none was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_times: Option<PublishTimes<BaselineEstimate>>,
    /// Walks under a constant publisher; `None` for a peer that has no publisher.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub judged: Option<PeerWalks>,
}

/// Walks of an outside peer under a constant publisher.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PeerWalks {
    /// A publish while other threads walk; absent if none was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishCost>,
    /// Publishes while walks were judged.
    pub publishes: u64,
    /// Verdicts on the walks. Every peer guarantees snapshots.
    #[serde(flatten)]
    pub tally: Counts,
}

impl PeerReport {
    /// The figures of the peer at this place, and counts; `None` without a process.
    #[must_use]
    pub fn new(peer: &PeerEntry, samples: &Samples, place: usize, walks: Option<Consistency>) -> Option<Self> {
        let (raw, timed) = samples.peer(place);
        Some(Self {
            name: peer.name,
            raw: RawReads::new(raw)?,
            own_baseline: peer.baseline.is_some(),
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full).collect(),
            publish_times: samples.peer_publishes(place),
            judged: walks.map(PeerWalks::from),
        })
    }

    /// True if every walk that was judged is exact.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.judged.is_none_or(|walks| walks.tally.violations == 0)
    }
}

impl From<Consistency> for PeerWalks {
    fn from(Consistency { tally, publishes, publish }: Consistency) -> Self {
        Self { publish, publishes, tally: tally.into() }
    }
}
