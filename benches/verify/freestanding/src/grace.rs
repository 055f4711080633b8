//! Operations that only some schemes have: `synchronize`, `retire` and `set_present`.

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    publish::{Published, ZonePresence},
    stop_world::StopWorld,
    table::{Capacity, OrderTables, Slot, Slots},
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_inplace::Presence;

use crate::{any, holds, length};

const CAPACITY: Capacity = Capacity::new(1, 1).unwrap();

pub(crate) fn check() -> Option<()> {
    let node = NodeId::new(any(0))?;
    let zone = ZoneId::new(node, any(ZoneKind::Normal));
    let (zones, rows) = ([Zoneref::new(zone)], [NodeSpan { start: 0, len: any(1), own: any(1) }]);
    let lists = ZonelistsRef::new(&zones, &rows).ok()?;

    let reclaims =
        // SAFETY: evaluated once: the program makes this call once.
        Published::with_slots(StopWorld::new(Slots::<[Slot; CAPACITY.words()]>::in_array(CAPACITY)?), unsafe { zonelist_core::static_reader_slots!(2) });
    reclaims.publish(lists).ok()?;
    reclaims.synchronize().ok()?;
    reclaims.retire(any(zone)).ok()?;

    let orders = OrderTables::<[Slot; CAPACITY.order_words()]>::in_array(CAPACITY)?;
    // SAFETY: evaluated once: the program makes this call once.
    let presence = Published::with_slots(Presence::new(orders), unsafe { zonelist_core::static_reader_slots!(2) });
    holds(presence.set_present(any(zone), ZonePresence::Absent).is_err_and(|error| length(error) > 0))?;
    presence.publish(lists).ok()?;
    presence.set_present(any(zone), any(ZonePresence::Absent)).ok()?;
    let mut reader = presence.reader().ok()?;
    let filter = presence.filter(&Request::up_to(any(ZoneKind::Movable)));
    let walked = reader.enter().walk(any(node), &filter).count();
    holds(walked == 0)
}
