//! The state that the writer of a `Presence` keeps from one publish to the next.

use zonelist_core::{NodeId, ZoneId, publish::PublishError, table::OrderEntry, zonelist::Scope};

/// Copies of the values that the writer stored, so that it never loads an atomic that it stores to.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) word: usize,
    /// True if zones have the bits of their kinds.
    pub(super) by_kind: bool,
    pub(super) begun: usize,
    /// The number of zones that have bits.
    pub(super) named: usize,
    /// If there are not enough bits: the least number of zones that would need one.
    pub(super) needed: usize,
    /// For each bit, a list without a place for its zone: a list that had one, or that was first published in the zone's absence.
    lost: [Option<(NodeId, Scope)>; OrderEntry::BITS],
}

impl Current {
    /// Before the first publish.
    pub(super) const EMPTY: Self =
        Self { word: 0, by_kind: false, begun: 0, named: 0, needed: 0, lost: [None; OrderEntry::BITS] };

    /// Records that a list has no place for the zone of a bit, if that zone is absent.
    pub(super) fn lose(&mut self, bit: u32, list: (NodeId, Scope)) {
        let lost = bit.checked_sub(OrderEntry::ZONES).and_then(|at| self.lost.get_mut(at as usize));
        lost.into_iter().for_each(|lost| *lost = Some(list));
    }

    /// Records that the zones of a set have their places in the published lists.
    pub(super) fn place(&mut self, set: usize) {
        let bits = (OrderEntry::ZONES..).zip(&mut self.lost);
        bits.filter(|(bit, _)| set >> bit & 1 != 0).for_each(|(_, lost)| *lost = None);
    }

    /// The error for a zone without a bit in use. `room` is the number of zones that a table has room for.
    pub(super) fn placeless(&self, zone: ZoneId, room: usize) -> PublishError {
        if self.by_kind || self.named == OrderEntry::BITS || room > OrderEntry::BITS {
            let zones = room.max(self.needed).max(self.named + 1);
            return PublishError::TooManyZones { zone, zones, max: OrderEntry::BITS };
        }
        PublishError::NoEntry { zone }
    }

    /// A list that has no place for the zone of a bit.
    pub(super) fn lacking(&self, bit: u32) -> Option<(NodeId, Scope)> {
        *self.lost.get(bit.checked_sub(OrderEntry::ZONES)? as usize)?
    }
}
