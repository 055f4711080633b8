//! The policy `auto-movable`: Movable while boot gave enough memory to kernel zones.

use super::tables::{BlockRow, MOVABLE, Oracle};

impl Oracle {
    /// The value of a boot option, of which the last counts.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        let values = self.options.split_whitespace().filter_map(|word| word.split_once('='));
        values.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
    }

    /// True if blocks go online by this policy, which came with 5.15.
    pub(super) fn has_auto_movable(&self) -> bool {
        self.release >= (5, 15) && self.option("memory_hotplug.online_policy") == Some("auto-movable")
    }

    /// True if the policy puts this block of the node into Movable.
    pub(super) fn is_auto_movable(&self, at: usize, node: u32) -> bool {
        let block = &self.blocks[at];
        // All blocks of its DIMM; a block without one is alone.
        let is_with =
            |other: &BlockRow| other.number == block.number || block.dimm.is_some() && other.dimm == block.dimm;
        let group: Vec<&BlockRow> = self.blocks.iter().filter(|other| is_with(other)).collect();
        if group.iter().any(|other| other.online && other.zone != Some(MOVABLE)) {
            return false;
        }
        let missing = group.iter().filter(|other| !other.online).count() as u64 * self.block_pages;
        let numa_aware = self.option("memory_hotplug.auto_movable_numa_aware");
        let numa_aware = numa_aware.is_none_or(|value| ["1", "y", "Y", "on", "true"].contains(&value));
        self.fits(missing, |_| true) && (!numa_aware || self.fits(missing, |other| other == node))
    }

    /// True if Movable may have these missing pages too, by the memory of the counted nodes.
    fn fits(&self, missing: u64, is_counted: impl Fn(u32) -> bool) -> bool {
        let ratio: u64 = self.option("memory_hotplug.auto_movable_ratio").map_or(301, |value| value.parse().unwrap());
        let (mut movable, mut early) = (0, 0);
        for at in (0..self.zones.len()).filter(|&at| is_counted(self.zones[at].node)) {
            if self.zones[at].kind == MOVABLE {
                movable += self.present(at);
            } else {
                let late = self.blocks_of(at).into_iter().filter(|&block| self.blocks[block].dimm.is_some()).count();
                early += self.present(at) - late as u64 * self.block_pages;
            }
        }
        ratio > 0 && movable + missing <= ratio * early / 100
    }
}
