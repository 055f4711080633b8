//! The size of a table of zonelists, and the position of each list in it.

use core::ops::Range;

use crate::{
    NodeId, ZoneKind, Zoneref,
    sync::hint::cold_path,
    table::OrderEntry,
    zonelist::{Scope, ZonelistsRef},
};

/// The number of nodes and zones that a table has room for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Capacity {
    nodes: usize,
    zones: usize,
}

/// The positions of rows and lists in a table, computed once for its capacity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The number of rows.
    pub(crate) nodes: usize,
    /// The number of words of a row.
    pub(crate) stride: usize,
    /// The offset of the this-node list in a row.
    pub(crate) own: usize,
    /// The offset of the slot behind the last row.
    pub(crate) end: usize,
}

impl Layout {
    pub(crate) const fn of(capacity: Capacity) -> Self {
        let Capacity { nodes, .. } = capacity;
        Self { nodes, stride: capacity.stride(), own: capacity.own(), end: nodes * capacity.stride() }
    }

    /// The offset of a node's list: the this-node list if `own_mask` is all ones, the fallback list if it is 0. Of a node
    /// without a row, the offset of the slot behind the last row, which is empty.
    #[inline(always)]
    pub(super) fn start(&self, node: NodeId, own_mask: usize) -> usize {
        if node.index() < self.nodes {
            // A mask chooses the list without a branch.
            node.index() * self.stride + (self.own & own_mask)
        } else {
            cold_path();
            self.end
        }
    }
}

/// Error: the lists are larger than the table or scheme that they were to be written to. Nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "lists of {} nodes, the longest of {} zones; expected at most {} nodes and {} zones",
    .needed.nodes, .needed.zones, .capacity.nodes, .capacity.zones
)]
pub struct CapacityError {
    /// The capacity that the lists need.
    pub needed: Capacity,
    /// The capacity of the table or scheme.
    pub capacity: Capacity,
}

impl Capacity {
    /// Room for every node and zone that has an id.
    pub const MAX: Self = Self { nodes: crate::ids::MAX_NODES, zones: crate::ZoneId::LIMIT };

    /// Room for nodes numbered below `nodes` and fallback lists of up to `zones` entries; `None`
    /// beyond [`MAX_NODES`](crate::topology::MAX_NODES) and [`ZoneId::LIMIT`](crate::ZoneId::LIMIT).
    #[must_use]
    pub const fn new(nodes: usize, zones: usize) -> Option<Self> {
        if nodes <= crate::ids::MAX_NODES && zones <= crate::ZoneId::LIMIT { Some(Self { nodes, zones }) } else { None }
    }

    /// The number of rows: one more than the number of the highest node that can have lists.
    #[must_use]
    pub const fn nodes(self) -> usize {
        self.nodes
    }

    /// The number of entries of the longest fallback list.
    #[must_use]
    pub const fn zones(self) -> usize {
        self.zones
    }

    /// The least capacity that has room for these lists.
    #[must_use]
    #[inline]
    pub fn of(lists: ZonelistsRef<'_>) -> Self {
        Self { nodes: lists.nodes(), zones: lists.longest() }
    }

    /// The number of words of a table of this capacity.
    ///
    /// ```
    /// use zonelist_core::table::{Capacity, Slot};
    /// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
    /// static TABLE: [Slot; CAPACITY.words()] = [const { Slot::new() }; CAPACITY.words()];
    /// assert_eq!(TABLE.len(), 8 * (24 + 8) + 1);
    /// ```
    #[must_use]
    pub const fn words(self) -> usize {
        // The one word behind the rows is the list of nodes without a row: it holds 0.
        self.nodes * self.stride() + 1
    }

    /// The number of words of [`OrderTables`](crate::table::OrderTables) of this capacity.
    #[must_use]
    pub const fn order_words(self) -> usize {
        self.order_names().end
    }

    /// The words that hold the zone of each bit, behind two tables and the shadow copy. Empty if not all zones have
    /// bits.
    pub(crate) const fn order_names(self) -> Range<usize> {
        let tables = 2 * self.words();
        if !self.has_names() {
            // The bits then stand for kinds, and there is no shadow copy either.
            return tables..tables;
        }
        let start = tables + self.words();
        start..start + OrderEntry::BITS
    }

    /// True if every zone can have a bit of its own.
    pub(crate) const fn has_names(self) -> bool {
        self.zones <= OrderEntry::BITS
    }

    /// The number of words of a row: two lists, each with its terminator.
    #[inline]
    const fn stride(self) -> usize {
        self.own() + ZoneKind::COUNT + 1
    }

    /// The offset of the this-node list in a row.
    #[inline]
    const fn own(self) -> usize {
        self.zones + 1
    }

    /// Checks that the lists fit.
    ///
    /// # Errors
    /// The lists are too large. The error has the capacity that they need and this one.
    #[inline]
    pub fn check(self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        let needed = Self::of(lists);
        if needed.nodes > self.nodes || needed.zones > self.zones {
            return Err(CapacityError { needed, capacity: self });
        }
        Ok(())
    }

    /// Every list with the range of its segment. A row that the lists lack has two empty lists.
    #[inline]
    pub(crate) fn segments<'a>(self, lists: ZonelistsRef<'a>) -> impl Iterator<Item = (Range<usize>, &'a [Zoneref])> {
        // Both have the same numbers: the zip makes a node id without a check of each.
        let rows = (0..self.nodes).zip((0..crate::ids::MAX_NODES as u16).filter_map(NodeId::new));
        rows.flat_map(move |(row, node)| {
            let (start, end) = (row * self.stride(), (row + 1) * self.stride());
            let own = start + self.own();
            [(start..own, lists.of(node, Scope::Fallback)), (own..end, lists.of(node, Scope::ThisNode))]
        })
    }
}
