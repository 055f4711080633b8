//! The orders of a `Presence` after a publish that changes them: where absent zones keep their places.

use zonelist_core::{
    NodeId, Zoneref,
    table::{OrderEntry, OrderTable, Slot, Storage},
    zonelist::{Scope, ZonelistsRef},
};

use super::{Current, Presence};

impl<T: Storage<Word = Slot>> Presence<T> {
    /// Records the absent zones for which a list has no place, once its order is `order`.
    pub(super) fn record_lost(
        &self,
        current: &mut Current,
        (node, scope): (NodeId, Scope),
        set: usize,
        order: &[Option<OrderEntry>; OrderEntry::BITS],
    ) {
        // Present zones count as placed: they have places in the lists that name them.
        let has = order.iter().flatten().fold(set, |has, placed| has | 1 << placed.bit);
        let mut before = self.orders.read(OrderTable::Shadow, node, scope).peekable();
        if before.peek().is_none() && order[0].is_some() {
            // The list is new: the rules may want any absent zone in a fallback list, or in the this-node list of the
            // zone's node.
            for bit in (OrderEntry::ZONES..).take(current.named).filter(|bit| has >> bit & 1 == 0) {
                let zone = self.orders.zone_of(bit);
                if scope == Scope::Fallback || zone.is_some_and(|entry| entry.node() == node) {
                    current.lose(bit, (node, scope));
                }
            }
        }
        // Zones that had a place in the order before, and have none in this one.
        before.filter(|placed| has >> placed.bit & 1 == 0).for_each(|placed| current.lose(placed.bit, (node, scope)));
    }

    /// The least number of zones that would need bits for places to be kept: those with bits, and the most without one
    /// in a single list.
    pub(super) fn needed(&self, current: &Current, next: ZonelistsRef<'_>) -> usize {
        let without = |&&entry: &&Zoneref| self.orders.bit_of(entry, current.named).is_none();
        let lists = self.orders.lists().map(|(node, scope)| next.of(node, scope).iter().filter(without).count());
        current.named + lists.max().unwrap_or(0)
    }

    /// A list together with the absent zones of its current order, as far as there is room.
    ///
    /// ```text
    ///   room = the room of the list less its zones
    ///   for nothing, and then each zone of the list:
    ///     append the zone
    ///     find it in the current order; if it is not there, go on to the next zone
    ///     append the absent zones right behind it, up to the next present zone, while there is room
    /// ```
    ///
    /// So each absent zone stays behind the zone that it was behind, and is dropped if that one has left the list.
    pub(super) fn order(
        &self,
        node: NodeId,
        scope: Scope,
        list: &[Zoneref],
        set: usize,
        named: usize,
    ) -> [Option<OrderEntry>; OrderEntry::BITS] {
        let mut order = [None; OrderEntry::BITS];
        let mut free = order.iter_mut();
        let mut room = self.orders.room(scope).saturating_sub(list.len());
        // `None` stands for the head: absent zones there are behind no zone.
        for behind in core::iter::once(None).chain(list.iter().copied().map(Some)) {
            if let Some(entry) = behind {
                if let (Some(free), Some(bit)) = (free.next(), self.orders.bit_of(entry, named)) {
                    *free = Some(OrderEntry { entry, bit });
                }
            }
            let mut before = self.orders.read(OrderTable::Shadow, node, scope);
            // `any` leaves the iterator behind the zone.
            if behind.is_some_and(|entry| !before.any(|placed| placed.entry == entry)) {
                continue;
            }
            // A present zone ends the run: those behind it are that zone's.
            let absent = before.take_while(|placed| set >> placed.bit & 1 == 0).take(room);
            for (placed, free) in absent.zip(&mut free) {
                *free = Some(placed);
                room -= 1;
            }
        }
        order
    }
}
