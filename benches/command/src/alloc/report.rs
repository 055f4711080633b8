//! What the trials found, for programs and for people.

use std::collections::BTreeMap;

use serde::Serialize;
use zonelist_pools::{Contender, Cost, Kind, Left, Rounds, Trial};
use zonelist_schemes::measure::Floor;

use super::{Against, BOUNDS, Verdict, bounds};

/// All sizes.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Interleaved rounds.
    pub rounds: u32,
    /// What the code was compiled for.
    pub target: &'static str,
    /// CPUs that threads can be pinned to.
    pub cpus: usize,
    /// A size each.
    pub sizes: Vec<SizeReport>,
}

/// Pools of one size.
#[derive(Clone, Debug, Serialize)]
pub struct SizeReport {
    /// The size.
    pub gib: f64,
    /// The same, in frames.
    pub frames: usize,
    /// The trials that were run.
    pub trials: Vec<&'static str>,
    /// The floor, by trial.
    pub floor: BTreeMap<&'static str, Floor>,
    /// The contenders.
    pub contenders: Vec<ContenderReport>,
}

/// One contender.
#[derive(Clone, Debug, Serialize)]
pub struct ContenderReport {
    /// Its name.
    pub name: &'static str,
    /// Its costs, by trial.
    pub trials: BTreeMap<&'static str, Cost>,
    /// Ratios to the peers that bounds are set against, by trial.
    pub to_peer: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
    /// In (e): blocks of order 9 that could still be allocated, of the ideal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_9_left: Option<Left>,
    /// Trials that it took no part in, and why.
    pub skipped: BTreeMap<&'static str, &'static str>,
    /// Of ours: how the figures stand to their bounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<BoundReport>,
}

/// A bound and the figure that it is for.
#[derive(Clone, Debug, Serialize)]
pub struct BoundReport {
    /// The trial.
    pub trial: &'static str,
    /// What the figure is a ratio to.
    pub to: String,
    /// The figure.
    pub figure: f64,
    /// What it must be.
    pub must: f64,
    /// What it should be.
    pub aim: f64,
    /// Which of them it is.
    pub verdict: Verdict,
}

/// What the code was compiled for: the vector units decide, say, how fast a bitmap is scanned.
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

impl SizeReport {
    /// The medians of these rounds.
    #[must_use]
    pub fn new(rounds: &Rounds<'_>) -> Self {
        let floor = rounds.trials().filter_map(|trial| Some((trial.key(), Floor { ns: rounds.floor(trial)? })));
        Self {
            gib: rounds.frames() as f64 / bounds::FRAMES as f64,
            frames: rounds.frames(),
            trials: rounds.trials().map(Trial::key).collect(),
            floor: floor.collect(),
            contenders: rounds.contenders().iter().map(|contender| ContenderReport::new(contender, rounds)).collect(),
        }
    }
}

impl ContenderReport {
    fn new(contender: &Contender, rounds: &Rounds<'_>) -> Self {
        let name = contender.name;
        let trials = rounds.trials().filter_map(|trial| Some((trial.key(), rounds.cost(trial, name)?)));
        let mut to_peer = BTreeMap::<_, BTreeMap<_, _>>::new();
        for bound in BOUNDS {
            if let Against::Peer(peer) = bound.against
                && peer != name
                && let Some(ratio) = rounds.to_peer(bound.trial, name, peer)
            {
                to_peer.entry(bound.trial.key()).or_default().insert(peer, ratio);
            }
        }
        let skipped = rounds.trials().filter_map(|trial| {
            let (_, why) = contender.skips().iter().find(|(kind, _)| *kind == trial.kind)?;
            Some((trial.key(), *why))
        });
        Self {
            name,
            trials: trials.collect(),
            to_peer,
            order_9_left: rounds.left(Trial { kind: Kind::Mixed, threads: 1 }, name),
            skipped: skipped.collect(),
            bounds: if contender.is_bounded() { BoundReport::all(name, rounds) } else { Vec::new() },
        }
    }
}

impl BoundReport {
    fn all(name: &str, rounds: &Rounds<'_>) -> Vec<Self> {
        if rounds.frames() != bounds::FRAMES {
            return Vec::new();
        }
        let figure = |trial, against| match against {
            Against::Floor => rounds.cost(trial, name)?.ratio,
            Against::Peer(peer) => rounds.to_peer(trial, name, peer),
            Against::Ideal => Some(rounds.left(trial, name)?.mixed),
            Against::IdealUnmovable => Some(rounds.left(trial, name)?.unmovable),
        };
        let judged = BOUNDS.iter().filter_map(|bound| {
            let figure = figure(bound.trial, bound.against)?;
            let (trial, to, verdict) = (bound.trial.key(), bound.against.to_string(), bound.judge(figure));
            Some(Self { trial, to, figure, must: bound.must, aim: bound.aim, verdict })
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonelist_pools::{BOUNDED, Cpus, DEPOT, Floor as FloorPool, all};

    #[test]
    fn ours_is_judged_where_there_is_a_figure_and_peers_never() {
        let cpus = Cpus::here().unwrap();
        let depot = *all().iter().find(|contender| contender.name == DEPOT).unwrap();
        let contenders = [Contender::of::<FloorPool>(BOUNDED), depot];
        let report = |frames| {
            let mut rounds = Rounds::new(&contenders, &Trial::ALL[..1], frames, 1, &cpus);
            rounds.round(|_, _| ()).unwrap();
            SizeReport::new(&rounds).contenders
        };
        let [ours, depot] = report(bounds::FRAMES).try_into().unwrap();
        let judged: Vec<_> = ours.bounds.iter().map(|bound| (bound.trial, bound.to.as_str())).collect();
        assert_eq!(judged, [("hot_1", "floor"), ("hot_1", DEPOT)]);
        assert!(depot.bounds.is_empty());
        assert!(report(1024)[0].bounds.is_empty(), "bounds are for one size");
    }
}
