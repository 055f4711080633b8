//! Tables with any content that safe code can write: each walk ends within its list.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use zonelist_core::{
    NodeId, Request, ZoneId, ZoneKind, Zoneref,
    table::{
        Capacity, DoubleBuffer, OrderEntry, OrderFilter, OrderTable, OrderTables, Slot, SlotFilter, Slots, ZoneMask,
    },
    zonelist::{NodeSpan, Scope, ZonelistsRef},
};

use super::random;

const CAPACITY: Capacity = Capacity::new(3, 5).unwrap();

fn zoneref() -> Zoneref {
    let node = NodeId::new(random() as u16 % 1024).unwrap();
    Zoneref::new(ZoneId::new(node, ZoneKind::ALL[random() as usize % ZoneKind::COUNT]))
}

fn request() -> Request {
    let request = Request::up_to(ZoneKind::ALL[random() as usize % ZoneKind::COUNT]);
    let request = if random() % 2 == 0 { request.this_node() } else { request };
    let nodes = (random() % 2 == 0).then(|| (0..8).map(|_| zoneref().node()).collect());
    Request { nodes, ..request }
}

/// With bits of no zone, endless orders, and zone masks and filters of any bits.
#[test]
fn a_walk_of_order_tables_ends_within_its_list_whatever_is_written() {
    let orders = OrderTables::<Box<[Slot]>>::boxed(CAPACITY);
    let bit = || match random() % 4 {
        0 => random() as u32,
        1 => random() as u32 % 4,
        _ => random() as u32 % 64,
    };
    let mut shown = 0;
    for _ in 0..20_000 {
        let (node, scope) =
            (NodeId::new(random() as u16 % 5).unwrap(), [Scope::Fallback, Scope::ThisNode][random() as usize % 2]);
        let table = [OrderTable::First, OrderTable::Second, OrderTable::Shadow][random() as usize % 3];
        match random() % 3 {
            0 => {
                orders.write(table, node, scope, std::iter::repeat_with(|| OrderEntry { entry: zoneref(), bit: bit() }))
            }
            1 => {
                orders.write(table, node, scope, (0..random() % 7).map(|_| OrderEntry { entry: zoneref(), bit: bit() }))
            }
            _ => _ = orders.name(bit(), zoneref()),
        }
        let sets =
            [random() | random(), random(), random() | random() | random()].map(|bits| ZoneMask::of(bits as usize));
        let filter = OrderFilter::new(&request(), sets[0], sets[1]);
        let seen = orders.walk(sets[2], node, &filter).count();
        assert!(seen <= CAPACITY.zones().max(ZoneKind::COUNT), "{seen} zones of a list");
        shown += seen;
        let kept = orders.read(table, node, scope).count();
        assert!(kept <= orders.room(scope), "{kept} entries of an order table");
    }
    assert!(shown > 1000, "walks show something");
}

/// Several writers at once, with lists that fit and lists that are too long.
#[test]
fn walks_of_tables_end_within_their_list_under_concurrent_writers() {
    let (tables, slots) = (&DoubleBuffer::boxed(CAPACITY), &Slots::<Box<[Slot]>>::boxed(CAPACITY));
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..2 {
            scope.spawn(move || {
                (0..number * 100).for_each(|_| _ = random());
                while !over.load(Relaxed) {
                    let zonerefs: Vec<Zoneref> = (0..8).map(|_| zoneref()).collect();
                    let (len, own) = (random() as u32 % 8, random() as u32 % 7);
                    let row = NodeSpan { start: 0, len, own: own.min(len) };
                    let rows = [row; 3];
                    let lists = ZonelistsRef::new(&zonerefs, &rows).unwrap();
                    let fits = len as usize <= CAPACITY.zones();
                    assert_eq!([tables.replace(lists).is_ok(), slots.rewrite(lists).is_ok()], [fits; 2]);
                }
            });
        }
        let mut shown = 0;
        for _ in 0..100_000 {
            let (node, filter) = (NodeId::new(random() as u16 % 4).unwrap(), SlotFilter::new(&request()));
            let seen = [tables.current().walk(node, &filter).count(), slots.walk(node, &filter).count()];
            assert!(seen.iter().all(|&seen| seen <= CAPACITY.zones().max(ZoneKind::COUNT)), "{seen:?} zones of a list");
            shown += seen[0] + seen[1];
        }
        over.store(true, Relaxed);
        assert!(shown > 1000, "walks show something");
    });
}
