//! The report of the workloads.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use zonelist_pools::{Contender, Cost, HugeShare, Rounds, Workload, WorkloadKind};
use zonelist_schemes::measure::BaselineCost;

use super::bounds::{BOUNDS, FRAMES, Reference, Verdict};

/// The report of all sizes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Interleaved rounds.
    pub rounds: u32,
    /// The CPU that the code was compiled for.
    pub target: &'static str,
    /// CPUs that threads can be pinned to.
    pub cpus: usize,
    /// One report for each size.
    pub sizes: Vec<SizeReport>,
}

/// The report of pools of one size.
#[derive(Clone, Debug, Serialize)]
pub struct SizeReport {
    /// The size in GiB.
    pub gib: f64,
    /// The size in page frames.
    pub frames: usize,
    /// Keys of the workloads that ran.
    #[serde(rename = "trials")]
    pub workloads: Vec<&'static str>,
    /// The baseline, by workload.
    #[serde(rename = "floor")]
    pub baseline: BTreeMap<&'static str, BaselineCost>,
    /// One report for each contender.
    pub contenders: Vec<ContenderReport>,
}

/// The report of one contender.
#[derive(Clone, Debug, Serialize)]
pub struct ContenderReport {
    /// Its name.
    pub name: &'static str,
    /// Its costs, by workload.
    #[serde(rename = "trials")]
    pub workloads: BTreeMap<&'static str, Cost>,
    /// Ratios to the peers that bounds refer to, by workload.
    pub to_peer: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
    /// In (e): blocks of order 9 that could still be allocated, as a share of the ideal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_9_left: Option<HugeShare>,
    /// Workloads that it skipped, each with the reason.
    pub skipped: BTreeMap<&'static str, &'static str>,
    /// Of our allocator: the figures, compared with their bounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<BoundReport>,
}

/// A figure, compared with its bound.
#[derive(Clone, Debug, Serialize)]
pub struct BoundReport {
    /// The workload's key.
    #[serde(rename = "trial")]
    pub workload: &'static str,
    /// The reference of the figure.
    #[serde(serialize_with = "reference_key")]
    pub to: Reference,
    /// The figure.
    pub figure: f64,
    /// The ratio that it must reach.
    pub must: f64,
    /// The ratio that it should reach.
    pub aim: f64,
    /// The result of the comparison.
    pub verdict: Verdict,
}

/// The CPU that the code was compiled for. Ratios depend on it: vector units, for instance, speed up bitmap scans.
#[must_use]
pub fn target() -> &'static str {
    if cfg!(all(target_feature = "avx2", target_feature = "bmi2", target_feature = "lzcnt")) {
        "x86-64-v3"
    } else if cfg!(target_arch = "x86_64") {
        "x86-64"
    } else {
        std::env::consts::ARCH
    }
}

/// Serializes a reference. JSON has the word `floor` for the baseline, which programs rely on.
fn reference_key<S: Serializer>(reference: &Reference, to: S) -> Result<S::Ok, S::Error> {
    match reference {
        Reference::Baseline => to.serialize_str("floor"),
        other => to.collect_str(other),
    }
}

impl SizeReport {
    /// The medians of these rounds.
    #[must_use]
    pub fn new(rounds: &Rounds<'_>) -> Self {
        let baseline = rounds
            .workloads()
            .filter_map(|workload| Some((workload.key(), BaselineCost { ns: rounds.baseline(workload)? })));
        Self {
            gib: rounds.frames() as f64 / FRAMES as f64,
            frames: rounds.frames(),
            workloads: rounds.workloads().map(Workload::key).collect(),
            baseline: baseline.collect(),
            contenders: rounds.contenders().iter().map(|contender| ContenderReport::new(contender, rounds)).collect(),
        }
    }
}

impl ContenderReport {
    fn new(contender: &Contender, rounds: &Rounds<'_>) -> Self {
        let name = contender.name;
        let workloads = rounds.workloads().filter_map(|workload| Some((workload.key(), rounds.cost(workload, name)?)));
        let mut to_peer = BTreeMap::<_, BTreeMap<_, _>>::new();
        for bound in BOUNDS {
            if let Reference::Peer(peer) = bound.reference
                && peer != name
                && let Some(ratio) = rounds.to_peer(bound.workload, name, peer)
            {
                to_peer.entry(bound.workload.key()).or_default().insert(peer, ratio);
            }
        }
        let skipped = rounds.workloads().filter_map(|workload| {
            let (_, why) = contender.skips().iter().find(|(kind, _)| *kind == workload.kind)?;
            Some((workload.key(), *why))
        });
        Self {
            name,
            workloads: workloads.collect(),
            to_peer,
            order_9_left: rounds.huge_share(Workload { kind: WorkloadKind::Mixed, threads: 1 }, name),
            skipped: skipped.collect(),
            bounds: if contender.is_bounded() { BoundReport::all(name, rounds) } else { Vec::new() },
        }
    }
}

impl BoundReport {
    fn all(name: &str, rounds: &Rounds<'_>) -> Vec<Self> {
        if rounds.frames() != FRAMES {
            return Vec::new();
        }
        let figure = |workload, reference| match reference {
            Reference::Baseline => rounds.cost(workload, name)?.ratio,
            Reference::Peer(peer) => rounds.to_peer(workload, name, peer),
            Reference::Ideal => Some(rounds.huge_share(workload, name)?.mixed),
            Reference::IdealUnmovable => Some(rounds.huge_share(workload, name)?.unmovable),
        };
        let judged = BOUNDS.iter().filter_map(|bound| {
            let figure = figure(bound.workload, bound.reference)?;
            let (workload, to, verdict) = (bound.workload.key(), bound.reference, bound.judge(figure));
            Some(Self { workload, to, figure, must: bound.must, aim: bound.aim, verdict })
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonelist_pools::{BOUNDED_SCHEME, Baseline, Cpus, DEPOT, all};

    #[test]
    fn only_our_figures_are_compared_with_bounds() {
        let cpus = Cpus::here().unwrap();
        let depot = *all().iter().find(|contender| contender.name == DEPOT).unwrap();
        let contenders = [Contender::of::<Baseline>(BOUNDED_SCHEME), depot];
        let report = |frames| {
            let mut rounds = Rounds::new(&contenders, &Workload::ALL[..1], frames, 1, &cpus);
            rounds.round(|_, _| ()).unwrap();
            SizeReport::new(&rounds).contenders
        };
        let [ours, depot] = report(FRAMES).try_into().unwrap();
        let judged: Vec<_> = ours.bounds.iter().map(|bound| (bound.workload, bound.to)).collect();
        assert_eq!(judged, [("hot_1", Reference::Baseline), ("hot_1", Reference::Peer(DEPOT))]);
        let json = serde_json::to_value(&ours.bounds).unwrap();
        assert_eq!((&json[0]["to"], &json[1]["to"]), (&"floor".into(), &DEPOT.into()));
        assert!(depot.bounds.is_empty());
        assert!(report(1024)[0].bounds.is_empty(), "bounds are for one size");
    }
}
