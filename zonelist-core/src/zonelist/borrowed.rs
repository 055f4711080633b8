//! Zonelists: both lists of every node, as one complete version.

use crate::{NodeId, Scope, ZoneKind, Zoneref};

/// Where a node's zonerefs stand in [`ZonelistsRef`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NodeSpan {
    /// The first of them.
    pub start: u32,
    /// How many the fallback list has.
    pub len: u32,
    /// How many of them, from the front, are the node's own: its this-node list.
    pub own: u32,
}

/// One version of all zonelists, borrowed: what a publication scheme is given to publish.
///
/// Neither needs nor makes an allocation, so that a kernel can publish from tables that it filled
/// before it had an allocator. [`Zonelists`](crate::Zonelists) is the owned form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZonelistsRef<'a> {
    zonerefs: &'a [Zoneref],
    rows: &'a [NodeSpan],
}

impl<'a> ZonelistsRef<'a> {
    /// No list at all: what is current before the first publish.
    pub const EMPTY: ZonelistsRef<'static> = ZonelistsRef { zonerefs: &[], rows: &[] };

    /// The lists that these rows cut out of the zonerefs; row `i` is node `i`'s.
    ///
    /// # Errors
    /// A row reaches past the zonerefs, has more zones than there are ids, more own zones than
    /// zones or than there are kinds, or there are more rows than node ids.
    ///
    /// ```
    /// use zonelist_core::{ZonelistsRef, NodeId, NodeSpan, Scope, ZoneId, ZoneKind, Zoneref};
    /// let node = NodeId::new(0).unwrap();
    /// let zonerefs = [Zoneref::new(ZoneId::new(node, ZoneKind::Normal))];
    /// let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
    /// let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
    /// assert_eq!(lists.of(node, Scope::ThisNode), zonerefs);
    /// assert!(ZonelistsRef::new(&[], &rows).is_err());
    /// ```
    pub const fn new(zonerefs: &'a [Zoneref], rows: &'a [NodeSpan]) -> Result<Self, NodeSpanError> {
        let mut node = 0;
        while node < rows.len() {
            let NodeSpan { start, len, own } = rows[node];
            let within = zonerefs.len() >= start as usize && zonerefs.len() - start as usize >= len as usize;
            let small = len as usize <= crate::ZoneId::LIMIT && own as usize <= ZoneKind::COUNT;
            if !within || !small || own > len || node >= crate::MAX_NODES {
                return Err(NodeSpanError { node, row: rows[node], zonerefs: zonerefs.len() });
            }
            node += 1;
        }
        Ok(Self { zonerefs, rows })
    }

    /// How many rows there are: one more than the highest node that has lists.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.rows.len()
    }

    /// Entries of the longest fallback list.
    #[must_use]
    #[inline]
    pub fn longest(&self) -> usize {
        self.rows.iter().map(|row| row.len as usize).max().unwrap_or(0)
    }

    /// One list, empty for a node without a row.
    #[must_use]
    #[inline]
    pub fn of(&self, node: NodeId, scope: Scope) -> &'a [Zoneref] {
        let Some(row) = self.rows.get(node.index()) else { return &[] };
        let len = match scope {
            Scope::Fallback => row.len,
            Scope::ThisNode => row.own,
        };
        // Every row was found to be within.
        self.zonerefs.get(row.start as usize..).and_then(|rest| rest.get(..len as usize)).unwrap_or_default()
    }
}

/// A row that cuts no list out of its zonerefs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "row {node}: start {}, len {}, own {}; expected start + len within the {zonerefs} zonerefs, len at most 8192, own at \
     most len and 6, 1024 rows", .row.start, .row.len, .row.own
)]
pub struct NodeSpanError {
    /// Which row.
    pub node: usize,
    /// The row.
    pub row: NodeSpan,
    /// How many zonerefs there are.
    pub zonerefs: usize,
}
