//! A zone, compared with an oracle: a plain list of every frame.

mod boot_layout;
mod managed;
mod oracle;
mod refusals;
mod watermark_check;

use std::collections::BTreeSet;

use crate::support::order;
use oracle::{Pair, SPAN, empty};
use proptest::prelude::*;
use zonelist_core::{Mobility, Pfn, zone::Order};

#[derive(Clone, Debug)]
enum Step {
    Alloc(Order, Mobility),
    Free(usize),
    AllocBulk(usize, Mobility),
    FreeBulk(usize, usize),
    Contig(u64, u64, bool),
    Add(u64, u64),
    Remove(u64, u64),
    ToggleIsolation(u64),
    FreeWrongly(u64, Order),
}

fn mobility() -> impl Strategy<Value = Mobility> {
    prop::sample::select(&Mobility::ALL)
}

fn step() -> impl Strategy<Value = Step> {
    let order = prop_oneof![3 => 0_u8..4, 1 => 4_u8..=10].prop_map(order);
    prop_oneof![
        8 => (order.clone(), mobility()).prop_map(|(order, mobility)| Step::Alloc(order, mobility)),
        6 => any::<usize>().prop_map(Step::Free),
        4 => (1_usize..700, mobility()).prop_map(|(count, mobility)| Step::AllocBulk(count, mobility)),
        4 => (any::<usize>(), 1_usize..300).prop_map(|(at, count)| Step::FreeBulk(at % 1000, count)),
        1 => (1_u64..1500, 0_u32..12, any::<bool>()).prop_map(|(frames, align, back)| Step::Contig(frames, 1 << align, back)),
        1 => (SPAN, 1_u64..900).prop_map(|(start, len)| Step::Add(start, len)),
        1 => (SPAN, 1_u64..40).prop_map(|(start, len)| Step::Remove(start, len)),
        1 => (SPAN.start / 512..=(SPAN.end - 1) / 512).prop_map(Step::ToggleIsolation),
        2 => (SPAN.start - 200..SPAN.end + 200, order).prop_map(|(pfn, order)| Step::FreeWrongly(pfn, order)),
    ]
}

/// A zone with a hole, and all other frames free.
fn with_hole(max_order: Order) -> Pair {
    let mut pair = Pair::new(empty(max_order));
    pair.add(SPAN.start..4300);
    pair.add(4700..SPAN.end);
    pair
}

fn run(max_order: Order, steps: &[Step]) {
    let mut pair = with_hole(max_order);
    for step in steps {
        match *step {
            Step::Alloc(order, mobility) if order <= max_order => pair.alloc(order, mobility),
            Step::Alloc(order, mobility) => assert_eq!(pair.zone.alloc(order, mobility), None),
            Step::Free(at) => pair.free(at),
            Step::AllocBulk(count, mobility) => pair.alloc_bulk(count, mobility),
            Step::FreeBulk(at, count) => pair.free_bulk(at, count),
            Step::Contig(frames, align, back) => pair.contig(frames, align, back),
            Step::Add(start, len) => pair.add(start..(start + len).min(SPAN.end)),
            Step::Remove(start, len) => pair.remove(start..(start + len).min(SPAN.end)),
            Step::ToggleIsolation(block) => pair.toggle_isolation(block),
            Step::FreeWrongly(pfn, order) => pair.free_wrongly(pfn, order),
        }
        pair.check();
    }
    pair.free_all();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::cases(1000, 10)))]

    #[test]
    fn no_frame_is_lost_or_allocated_twice(steps in prop::collection::vec(step(), 1..50)) {
        run(Order::MAX, &steps);
    }

    #[test]
    fn no_frame_is_lost_or_allocated_twice_below_any_max_order(max_order in 0_u8..10, steps in prop::collection::vec(step(), 1..25)) {
        run(order(max_order), &steps);
    }
}

#[test]
fn unmovable_pages_share_one_pageblock() {
    let pair = with_hole(Order::MAX);
    let alloc = |mobility| pair.zone.alloc(Order::ZERO, mobility).unwrap().number();
    let mixed: Vec<(u64, u64)> = (0..400).map(|_| (alloc(Mobility::Movable), alloc(Mobility::Unmovable))).collect();
    let blocks: BTreeSet<u64> = mixed.iter().map(|pages| pages.1 / 512).collect();
    assert_eq!(blocks.len(), 1, "400 unmovable pages fit into one pageblock");
    assert!(mixed.iter().all(|pages| !blocks.contains(&(pages.0 / 512))), "and no movable page is in it");
}

#[test]
fn isolated_frames_are_not_allocated() {
    let pair = with_hole(Order::MAX);
    let (block, free) = (Pfn::range(5120..5632), pair.zone.free_pages());
    pair.zone.isolate(block.clone()).unwrap();
    assert_eq!(pair.zone.free_pages(), free - 512);
    let mut pfns = vec![Pfn::new(0); free];
    assert_eq!(pair.zone.alloc_bulk(Mobility::Movable, &mut pfns), free - 512);
    assert!(pfns[..free - 512].iter().all(|pfn| !block.contains(pfn)));
    assert_eq!(pair.zone.alloc_contig(1, 1), None);
    pair.zone.unisolate(block.clone()).unwrap();
    assert_eq!(pair.zone.alloc(Order::PAGEBLOCK, Mobility::Movable), Some(Pfn::new(5120)));
}
