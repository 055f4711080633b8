//! The report of measurements under load: its values, which are those of the JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use zonelist_contenders::load::Rate;

/// The report. Its JSON has the keys of these fields; a value that was not measured is absent. Times are nanoseconds,
/// as the suffix `_ns` says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The machine whose lists were read and published.
    pub machine: String,
    /// The time for each scheme, in seconds.
    pub seconds: f64,
    /// Threads that read.
    pub threads: usize,
    /// The clock of single reads.
    pub clock: ClockReport,
    /// True if publishes that do nothing reached 1000 a second. Otherwise other processes had the CPUs, and slow times are
    /// due to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<bool>,
    /// A loop that reads nothing, and publishes that do nothing: the noise of the machine, and the cost of the clock.
    pub noise: LoadReport,
    /// The schemes, stop-the-world first.
    pub schemes: Vec<SchemeReport>,
    /// Publications that are no schemes.
    pub peers: Vec<PeerReport>,
}

/// The clock of single reads.
#[derive(Clone, Debug, Serialize)]
pub struct ClockReport {
    /// `tsc` or `Instant`.
    pub source: &'static str,
    /// The smallest step between two readings.
    pub resolution_ns: f64,
    /// An empty pair of readings, which every single read includes: the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_pair_ns: Option<u64>,
}

/// Reads and publishes of one publication, by publishes a second: `0`, `10`, `1000` and `unpaced`.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// Reads of first zones.
    pub reads: BTreeMap<Rate, ReadReport>,
    /// Publishes; without those at rate 0.
    pub publishes: BTreeMap<Rate, UpdateReport>,
}

/// Reads of first zones.
#[derive(Clone, Debug, Serialize)]
pub struct ReadReport {
    /// Reads that were timed by themselves: the samples of the quantiles.
    pub count: u64,
    /// A read, from batches without a clock reading between reads: the median of their means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_ns: Option<f64>,
    /// The quantiles of single reads.
    #[serde(flatten)]
    pub single: Quantiles,
    /// Reads above the noise.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowReads>,
}

/// Single reads that took longer than 99.99 % of the noise at the same rate in the same round, less what the noise itself
/// has of them. Medians over the rounds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct SlowReads {
    /// Their number in a million.
    pub slow_ppm: f64,
    /// Their share of the time of all single reads, from 0 to 1.
    pub slow_time_share: f64,
}

/// Quantiles of times. One that less than one sample is expected to exceed is absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Quantiles {
    /// The median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// The quantile 0.9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90_ns: Option<u64>,
    /// The quantile 0.99.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// The quantile 0.999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_9_ns: Option<u64>,
    /// The quantile 0.9999.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_99_ns: Option<u64>,
    /// The maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
}

/// Publishes, or grace periods.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateReport {
    /// Their number.
    pub count: u64,
    /// Their number a second, which is less than the rate if they take too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub a_second: Option<f64>,
    /// The quantiles of their times, from the call until it returns.
    #[serde(flatten)]
    pub times: Quantiles,
}

/// Measurements of one scheme.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// The name.
    pub scheme: &'static str,
    /// Reads and publishes.
    #[serde(flatten)]
    pub load: LoadReport,
    /// Grace periods, one after each publish of 1000 a second. Absent if the scheme has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_periods: Option<UpdateReport>,
    /// What a stalled reader costs others.
    pub stalled: StalledReport,
}

/// Measurements of a publication that is no scheme.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// The name.
    pub name: &'static str,
    /// Reads and publishes.
    #[serde(flatten)]
    pub load: LoadReport,
}

/// What a reader that is stalled within a walk costs others, while lists are published at 1000 a second.
#[derive(Clone, Debug, Serialize)]
pub struct StalledReport {
    /// The time of the publisher, in seconds. The reader is stalled 10 ms longer.
    pub seconds: f64,
    /// Publishes that were due.
    pub due: u64,
    /// Publishes that had returned when the reader left.
    pub returned: u64,
    /// The longest publish, also if it returned only when the reader left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_max_ns: Option<u64>,
    /// Reads of the other readers, also those that ended only when the reader left.
    pub reads: ReadReport,
    /// Bytes that the publishes that returned had allocated and not freed. Absent if none returned, or if the program's
    /// allocator does not count bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_kept: Option<i64>,
}
