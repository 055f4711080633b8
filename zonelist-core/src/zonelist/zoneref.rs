//! The entry of a zonelist, and what an allocation asks of a list.

use core::{fmt, num::NonZeroU32};

use crate::{NodeId, NodeSet, ZoneId, ZoneKind};

/// One entry of a zonelist, in one word that is stored and loaded whole.
///
/// The kind stands above the zone, one higher than its index, so that the empty slot is 0 and
/// "is there an entry, and is it of an eligible kind" is one unsigned comparison.
/// Linux keeps a pointer and an index instead, and a reader could see one without the other
/// (4.14 to today, `mm/page_alloc.c: zoneref_set_zone`).
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

    /// The entry that this word is, or `None` for 0 and for every word that is no entry.
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

    /// The entry in a slot that only ever held entries and 0.
    #[inline]
    pub(crate) const fn in_slot(word: u32) -> Option<Self> {
        match NonZeroU32::new(word) {
            Some(word) => Some(Self(word)),
            None => None,
        }
    }

    /// One below the first word above all entries of kinds up to this one, so that
    /// `word.wrapping_sub(1) < limit` is true of just those entries, and not of 0.
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

/// Which of a node's two lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Scope {
    /// All zones, nearest node first.
    #[default]
    Fallback,
    /// The node's own zones only (`__GFP_THISNODE`).
    ThisNode,
}

/// What a class of allocations asks of a list; the node it starts from comes with each walk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    /// Which list of the node.
    pub scope: Scope,
    /// The highest kind that will do; every lower one does too.
    pub highest: ZoneKind,
    /// The nodes it is confined to, if it is.
    pub nodes: Option<NodeSet>,
}

impl Request {
    /// Any zone up to this kind, on any node.
    ///
    /// ```
    /// use zonelist_core::{NodeId, Request, Scope, ZoneId, ZoneKind};
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

    /// The same request, of the node's own zones only.
    #[must_use]
    pub const fn this_node(self) -> Self {
        Self { scope: Scope::ThisNode, ..self }
    }

    /// Whether a zone's kind and node will do.
    #[must_use]
    pub fn admits(&self, zone: ZoneId) -> bool {
        zone.kind() <= self.highest && self.nodes.as_ref().is_none_or(|nodes| nodes.contains(zone.node()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_an_entry_is_one_zone_s() {
        let entries = (0..u32::from(u16::MAX)).flat_map(|zone| (0..9).map(move |kind| kind << KIND_SHIFT | zone));
        assert_eq!(entries.filter_map(Zoneref::from_word).count(), MAX_ZONES);
        const MAX_ZONES: usize = crate::MAX_NODES * ZoneKind::COUNT;
    }
}
