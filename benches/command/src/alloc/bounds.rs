//! Bounds for our allocator: the ratio that each figure must reach and the ratio that it should reach, at 1 GiB.

use std::fmt;

use serde::Serialize;
use zonelist_pools::{BITMAP, DEPOT, Workload, WorkloadKind};

/// Page frames of the pools that the bounds are for: 1 GiB.
pub const FRAMES: usize = 1 << 18;

/// The reference of a ratio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    /// The time of the baseline of the same round.
    Baseline,
    /// The time of this peer in the same round.
    Peer(&'static str),
    /// The blocks of order 9 that the free frames could form, with a part of the frames allocated at random.
    Ideal,
    /// The same, with only the unmovable blocks of these allocated.
    IdealUnmovable,
}

/// A bound for one figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bound {
    /// The workload of the figure.
    pub workload: Workload,
    /// The reference of the figure.
    pub reference: Reference,
    /// The ratio that the figure must reach: at most for times, at least for blocks.
    pub must: f64,
    /// The ratio that the figure should reach.
    pub aim: f64,
}

/// The comparison of a figure with its bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The figure reaches the aim.
    Aim,
    /// The figure reaches the bound, not the aim.
    Must,
    /// The figure does not reach the bound.
    Missed,
}

/// All bounds.
pub const BOUNDS: [Bound; 18] = {
    use Reference::{Baseline, Ideal, IdealUnmovable, Peer};
    use WorkloadKind::{Bulk, Half, Hot, Huge, Mixed, Remote};
    [
        bound(Hot, 1, Baseline, 2.5, 2.0),
        bound(Hot, 2, Baseline, 2.5, 2.0),
        bound(Hot, 1, Peer(DEPOT), 0.7, 0.5),
        bound(Hot, 2, Peer(DEPOT), 0.7, 0.5),
        bound(Bulk, 1, Baseline, 5.0, 4.0),
        bound(Bulk, 2, Baseline, 5.0, 4.0),
        bound(Bulk, 1, Peer(BITMAP), 1.0, 0.75),
        bound(Half, 1, Baseline, 2.0, 1.5),
        bound(Half, 2, Baseline, 2.0, 1.5),
        bound(Half, 1, Peer(DEPOT), 0.7, 0.5),
        bound(Half, 2, Peer(DEPOT), 0.7, 0.5),
        bound(Huge, 1, Baseline, 4.0, 3.0),
        bound(Huge, 2, Baseline, 4.0, 3.0),
        bound(Mixed, 1, Peer(DEPOT), 1.0, 0.8),
        bound(Mixed, 1, Ideal, 0.42, 0.45),
        bound(Mixed, 1, IdealUnmovable, 0.94, 0.96),
        bound(Remote, 2, Baseline, 6.0, 4.0),
        bound(Remote, 2, Peer(DEPOT), 0.9, 0.65),
    ]
};

const fn bound(kind: WorkloadKind, threads: usize, reference: Reference, must: f64, aim: f64) -> Bound {
    Bound { workload: Workload { kind, threads }, reference, must, aim }
}

impl Bound {
    /// Compares a figure with the bound.
    #[must_use]
    pub fn judge(&self, figure: f64) -> Verdict {
        let reaches = |bound: f64| match self.reference {
            Reference::Baseline | Reference::Peer(_) => figure <= bound,
            Reference::Ideal | Reference::IdealUnmovable => figure >= bound,
        };
        match (reaches(self.aim), reaches(self.must)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Must,
            (false, false) => Verdict::Missed,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Peer(peer) => peer,
            Self::Ideal => "ideal",
            Self::IdealUnmovable => "ideal, unmovable only",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aim => "aim",
            Self::Must => "must",
            Self::Missed => "missed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded_from_above_and_blocks_from_below() {
        let hot = BOUNDS[0];
        assert_eq!([2.0, 2.1, 2.5, 2.6].map(|r| hot.judge(r)), {
            use Verdict::{Aim, Missed, Must};
            [Aim, Must, Must, Missed]
        });
        let ideal = BOUNDS.into_iter().find(|bound| bound.reference == Reference::Ideal).unwrap();
        assert_eq!([0.5, 0.43, 0.41].map(|r| ideal.judge(r)), [Verdict::Aim, Verdict::Must, Verdict::Missed]);
    }

    #[test]
    fn an_aim_is_never_easier_than_its_must() {
        for bound in BOUNDS {
            assert_eq!(bound.judge(bound.aim), Verdict::Aim, "{bound:?}");
            assert_eq!(bound.judge(bound.must), Verdict::Must, "{bound:?}");
            assert!(Workload::ALL.contains(&bound.workload), "{bound:?}");
        }
    }
}
