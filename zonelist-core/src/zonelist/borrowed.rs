//! One version of all zonelists, borrowed: both lists of every node.

use crate::{NodeId, ZoneKind, Zoneref, zonelist::Scope};

/// The zonerefs of one node in a [`ZonelistsRef`], as a range.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct NodeSpan {
    /// The index of the first zoneref.
    pub start: u32,
    /// The number of zonerefs of the fallback list.
    pub len: u32,
    /// The number of zonerefs of the this-node list, which is the head of the fallback list.
    pub own: u32,
}

/// One version of all zonelists, borrowed: the form in which a scheme publishes them.
///
/// Needs no allocation, so that a kernel can publish tables that it filled before it had an allocator.
/// [`Zonelists`](crate::Zonelists) is the owned form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ZonelistsRef<'a> {
    zonerefs: &'a [Zoneref],
    rows: &'a [NodeSpan],
}

impl<'a> ZonelistsRef<'a> {
    /// No list at all: the version before the first publish.
    pub const EMPTY: ZonelistsRef<'static> = ZonelistsRef { zonerefs: &[], rows: &[] };

    /// The lists that these spans select from the zonerefs. Span `i` is that of node `i`.
    ///
    /// # Errors
    /// A span ends behind the zonerefs, has more zonerefs than there are zone ids, or has a this-node list that is
    /// longer than its fallback list or than the number of kinds. Or there are more spans than node ids.
    ///
    /// ```
    /// use zonelist_core::{NodeId, ZoneId, ZoneKind, Zoneref, zonelist::{NodeSpan, Scope, ZonelistsRef}};
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
            // Without an addition, which could overflow.
            let within = zonerefs.len() >= start as usize && zonerefs.len() - start as usize >= len as usize;
            let small = len as usize <= crate::ZoneId::LIMIT && own as usize <= ZoneKind::COUNT;
            if !within || !small || own > len || node >= crate::ids::MAX_NODES {
                return Err(NodeSpanError { node, row: rows[node], zonerefs: zonerefs.len() });
            }
            node += 1;
        }
        Ok(Self { zonerefs, rows })
    }

    /// The number of spans: one more than the number of the highest node that has lists.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.rows.len()
    }

    /// The number of entries of the longest fallback list.
    #[must_use]
    #[inline]
    pub fn longest(&self) -> usize {
        self.rows.iter().map(|row| row.len as usize).max().unwrap_or(0)
    }

    /// One list of a node; empty for a node without a span.
    #[must_use]
    #[inline]
    pub fn of(&self, node: NodeId, scope: Scope) -> &'a [Zoneref] {
        let Some(row) = self.rows.get(node.index()) else { return &[] };
        let len = match scope {
            Scope::Fallback => row.len,
            Scope::ThisNode => row.own,
        };
        // `new` has checked that every span is within the zonerefs: the checks here never fail.
        self.zonerefs.get(row.start as usize..).and_then(|rest| rest.get(..len as usize)).unwrap_or_default()
    }
}

/// Error: a span that selects no valid list from the zonerefs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "span of node {node}: start {}, len {}, own {}; expected start + len within the {zonerefs} zonerefs, len at most 8192, \
     own at most len and 6, 1024 spans", .row.start, .row.len, .row.own
)]
pub struct NodeSpanError {
    /// The number of the span.
    pub node: usize,
    /// The span.
    pub row: NodeSpan,
    /// The number of zonerefs.
    pub zonerefs: usize,
}
