//! Watermark checks: each request stops at the page that the formula gives.

use zonelist_core::{
    Mobility, Pfn, ZoneKind,
    zone::{Order, Urgency, WatermarkLevel, ZoneWatermarks},
};

use super::oracle::{Pair, SPAN, empty};

/// The free pages that are left when blocks are allocated for as long as the watermarks allow.
fn left(pair: &Pair, order: Order, highest: ZoneKind, level: WatermarkLevel) -> u64 {
    while pair.zone.allows(order, highest, level) && pair.zone.alloc(order, Mobility::Movable).is_some() {}
    pair.zone.free_pages() as u64
}

fn full() -> Pair {
    let mut pair = Pair::new(empty(Order::MAX));
    pair.add(SPAN);
    pair
}

fn watermarks(min: u64) -> ZoneWatermarks {
    ZoneWatermarks { min, low: min + min / 4, high: min + min / 2, reserve: [0, 0, 3, 0, 40, 7] }
}

#[test]
fn order_0_stops_at_the_watermark_plus_the_reserve() {
    for min in (0..40).chain([255, 256, 257, 1021]) {
        for highest in ZoneKind::ALL {
            let watermarks = watermarks(min);
            let reserve = watermarks.reserve[highest.index()];
            let pair = full();
            pair.zone.set_watermarks(&watermarks);
            assert_eq!(pair.zone.watermarks(), watermarks);
            assert_eq!(left(&pair, Order::ZERO, highest, WatermarkLevel::Low), watermarks.low + reserve);
            // In descending sequence of the pages that are left: each urgency takes pages that the one before had to
            // leave.
            let mut urgencies = Urgency::ALL.map(|urgency| (formula(min, urgency), urgency));
            urgencies.sort_by_key(|&(min, _)| std::cmp::Reverse(min));
            for (reduced, urgency) in urgencies {
                assert_eq!(
                    left(&pair, Order::ZERO, highest, WatermarkLevel::Min(urgency)),
                    reduced + reserve,
                    "{urgency:?}"
                );
            }
        }
    }
}

/// The formula of Linux 4.14, implemented a second time.
fn formula(mut min: u64, urgency: Urgency) -> u64 {
    if urgency.has(Urgency::HIGH) {
        min -= min / 2;
    }
    match (urgency.has(Urgency::OUT_OF_MEMORY), urgency.has(Urgency::NON_BLOCKING)) {
        (true, _) => min - min / 2,
        (false, true) => min - min / 4,
        (false, false) => min,
    }
}

#[test]
fn pages_beyond_the_first_of_a_block_do_not_count_as_free() {
    let pair = full();
    pair.zone.set_watermarks(&watermarks(1000));
    let mut pfns = vec![Pfn::new(0); pair.zone.free_pages()];
    for order in Order::ALL {
        for urgency in Urgency::ALL {
            let least = formula(1000, urgency) + 3;
            let boundary = least + order.pages();
            for free in boundary - 2..=boundary + 1 {
                let surplus = pair.zone.free_pages() as u64 - free;
                let taken = pair.zone.alloc_bulk(Mobility::Movable, &mut pfns[..surplus as usize]);
                let allowed = pair.zone.allows(order, ZoneKind::Normal, WatermarkLevel::Min(urgency));
                assert_eq!(allowed, free >= boundary, "{free} free, order {order}, {urgency:?}");
                pair.zone.free_bulk(&pfns[..taken]).unwrap();
            }
        }
    }
}
