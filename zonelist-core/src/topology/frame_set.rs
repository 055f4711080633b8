//! Sets of page frames, as sorted ranges.

use crate::Pfn;
use alloc::vec::Vec;
use core::ops::Range;

/// A set of page frames: ranges that are ascending, not empty and not adjacent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FrameSet(Vec<Range<Pfn>>);

impl FrameSet {
    /// The union of ranges, which may be unsorted, overlap or be empty.
    pub(crate) fn of(ranges: impl IntoIterator<Item = Range<Pfn>>) -> Self {
        let mut ranges: Vec<Range<Pfn>> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.push(range));
        set
    }

    /// Appends a range that starts at or after the start of the last one, and merges the two if they touch.
    fn push(&mut self, range: Range<Pfn>) {
        match self.0.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    /// The ranges, ascending.
    pub(crate) fn ranges(&self) -> &[Range<Pfn>] {
        &self.0
    }

    /// The number of frames.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add)
    }

    /// The intersection. Cost: the number of ranges of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let (mut both, mut others) = (Self::default(), other.0.iter().peekable());
        for range in &self.0 {
            while let Some(other) = others.peek() {
                let common = range.start.max(other.start)..range.end.min(other.end);
                if !common.is_empty() {
                    both.0.push(common);
                }
                // The range that ends first overlaps with no later range: advance that side.
                if other.end > range.end {
                    break;
                }
                others.next();
            }
        }
        both
    }

    /// The difference: frames of this set that are not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let (mut rest, mut others) = (Self::default(), other.0.iter().peekable());
        for range in &self.0 {
            let mut start = range.start;
            while let Some(other) = others.peek().filter(|other| other.start < range.end) {
                if start < other.start {
                    rest.0.push(start..other.start);
                }
                start = start.max(other.end);
                // The other range may overlap with the next range of this set too: it stays the current one.
                if other.end > range.end {
                    break;
                }
                others.next();
            }
            if start < range.end {
                rest.0.push(start..range.end);
            }
        }
        rest
    }

    /// The union.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).cloned())
    }

    /// The first frame of the intersection.
    pub(crate) fn first_common(&self, other: &Self) -> Option<Pfn> {
        self.and(other).0.first().map(|range| range.start)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0_u64..60, 0_u64..12), 0..8)
    }

    fn set(ranges: &[(u64, u64)]) -> FrameSet {
        FrameSet::of(ranges.iter().map(|&(start, len)| Pfn::range(start..start + len)))
    }

    fn has(set: &FrameSet, frame: u64) -> bool {
        set.ranges().iter().any(|range| range.contains(&Pfn::new(frame)))
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_membership_of_each_frame(one in ranges(), other in ranges()) {
            let (a, b) = (set(&one), set(&other));
            let is = |of: &[(u64, u64)], frame: u64| of.iter().any(|&(start, len)| (start..start + len).contains(&frame));
            let (both, rest, either) = (a.and(&b), a.without(&b), a.or(&b));
            for frame in 0..80 {
                let (in_a, in_b) = (is(&one, frame), is(&other, frame));
                prop_assert_eq!(has(&a, frame), in_a);
                prop_assert_eq!(has(&both, frame), in_a && in_b);
                prop_assert_eq!(has(&rest, frame), in_a && !in_b);
                prop_assert_eq!(has(&either, frame), in_a || in_b);
            }
            for set in [&a, &both, &rest, &either] {
                prop_assert!(set.ranges().iter().all(|range| !range.is_empty()));
                prop_assert!(set.ranges().windows(2).all(|pair| pair[0].end <= pair[1].start));
                prop_assert_eq!(set.len(), (0..80).filter(|&frame| has(set, frame)).count() as u64);
            }
            let common = (0..80).find(|&frame| is(&one, frame) && is(&other, frame));
            prop_assert_eq!(a.first_common(&b), common.map(Pfn::new));
        }
    }
}
