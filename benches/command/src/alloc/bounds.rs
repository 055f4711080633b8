//! What an allocator of ours must reach, and what it aims at: ratios, of 1 GiB of frames.

use std::fmt;

use serde::Serialize;
use zonelist_pools::{BITMAP, DEPOT, Kind, Trial};

/// The size that the bounds are for.
pub const FRAMES: usize = 1 << 18;

/// What a figure is a ratio to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Against {
    /// The time of the floor.
    Floor,
    /// The time of this peer.
    Peer(&'static str),
    /// As many blocks of order 9 as the free frames could be, a part of the frames taken at random.
    Ideal,
    /// The same, with only unmovable blocks taken.
    IdealUnmovable,
}

/// A bound of one figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bound {
    /// The trial.
    pub trial: Trial,
    /// The ratio.
    pub against: Against,
    /// What it must be: at most for times, at least for blocks.
    pub must: f64,
    /// What it should be.
    pub aim: f64,
}

/// How a figure stands to its bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Aim,
    /// It is as it must be.
    Must,
    /// It is not.
    Missed,
}

/// All of them.
pub const BOUNDS: [Bound; 18] = {
    use Against::{Floor, Ideal, IdealUnmovable, Peer};
    use Kind::{Bulk, Half, Hot, Huge, Mixed, Remote};
    [
        bound(Hot, 1, Floor, 2.5, 2.0),
        bound(Hot, 2, Floor, 2.5, 2.0),
        bound(Hot, 1, Peer(DEPOT), 0.7, 0.5),
        bound(Hot, 2, Peer(DEPOT), 0.7, 0.5),
        bound(Bulk, 1, Floor, 5.0, 4.0),
        bound(Bulk, 2, Floor, 5.0, 4.0),
        bound(Bulk, 1, Peer(BITMAP), 1.0, 0.75),
        bound(Half, 1, Floor, 2.0, 1.5),
        bound(Half, 2, Floor, 2.0, 1.5),
        bound(Half, 1, Peer(DEPOT), 0.7, 0.5),
        bound(Half, 2, Peer(DEPOT), 0.7, 0.5),
        bound(Huge, 1, Floor, 4.0, 3.0),
        bound(Huge, 2, Floor, 4.0, 3.0),
        bound(Mixed, 1, Peer(DEPOT), 1.0, 0.8),
        bound(Mixed, 1, Ideal, 0.42, 0.45),
        bound(Mixed, 1, IdealUnmovable, 0.94, 0.96),
        bound(Remote, 2, Floor, 6.0, 4.0),
        bound(Remote, 2, Peer(DEPOT), 0.9, 0.65),
    ]
};

const fn bound(kind: Kind, threads: usize, against: Against, must: f64, aim: f64) -> Bound {
    Bound { trial: Trial { kind, threads }, against, must, aim }
}

impl Bound {
    /// How this figure stands to it.
    #[must_use]
    pub fn judge(&self, figure: f64) -> Verdict {
        let keeps = |bound: f64| match self.against {
            Against::Floor | Against::Peer(_) => figure <= bound,
            Against::Ideal | Against::IdealUnmovable => figure >= bound,
        };
        match (keeps(self.aim), keeps(self.must)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Must,
            (false, false) => Verdict::Missed,
        }
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
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
        let ideal = BOUNDS.into_iter().find(|bound| bound.against == Against::Ideal).unwrap();
        assert_eq!([0.5, 0.43, 0.41].map(|r| ideal.judge(r)), [Verdict::Aim, Verdict::Must, Verdict::Missed]);
    }

    #[test]
    fn an_aim_is_never_easier_than_its_must() {
        for bound in BOUNDS {
            assert_eq!(bound.judge(bound.aim), Verdict::Aim, "{bound:?}");
            assert_eq!(bound.judge(bound.must), Verdict::Must, "{bound:?}");
            assert!(Trial::ALL.contains(&bound.trial), "{bound:?}");
        }
    }
}
