//! Identifiers, facts, lists and tables.

use core::sync::atomic::Ordering::Relaxed;

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    publish::{Allocates, Facts, Guarantee, Progress, StalledReader},
    sync::{Locked, Spin, TakeCell},
    table::{
        AtomicZoneMask, Capacity, DoubleBuffer, OrderEntry, OrderFilter, OrderTable, OrderTables, Slot, SlotFilter,
        Slots, ZoneMask,
    },
    topology::NodeSet,
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

use crate::{any, holds, length};

const CAPACITY: Capacity = Capacity::new(3, 4).unwrap();

pub(crate) fn check() -> Option<()> {
    names()?;
    facts()?;
    let node = NodeId::new(any(1))?;
    let zones = [ZoneKind::Movable, ZoneKind::Normal].map(|kind| Zoneref::new(ZoneId::new(node, any(kind))));
    let row = NodeSpan { start: any(0), len: any(2), own: any(2) };
    let rows = any([NodeSpan::default(), row]);
    let lists = ZonelistsRef::new(&zones, &rows).ok()?;
    holds(ZonelistsRef::new(&[], &rows).is_err_and(|error| length(error) > 0))?;
    holds(lists.of(any(node), any(Scope::ThisNode)).len() == 2 && lists.longest() == 2)?;
    slots(lists, node)?;
    orders(lists, node)?;
    tables(lists, node)
}

fn names() -> Option<()> {
    let (node, kind) = (NodeId::new(any(1023))?, ZoneKind::from_name(any("Movable"))?);
    holds(!kind.is_kernel() && kind.name().len() == 7 && NodeId::new(any(u16::MAX)).is_none())?;
    let mut nodes = NodeSet::EMPTY;
    holds(nodes.is_empty() && nodes.insert(node) && nodes.contains(node) && nodes.len() == 1)?;
    holds(nodes.iter().count() == 1 && length(nodes) > 0 && nodes.remove(node))?;
    let zone = ZoneId::new(node, kind);
    let entry = Zoneref::from_word(any(Zoneref::new(zone).word()))?;
    holds(Zoneref::from_word(any(7)).is_none() && entry.zone() == zone && length(zone) > 0)?;
    let request = Request { nodes: any(Some(nodes)), ..Request::up_to(any(kind)).this_node() };
    holds(!request.admits(zone) && !SlotFilter::new(&request).admits(entry))?;
    let mut locked = Locked::new(Spin::new(), any(1));
    locked.with(|value| *value += 1);
    holds(locked.try_with(|value| *value)? == *locked.get_mut())
}

fn facts() -> Option<()> {
    let least = Facts::new(any("scheme"), any("package"));
    let named = any(least).scheme(any("name")).card(any("card")).guarantee(any(Guarantee::Snapshot));
    let progress =
        named.readers(any(Progress::WaitFree)).writer(any(Progress::LockFree)).allocates(any(Allocates::Never));
    let called = any(progress).no_registration().interrupt_safe().below_allocator().after_fork().tls_destructor();
    let most = any(called).retires().stalled_reader(any(StalledReader::Bounded)).no_std().no_alloc();
    holds(!least.no_alloc && least.registers && most.no_alloc && !most.registers && most.scheme.len() == 4)
}

fn slots(lists: ZonelistsRef<'_>, node: NodeId) -> Option<()> {
    let slots = Slots::<[Slot; CAPACITY.words()]>::in_array(CAPACITY)?;
    slots.check(lists).ok()?;
    slots.rewrite(lists).ok()?;
    let filter = SlotFilter::new(&Request::up_to(any(ZoneKind::Movable)));
    holds(filter.scope() == Scope::Fallback && slots.capacity() == CAPACITY)?;
    holds(slots.walk(any(node), &filter).eq(lists.of(node, Scope::Fallback).iter().copied()))?;
    let small = Slots::<[Slot; 1]>::in_array(Capacity::new(any(0), any(0))?)?;
    holds(small.rewrite(lists).is_err_and(|error| length(error) > 0))
}

fn orders(lists: ZonelistsRef<'_>, node: NodeId) -> Option<()> {
    let orders = OrderTables::<[Slot; CAPACITY.order_words()]>::in_array(CAPACITY)?;
    orders.check(lists).ok()?;
    for table in any([OrderTable::First, OrderTable::Second, OrderTable::Shadow]) {
        for (node, scope) in orders.lists() {
            let entries =
                (OrderEntry::ZONES..).zip(lists.of(node, scope)).map(|(bit, &entry)| OrderEntry { entry, bit });
            orders.write(table, node, scope, entries.take(orders.room(scope)));
            let read = orders.read(table, node, scope).map(|order_entry| order_entry.entry);
            holds(read.eq(lists.of(node, scope).iter().copied()))?;
        }
    }
    let all = AtomicZoneMask::new(ZoneMask::of(any(usize::MAX)));
    all.store(ZoneMask::of(all.load(Relaxed).bits()), Relaxed);
    let filter =
        OrderFilter::new(&Request::up_to(any(ZoneKind::Movable)), ZoneMask::of(any(usize::MAX)), ZoneMask::NONE);
    holds(orders.walk(all.load(Relaxed), any(node), &filter).count() == 2)?;
    let &entry = lists.of(node, Scope::Fallback).first()?;
    holds(orders.name(any(40), entry) && orders.zone_of(any(40)) == Some(entry))?;
    holds(orders.bit_of(entry, any(usize::MAX)) == Some(40) && !orders.name(any(u32::MAX), entry))
}

fn tables(lists: ZonelistsRef<'_>, node: NodeId) -> Option<()> {
    static WORDS: TakeCell<[Slot; 2 * CAPACITY.words()]> = TakeCell::new([const { Slot::new() }; 2 * CAPACITY.words()]);
    let tables = DoubleBuffer::in_place(WORDS.take()?, any(CAPACITY))?;
    tables.check(lists).ok()?;
    tables.replace(lists).ok()?;
    let filter = SlotFilter::new(&Request::up_to(any(ZoneKind::Movable)));
    holds(tables.current().walk(any(node), &filter).eq(lists.of(node, Scope::Fallback).iter().copied()))
}
