//! What the writer of a `Presence` keeps from one publish to the next.

use zonelist_core::{NodeId, Place, Scope, ZoneId, publish::PublishError};

/// What the writer knows of what it stored, so that it loads nothing that it stores to.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) word: usize,
    /// Whether zones have the bits of their kinds.
    pub(super) by_kind: bool,
    pub(super) begun: usize,
    /// How many zones have bits.
    pub(super) named: usize,
    /// At least so many zones would need bits, if there are not enough.
    pub(super) needed: usize,
    /// For each bit, a list that has no place for its zone, though it had one or came in the zone's absence.
    lost: [Option<(NodeId, Scope)>; Place::BITS],
}

impl Current {
    /// Nothing was published.
    pub(super) const EMPTY: Self =
        Self { word: 0, by_kind: false, begun: 0, named: 0, needed: 0, lost: [None; Place::BITS] };

    /// What can't be shown in a list any more, if it is not there now.
    pub(super) fn lose(&mut self, bit: u32, list: (NodeId, Scope)) {
        let lost = bit.checked_sub(Place::ZONES).and_then(|at| self.lost.get_mut(at as usize));
        lost.into_iter().for_each(|lost| *lost = Some(list));
    }

    /// These are where the lists have them that are published now.
    pub(super) fn place(&mut self, set: usize) {
        let bits = (Place::ZONES..).zip(&mut self.lost);
        bits.filter(|(bit, _)| set >> bit & 1 != 0).for_each(|(_, lost)| *lost = None);
    }

    /// Why a zone has no bit that is in use, of tables with room for so many.
    pub(super) fn placeless(&self, zone: ZoneId, room: usize) -> PublishError {
        if self.by_kind || self.named == Place::BITS || room > Place::BITS {
            let zones = room.max(self.needed).max(self.named + 1);
            return PublishError::TooManyZones { zone, zones, most: Place::BITS };
        }
        PublishError::NoPlace { zone }
    }

    /// A list that has no place for the zone of a bit.
    pub(super) fn lacking(&self, bit: u32) -> Option<(NodeId, Scope)> {
        *self.lost.get(bit.checked_sub(Place::ZONES)? as usize)?
    }
}
