//! The free index: pageblocks by migrate-type group and order of the largest free block.
//!
//! For each group and order there is a set of pageblocks, in two levels: a bit for each pageblock and, above, a bit for
//! each word of these that is not 0. One more word for each group says which of its sets are not empty.
//!
//! ```text
//! smallest fit of a group for a block of order n, without stale hints:
//!     sets  = non_empty[group] >> n                  a bit for each order from n on
//!     hint  = n + lowest set bit of sets             none: the group has no such block
//!     word  = lowest set bit of high[group, hint]    the upper level: one word covers 4096 pageblocks
//!     block = 64 * word + lowest set bit of low[group, hint][word]
//! ```
//!
//! So a pageblock is found by three searches for a bit in a word, in any zone of up to 4096 pageblocks. In a larger
//! zone words of the upper level that are 0 are skipped first.

use super::{
    limits::PAGEBLOCK_ORDER,
    migrate_group::{MigrateGroup, Mobility},
};

/// Sets of each group: one for each order of a largest free block.
const HINTS: usize = PAGEBLOCK_ORDER as usize + 1;

/// The counts and summaries of the sets. The bits are in words that the caller owns and passes to each call.
#[derive(Debug)]
pub(super) struct FreeIndex {
    /// Words of the lower level of a set.
    low: usize,
    /// Words of both levels of a set.
    stride: usize,
    /// The number of pageblocks in each set.
    blocks: [[u32; HINTS]; MigrateGroup::COUNT],
    /// Of each group, a bit for each set that is not empty.
    non_empty: [u16; MigrateGroup::COUNT],
}

impl FreeIndex {
    /// Words of all sets, for a number of pageblocks.
    pub(super) const fn words(blocks: usize) -> usize {
        MigrateGroup::COUNT * HINTS * Self::of(blocks).stride
    }

    /// An empty index for a number of pageblocks.
    pub(super) const fn of(blocks: usize) -> Self {
        let low = blocks.div_ceil(64);
        Self {
            low,
            stride: low + low.div_ceil(64),
            blocks: [[0; HINTS]; MigrateGroup::COUNT],
            non_empty: [0; MigrateGroup::COUNT],
        }
    }

    /// Both levels of a set; empty slices if the words have no such set.
    fn set<'w>(&self, words: &'w mut [u64], group: MigrateGroup, hint: u8) -> (&'w mut [u64], &'w mut [u64]) {
        // Sets of a group are adjacent, lowest order first.
        let start = (group as usize * HINTS + usize::from(hint)) * self.stride;
        let set = words.get_mut(start..).and_then(|words| words.get_mut(..self.stride)).unwrap_or_default();
        set.split_at_mut_checked(self.low).unwrap_or_default()
    }

    /// Adds a pageblock to a set that it is not in.
    pub(super) fn insert(&mut self, words: &mut [u64], block: usize, group: MigrateGroup, hint: u8) {
        let (low, high) = self.set(words, group, hint);
        if let (Some(low), Some(high)) = (low.get_mut(block / 64), high.get_mut(block / 4096)) {
            *low |= 1 << (block % 64);
            // Set already if another pageblock of the same word is in the set.
            *high |= 1 << (block / 64 % 64);
        }
        if let Some(blocks) = self.blocks[group as usize].get_mut(usize::from(hint)) {
            *blocks += 1;
        }
        self.non_empty[group as usize] |= 1 << hint;
    }

    /// Removes a pageblock from a set that it is in.
    pub(super) fn remove(&mut self, words: &mut [u64], block: usize, group: MigrateGroup, hint: u8) {
        let (low, high) = self.set(words, group, hint);
        if let (Some(low), Some(high)) = (low.get_mut(block / 64), high.get_mut(block / 4096)) {
            *low &= !(1 << (block % 64));
            // The upper bit covers 64 pageblocks: it stays while one of them is in the set.
            if *low == 0 {
                *high &= !(1 << (block / 64 % 64));
            }
        }
        // A count decides whether the set is empty; the upper level would have to be scanned.
        let Some(left) = self.blocks[group as usize].get_mut(usize::from(hint)) else { return };
        *left -= 1;
        if *left == 0 {
            self.non_empty[group as usize] &= !(1 << hint);
        }
    }

    /// Of a group, a bit for each order whose set is not empty.
    pub(super) fn non_empty(&self, group: MigrateGroup) -> u16 {
        self.non_empty[group as usize]
    }

    /// The highest order of a group's sets that are not empty.
    pub(super) fn largest(&self, group: MigrateGroup) -> Option<u8> {
        self.non_empty(group).checked_ilog2().map(|hint| hint as u8)
    }

    /// The lowest pageblock of a set.
    pub(super) fn lowest(&self, words: &mut [u64], group: MigrateGroup, hint: u8) -> Option<usize> {
        let (low, high) = self.set(words, group, hint);
        // From the upper level down: its lowest bit is the lowest word below that is not 0.
        let (at, upper) = high.iter().enumerate().find(|(_, word)| **word != 0)?;
        let word = at * 64 + upper.trailing_zeros() as usize;
        Some(word * 64 + low.get(word)?.trailing_zeros() as usize)
    }

    /// The lowest two buddy pageblocks that are both free as a whole, of one mobility or of any; the first has an even
    /// number.
    pub(super) fn lowest_pair(&self, words: &mut [u64], mobility: Option<Mobility>) -> Option<usize> {
        let whole = |words: &mut [u64], of: Mobility, at: usize| {
            let of = if mobility.is_some_and(|only| only != of) { &[] } else { MigrateGroup::all(of) };
            let mut bits = |group| self.set(words, group, PAGEBLOCK_ORDER).0.get(at).copied().unwrap_or(0);
            of.iter().fold(0, |whole, &group| whole | bits(group))
        };
        // The two may be of different groups: so the sets are united word by word before the search for pairs.
        (0..self.low).find_map(|at| {
            // Two buddies are never in different words: the first is at an even bit.
            let both = whole(words, Mobility::Movable, at) | whole(words, Mobility::Unmovable, at);
            let pairs = both & both >> 1 & 0x5555_5555_5555_5555;
            (pairs != 0).then(|| at * 64 + pairs.trailing_zeros() as usize)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{collections::BTreeSet, vec};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few distinct pageblocks, so that sets become empty again; far apart, so that both levels matter.
        #[test]
        fn the_index_agrees_with_ordered_sets(moves in prop::collection::vec((0_usize..9, 0_u8..3, 0_u64..3), 1..80)) {
            const BLOCKS: usize = 9000;
            const AT: [usize; 9] = [0, 1, 2, 63, 64, 65, 4095, 4096, 8999];
            let (mut index, mut words) = (FreeIndex::of(BLOCKS), vec![0; FreeIndex::words(BLOCKS)]);
            let mut oracle = vec![BTreeSet::new(); 9];
            for (at, hint, group) in moves {
                let group = MigrateGroup::from_bits(group);
                let set = &mut oracle[usize::from(hint) + 3 * group as usize];
                let (block, hint) = (AT[at], [0, 3, 9][usize::from(hint)]);
                if set.insert(block) {
                    index.insert(&mut words, block, group, hint);
                } else {
                    set.remove(&block);
                    index.remove(&mut words, block, group, hint);
                }
                prop_assert_eq!(index.non_empty(group) >> hint & 1 == 0, set.is_empty());
                prop_assert_eq!(index.lowest(&mut words, group, hint), set.first().copied());
                let whole = |of: MigrateGroup| oracle[2 + 3 * of as usize].clone();
                let movable = &whole(MigrateGroup::Small) | &whole(MigrateGroup::Large);
                let first_pair = |set: &BTreeSet<usize>| set.iter().copied().find(|at| at % 2 == 0 && set.contains(&(at + 1)));
                prop_assert_eq!(index.lowest_pair(&mut words, Some(Mobility::Movable)), first_pair(&movable));
                let unmovable = whole(MigrateGroup::Unmovable);
                prop_assert_eq!(index.lowest_pair(&mut words, Some(Mobility::Unmovable)), first_pair(&unmovable));
                let any = &movable | &unmovable;
                prop_assert_eq!(index.lowest_pair(&mut words, None), first_pair(&any));
            }
        }
    }
}
