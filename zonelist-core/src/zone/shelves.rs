//! Pageblocks by what they can still give: a set for each group and longest free run.
//!
//! A set is a bit for each pageblock and, above, a bit for each word of those that has any: the
//! lowest block of a set is two searches for a bit, and which sets have any is one word for each group.

use super::{Mobility, PAGEBLOCK_ORDER, group::Group};

/// Sets of each group: one for each order of the longest run.
const HINTS: usize = PAGEBLOCK_ORDER as usize + 1;

/// The sets, over words that are kept elsewhere.
#[derive(Debug)]
pub(super) struct Shelves {
    /// Words of a set's lower floor.
    low: usize,
    /// Words of both its floors.
    stride: usize,
    /// How many blocks each set has.
    blocks: [[u32; HINTS]; Group::COUNT],
    /// A bit for each set that has any.
    filled: [u16; Group::COUNT],
}

impl Shelves {
    /// Words that the sets of so many pageblocks take.
    pub(super) const fn words(blocks: usize) -> usize {
        Group::COUNT * HINTS * Self::of(blocks).stride
    }

    pub(super) const fn of(blocks: usize) -> Self {
        let low = blocks.div_ceil(64);
        Self { low, stride: low + low.div_ceil(64), blocks: [[0; HINTS]; Group::COUNT], filled: [0; Group::COUNT] }
    }

    /// Both floors of a set; empty ones for a set that there is not.
    fn set<'w>(&self, words: &'w mut [u64], group: Group, hint: u8) -> (&'w mut [u64], &'w mut [u64]) {
        let start = (group as usize * HINTS + usize::from(hint)) * self.stride;
        let set = words.get_mut(start..).and_then(|words| words.get_mut(..self.stride)).unwrap_or_default();
        set.split_at_mut_checked(self.low).unwrap_or_default()
    }

    /// Puts a block into a set that it is not in.
    pub(super) fn insert(&mut self, words: &mut [u64], block: usize, group: Group, hint: u8) {
        let (low, high) = self.set(words, group, hint);
        if let (Some(low), Some(high)) = (low.get_mut(block / 64), high.get_mut(block / 4096)) {
            *low |= 1 << (block % 64);
            *high |= 1 << (block / 64 % 64);
        }
        if let Some(blocks) = self.blocks[group as usize].get_mut(usize::from(hint)) {
            *blocks += 1;
        }
        self.filled[group as usize] |= 1 << hint;
    }

    /// Takes a block out of a set that it is in.
    pub(super) fn remove(&mut self, words: &mut [u64], block: usize, group: Group, hint: u8) {
        let (low, high) = self.set(words, group, hint);
        if let (Some(low), Some(high)) = (low.get_mut(block / 64), high.get_mut(block / 4096)) {
            *low &= !(1 << (block % 64));
            if *low == 0 {
                *high &= !(1 << (block / 64 % 64));
            }
        }
        let Some(left) = self.blocks[group as usize].get_mut(usize::from(hint)) else { return };
        *left -= 1;
        if *left == 0 {
            self.filled[group as usize] &= !(1 << hint);
        }
    }

    /// A bit for each set of that group that has any block.
    pub(super) fn filled(&self, group: Group) -> u16 {
        self.filled[group as usize]
    }

    /// The highest hint of that group's blocks, if it has any.
    pub(super) fn longest(&self, group: Group) -> Option<u8> {
        self.filled(group).checked_ilog2().map(|hint| hint as u8)
    }

    /// The lowest block of a set.
    pub(super) fn first(&self, words: &mut [u64], group: Group, hint: u8) -> Option<usize> {
        let (low, high) = self.set(words, group, hint);
        let (at, word) = high.iter().enumerate().find(|(_, word)| **word != 0)?;
        let row = at * 64 + word.trailing_zeros() as usize;
        Some(row * 64 + low.get(row)?.trailing_zeros() as usize)
    }

    /// The lowest two neighbours of which the first is even, both free as a whole: of one mobility, or of any.
    pub(super) fn pair(&self, words: &mut [u64], mobility: Option<Mobility>) -> Option<usize> {
        let whole = |words: &mut [u64], of: Mobility, row: usize| {
            let of = if mobility.is_some_and(|only| only != of) { &[] } else { Group::all(of) };
            let mut bits = |group| self.set(words, group, PAGEBLOCK_ORDER).0.get(row).copied().unwrap_or(0);
            of.iter().fold(0, |whole, &group| whole | bits(group))
        };
        (0..self.low).find_map(|row| {
            let both = whole(words, Mobility::Movable, row) | whole(words, Mobility::Unmovable, row);
            let pairs = both & both >> 1 & 0x5555_5555_5555_5555;
            (pairs != 0).then(|| row * 64 + pairs.trailing_zeros() as usize)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{collections::BTreeSet, vec};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few distinct blocks, so that sets empty again; far apart, so that both floors matter.
        #[test]
        fn sets_hold_what_was_put_into_them(moves in prop::collection::vec((0_usize..9, 0_u8..3, 0_u64..3), 1..80)) {
            const BLOCKS: usize = 9000;
            const AT: [usize; 9] = [0, 1, 2, 63, 64, 65, 4095, 4096, 8999];
            let (mut shelves, mut words) = (Shelves::of(BLOCKS), vec![0; Shelves::words(BLOCKS)]);
            let mut naive = vec![BTreeSet::new(); 9];
            for (at, hint, group) in moves {
                let group = Group::from_bits(group);
                let set = &mut naive[usize::from(hint) + 3 * group as usize];
                let (block, hint) = (AT[at], [0, 3, 9][usize::from(hint)]);
                if set.insert(block) {
                    shelves.insert(&mut words, block, group, hint);
                } else {
                    set.remove(&block);
                    shelves.remove(&mut words, block, group, hint);
                }
                prop_assert_eq!(shelves.filled(group) >> hint & 1 == 0, set.is_empty());
                prop_assert_eq!(shelves.first(&mut words, group, hint), set.first().copied());
                let whole = |of: Group| naive[2 + 3 * of as usize].clone();
                let movable = &whole(Group::Small) | &whole(Group::Large);
                let first_pair = |set: &BTreeSet<usize>| set.iter().copied().find(|at| at % 2 == 0 && set.contains(&(at + 1)));
                prop_assert_eq!(shelves.pair(&mut words, Some(Mobility::Movable)), first_pair(&movable));
                let unmovable = whole(Group::Unmovable);
                prop_assert_eq!(shelves.pair(&mut words, Some(Mobility::Unmovable)), first_pair(&unmovable));
                let any = &movable | &unmovable;
                prop_assert_eq!(shelves.pair(&mut words, None), first_pair(&any));
            }
        }
    }
}
