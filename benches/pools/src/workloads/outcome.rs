//! The outcome of one workload on one pool.

use crate::{clock::TimedOps, pool::HUGE_ORDER};

/// What one pool did in one round of a workload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// The timed operations of all threads.
    pub timed: TimedOps,
    /// In (e): the blocks of order 9 that could still be allocated.
    pub huge_share: Option<HugeShare>,
}

/// Blocks of order 9 that could still be allocated, as a share of [`ideal_huge_blocks`].
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct HugeShare {
    /// With 30 % of the frames allocated, at random.
    pub mixed: f64,
    /// With only the unmovable blocks of those allocated.
    pub unmovable: f64,
}

/// The blocks of order 9 that this number of free frames would be, if all of them were contiguous.
#[must_use]
pub fn ideal_huge_blocks(free: usize) -> usize {
    free >> HUGE_ORDER
}

impl Outcome {
    /// The sum over the threads of one pool.
    pub(super) fn sum(threads: Vec<TimedOps>) -> Self {
        Self { timed: threads.into_iter().fold(TimedOps::default(), |sum, thread| sum + thread), huge_share: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_are_ideal() {
        assert_eq!([0, 511, 512, 1535, 262_144].map(ideal_huge_blocks), [0, 0, 1, 2, 512]);
    }
}
