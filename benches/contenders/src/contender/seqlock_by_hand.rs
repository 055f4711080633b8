//! The crate `seqlock` by hand: a sequence lock around each list, as the scheme `SeqCopy` has it, without the trait.

use seqlock::SeqLock;
use zonelist_core::{
    NodeId, Zoneref,
    table::SlotFilter,
    topology::NodeSet,
    zonelist::{Scope, ZonelistsRef},
};

use super::{
    error::ContenderError,
    loops::{ANY, ReadList, sum},
    publication::Publication,
};

/// Lists of up to `ZONES` zones: of each node the fallback list, and the this-node list.
pub(super) struct SeqlockByHand<const ZONES: usize> {
    rows: Box<[[List<ZONES>; 2]]>,
}

type List<const ZONES: usize> = SeqLock<[Option<Zoneref>; ZONES]>;

/// A reader of the fallback lists.
pub(super) struct Reader<'p, const ZONES: usize> {
    lists: &'p SeqlockByHand<ZONES>,
    filter: SlotFilter,
}

const SCOPES: [Scope; 2] = [Scope::Fallback, Scope::ThisNode];

impl<const ZONES: usize> SeqlockByHand<ZONES> {
    pub(super) fn new(lists: ZonelistsRef<'_>) -> Self {
        let rows = NodeSet::ALL.iter().take(lists.nodes());
        Self { rows: rows.map(|node| SCOPES.map(|scope| SeqLock::new(Self::row(lists, node, scope)))).collect() }
    }

    pub(super) fn reader(&self) -> Reader<'_, ZONES> {
        Reader { lists: self, filter: SlotFilter::new(&ANY) }
    }

    fn row(lists: ZonelistsRef<'_>, node: NodeId, scope: Scope) -> [Option<Zoneref>; ZONES] {
        let mut row = [None; ZONES];
        row.iter_mut().zip(lists.of(node, scope)).for_each(|(zone, &entry)| *zone = Some(entry));
        row
    }
}

impl<const ZONES: usize> Publication for SeqlockByHand<ZONES> {
    type Reader<'p> = Reader<'p, ZONES>;

    fn reader(&self) -> Result<Reader<'_, ZONES>, ContenderError> {
        Ok(self.reader())
    }

    fn publish(&self, lists: ZonelistsRef<'_>) -> Result<(), ContenderError> {
        for (rows, node) in self.rows.iter().zip(NodeSet::ALL.iter()) {
            for (row, scope) in rows.iter().zip(SCOPES) {
                *row.lock_write() = Self::row(lists, node, scope);
            }
        }
        Ok(())
    }
}

impl<const ZONES: usize> ReadList for Reader<'_, ZONES> {
    #[inline(always)]
    fn first(&mut self, node: NodeId) -> Option<Zoneref> {
        let zones = self.lists.rows.get(node.index())?[0].read();
        zones.iter().map_while(|&zone| zone).find(|&entry| self.filter.admits(entry))
    }

    #[inline(always)]
    fn all(&mut self, node: NodeId) -> u32 {
        let Some(rows) = self.lists.rows.get(node.index()) else { return 0 };
        let zones = rows[0].read();
        sum(zones.iter().map_while(|&zone| zone).filter(|&entry| self.filter.admits(entry)))
    }
}
