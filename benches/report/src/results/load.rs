//! Reads and publishes under load. Times are nanoseconds; a quantile without samples is absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Slow reads, publishes and grace periods.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Load {
    /// The machine whose lists were read and published.
    pub machine: String,
    /// The time for each scheme, in seconds.
    pub seconds: f64,
    /// Threads that read.
    pub threads: usize,
    /// The clock of single reads.
    pub clock: Clock,
    /// False if other processes had the CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<bool>,
    /// A loop that reads nothing.
    pub noise: LoadRow,
    /// The schemes.
    pub schemes: Vec<SchemeLoad>,
    /// The outside peers.
    pub peers: Vec<LoadRow>,
}

/// The clock of single reads.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// `tsc` or `Instant`.
    pub source: String,
    /// The smallest step.
    pub resolution_ns: f64,
    /// An empty pair of readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_pair_ns: Option<u64>,
}

/// Reads and publishes of one contender, by publishes a second: `0`, `10`, `1000` and `unpaced`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LoadRow {
    /// The name; absent of the loop that reads nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Reads of first zones.
    pub reads: BTreeMap<String, Reads>,
    /// Publishes.
    pub publishes: BTreeMap<String, Updates>,
}

/// One scheme.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SchemeLoad {
    /// The name.
    pub scheme: String,
    /// Reads of first zones.
    pub reads: BTreeMap<String, Reads>,
    /// Publishes.
    pub publishes: BTreeMap<String, Updates>,
    /// Grace periods, if the scheme has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_periods: Option<Updates>,
    /// What a stalled reader costs others.
    pub stalled: Stalled,
}

/// Reads of first zones.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reads {
    /// Reads that were timed by themselves.
    pub count: u64,
    /// A read, from batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_ns: Option<f64>,
    /// The quantiles of single reads.
    #[serde(flatten)]
    pub single: Quantiles,
    /// Reads above the noise, in a million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_ppm: Option<f64>,
    /// Their share of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_time_share: Option<f64>,
}

/// Quantiles of times.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the quantile of its name")]
pub struct Quantiles {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_9_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_99_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
}

/// Publishes, or grace periods.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Updates {
    /// Their number.
    pub count: u64,
    /// Their number a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a_second: Option<f64>,
    /// The quantiles of their times.
    #[serde(flatten)]
    pub times: Quantiles,
}

/// What a reader that is stalled within a walk costs others, at 1000 publishes a second.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Stalled {
    /// The time of the publisher, in seconds.
    pub seconds: f64,
    /// Publishes that were due.
    pub due: u64,
    /// Publishes that had returned when the reader left.
    pub returned: u64,
    /// The longest publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_max_ns: Option<u64>,
    /// Reads of the other readers.
    pub reads: Reads,
    /// Bytes that were allocated and not freed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_kept: Option<i64>,
}
