//! The report of an outside peer.

use std::collections::BTreeMap;

use serde::Serialize;
use zonelist_contenders::{
    consistency::{Consistency, PublishCost},
    contender::PeerEntry,
    statistics::{BaselineEstimate, Estimate},
    timing::{Timed, WALKS},
};

use super::report::{Counts, RawReads};

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
    /// A peer's figures, after those of its baseline, and counts; `None` without a process.
    #[must_use]
    pub fn new(
        peer: &PeerEntry,
        (raw, timed): (Timed<BaselineEstimate>, Timed<Estimate>),
        walks: Option<Consistency>,
    ) -> Option<Self> {
        Some(Self {
            name: peer.name,
            raw: RawReads::new(raw)?,
            own_baseline: peer.baseline.is_some(),
            first_zone: timed.first?,
            first_zone_dependent: timed.dependent?,
            full_walk: WALKS.into_iter().zip(timed.full).collect(),
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
