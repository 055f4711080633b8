//! How large a table of zonelists is, and where in it each list stands.

use core::ops::Range;

use crate::{NodeId, OrderEntry, Scope, ZoneKind, ZonelistsRef, Zoneref};

/// How many nodes and zones a table has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    nodes: usize,
    zones: usize,
}

/// Where things are in a table of some capacity, worked out once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) nodes: usize,
    /// Words of a row.
    pub(crate) stride: usize,
    /// Where in a row the this-node list begins.
    pub(crate) own: usize,
    /// The slot behind the last row.
    pub(crate) end: usize,
}

impl Layout {
    pub(crate) const fn of(capacity: Capacity) -> Self {
        let Capacity { nodes, .. } = capacity;
        Self { nodes, stride: capacity.stride(), own: capacity.own(), end: nodes * capacity.stride() }
    }
}

/// Lists that are larger than the table or scheme they were meant for. Nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "lists of {} nodes, the longest of {} zones; expected at most {} nodes and {} zones",
    .needed.nodes, .needed.zones, .capacity.nodes, .capacity.zones
)]
pub struct CapacityError {
    /// What the lists need.
    pub needed: Capacity,
    /// What there is.
    pub capacity: Capacity,
}

impl Capacity {
    /// Room for every zone that can have a name.
    pub const LARGEST: Self = Self { nodes: crate::MAX_NODES, zones: crate::ZoneId::LIMIT };

    /// Room for nodes numbered below `nodes` and fallback lists of up to `zones` entries; `None`
    /// beyond [`MAX_NODES`](crate::MAX_NODES) and [`ZoneId::LIMIT`](crate::ZoneId::LIMIT).
    #[must_use]
    pub const fn new(nodes: usize, zones: usize) -> Option<Self> {
        if nodes <= crate::MAX_NODES && zones <= crate::ZoneId::LIMIT { Some(Self { nodes, zones }) } else { None }
    }

    /// Rows: one more than the highest node that can have lists.
    #[must_use]
    pub const fn nodes(self) -> usize {
        self.nodes
    }

    /// Entries of the longest fallback list.
    #[must_use]
    pub const fn zones(self) -> usize {
        self.zones
    }

    /// What these lists need.
    #[must_use]
    #[inline]
    pub fn of(lists: ZonelistsRef<'_>) -> Self {
        Self { nodes: lists.nodes(), zones: lists.longest() }
    }

    /// The words that a table of this capacity takes.
    ///
    /// ```
    /// use zonelist_core::{Capacity, Slot};
    /// const CAPACITY: Capacity = Capacity::new(8, 24).unwrap();
    /// static TABLE: [Slot; CAPACITY.words()] = [const { Slot::new() }; CAPACITY.words()];
    /// assert_eq!(TABLE.len(), 8 * (24 + 8) + 1);
    /// ```
    #[must_use]
    pub const fn words(self) -> usize {
        self.nodes * self.stride() + 1
    }

    /// The words that [`OrderTables`](crate::OrderTables) of this capacity take.
    #[must_use]
    pub const fn order_words(self) -> usize {
        self.order_names().end
    }

    /// Where the zones of the bits stand, if all zones have bits: behind two tables and the writer's own.
    pub(crate) const fn order_names(self) -> Range<usize> {
        let tables = 2 * self.words();
        if !self.has_names() {
            return tables..tables;
        }
        let start = tables + self.words();
        start..start + OrderEntry::BITS
    }

    /// Whether every zone can have a bit of its own.
    pub(crate) const fn has_names(self) -> bool {
        self.zones <= OrderEntry::BITS
    }

    #[inline]
    const fn stride(self) -> usize {
        self.own() + ZoneKind::COUNT + 1
    }

    /// Where in a row the this-node list begins.
    #[inline]
    const fn own(self) -> usize {
        self.zones + 1
    }

    /// Whether the lists fit.
    ///
    /// # Errors
    /// Says what they need and what there is.
    #[inline]
    pub fn check(self, lists: ZonelistsRef<'_>) -> Result<(), CapacityError> {
        let needed = Self::of(lists);
        if needed.nodes > self.nodes || needed.zones > self.zones {
            return Err(CapacityError { needed, capacity: self });
        }
        Ok(())
    }

    /// Every list with the words that are its own, rows that the lists lack included.
    #[inline]
    pub(crate) fn segments<'a>(self, lists: ZonelistsRef<'a>) -> impl Iterator<Item = (Range<usize>, &'a [Zoneref])> {
        let rows = (0..self.nodes).zip((0..crate::MAX_NODES as u16).filter_map(NodeId::new));
        rows.flat_map(move |(row, node)| {
            let (start, end) = (row * self.stride(), (row + 1) * self.stride());
            let own = start + self.own();
            [(start..own, lists.of(node, Scope::Fallback)), (own..end, lists.of(node, Scope::ThisNode))]
        })
    }
}
