//! The entry of a zonelist, and the request of a walk.

use core::{fmt, num::NonZeroU32};

use crate::{NodeId, ZoneId, ZoneKind, ids::NodeSet};

/// One entry of a zonelist, in one word that is stored and loaded whole.
///
/// ```text
///   bits 16 and above: kind + 1 | bits 0 to 15: zone id
/// ```
///
/// So the empty slot is 0, and one unsigned comparison decides whether a slot has an entry of an eligible kind. Linux
/// keeps a pointer and an index instead, and a reader may see one without the other (4.14 to today, `mm/page_alloc.c:
/// zoneref_set_zone`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zoneref(NonZeroU32);

const KIND_SHIFT: u32 = 16;

impl Zoneref {
    /// The entry for a zone.
    #[must_use]
    #[inline]
    pub const fn new(zone: ZoneId) -> Self {
        let word = (zone.kind() as u32 + 1) << KIND_SHIFT | zone.index() as u32;
        match NonZeroU32::new(word) {
            Some(word) => Self(word),
            None => unreachable!(),
        }
    }

    /// The entry of this word; `None` for 0 and for every other word that is no entry.
    ///
    /// ```
    /// use zonelist_core::{NodeId, ZoneId, ZoneKind, Zoneref};
    /// let zoneref = Zoneref::new(ZoneId::new(NodeId::new(1).unwrap(), ZoneKind::Normal));
    /// assert_eq!(Zoneref::from_word(zoneref.word()), Some(zoneref));
    /// assert_eq!(Zoneref::from_word(0), None);
    /// assert_eq!(Zoneref::from_word(7), None);
    /// ```
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        match ZoneId::from_index(word as u16) {
            Some(zone) if Self::new(zone).word() == word => Some(Self::new(zone)),
            _ => None,
        }
    }

    /// The entry in a slot that never holds anything but entries and 0.
    #[inline]
    pub(crate) const fn in_slot(word: u32) -> Option<Self> {
        match NonZeroU32::new(word) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// One below the first word above all entries of kinds up to this one. So `word.wrapping_sub(1) < limit` is true
    /// for these entries alone, and false for 0.
    pub(crate) const fn limit(highest: ZoneKind) -> u32 {
        ((highest as u32 + 2) << KIND_SHIFT) - 1
    }

    /// The word, never 0.
    #[must_use]
    #[inline]
    pub const fn word(self) -> u32 {
        self.0.get()
    }

    /// The zone.
    #[must_use]
    #[inline]
    pub const fn zone(self) -> ZoneId {
        ZoneId(self.0.get() as u16)
    }

    /// The zone's node.
    #[must_use]
    #[inline]
    pub const fn node(self) -> NodeId {
        self.zone().node()
    }

    /// The zone's kind.
    #[must_use]
    #[inline]
    pub const fn kind(self) -> ZoneKind {
        self.zone().kind()
    }
}

impl fmt::Debug for Zoneref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.zone(), f)
    }
}

/// The scope of a request: which of a node's two lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Scope {
    /// The fallback list: all zones, nearest node first.
    #[default]
    Fallback,
    /// The this-node list: the node's own zones only (`__GFP_THISNODE`).
    ThisNode,
}

/// The request of a walk: which zones of a list will do. The node to start from is given with each walk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    /// Which list of the node to walk.
    pub scope: Scope,
    /// The highest eligible kind; every lower kind is eligible too.
    pub highest: ZoneKind,
    /// The only eligible nodes; `None` for all.
    pub nodes: Option<NodeSet>,
}

impl Request {
    /// A request for any zone up to this kind, on any node.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Request, ZoneId, ZoneKind, zonelist::Scope};
    /// let zone = |node, kind| ZoneId::new(NodeId::new(node).unwrap(), kind);
    /// let kernel = Request::up_to(ZoneKind::Normal);
    /// assert!(kernel.admits(zone(0, ZoneKind::Dma32)));
    /// assert!(!kernel.admits(zone(0, ZoneKind::Movable)));
    /// let confined = Request { nodes: Some([NodeId::new(1).unwrap()].into_iter().collect()), ..kernel };
    /// assert!(!confined.admits(zone(0, ZoneKind::Normal)));
    /// ```
    #[must_use]
    pub const fn up_to(highest: ZoneKind) -> Self {
        Self { scope: Scope::Fallback, highest, nodes: None }
    }

    /// The same request, restricted to the node's own zones.
    #[must_use]
    pub const fn this_node(self) -> Self {
        Self { scope: Scope::ThisNode, ..self }
    }

    /// True if the kind and the node of a zone are eligible.
    #[must_use]
    pub fn admits(&self, zone: ZoneId) -> bool {
        zone.kind() <= self.highest && self.nodes.as_ref().is_none_or(|nodes| nodes.contains(zone.node()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_an_entry_belongs_to_one_zone() {
        let entries = (0..u32::from(u16::MAX)).flat_map(|zone| (0..9).map(move |kind| kind << KIND_SHIFT | zone));
        assert_eq!(entries.filter_map(Zoneref::from_word).count(), MAX_ZONES);
        const MAX_ZONES: usize = crate::ids::MAX_NODES * ZoneKind::COUNT;
    }
}
