//! The baseline of all reads: a walk without any protection.

use zonelist_core::{
    NodeId, Zoneref,
    table::{SlotFilter, Slots},
    zonelist::ZonelistsRef,
};

use super::loops::{ANY, ReadList, sum};

/// Walks of a table that is never written, without any synchronisation.
#[derive(Debug)]
pub struct Baseline {
    /// Reached through a pointer, as a scheme's table is.
    table: Box<Slots<Box<[Option<Zoneref>]>>>,
    filter: SlotFilter,
}

impl Baseline {
    /// The baseline over these lists.
    #[must_use]
    pub fn new(lists: ZonelistsRef<'_>) -> Self {
        Self { table: Box::new(Slots::fixed(lists)), filter: SlotFilter::new(&ANY) }
    }
}

impl ReadList for Baseline {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        self.table.walk(node, &self.filter).next()
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        sum(self.table.walk(node, &self.filter))
    }
}
