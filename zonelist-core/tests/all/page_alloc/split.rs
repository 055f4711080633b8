//! Splits of blocks: each part is freed by itself, in any sequence, and all parts merge again.

use zonelist_core::{
    Mobility, NodeId, Page, PageRequest,
    ZoneKind::Normal,
    page_alloc::{NotSplit, SplitError},
    publish::{Scheme, Standard},
    zone::{FreeError, Order},
};

use super::{
    Allocator,
    setup::{no_protocol, zone_id},
};
use crate::made_up;

const NODE: NodeId = NodeId::new(1).unwrap();

/// Pseudo-random numbers: the high bits of a linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

/// Splits a page, and each of its halves, as long as `splits` says so.
fn parts<S: Scheme>(
    allocator: &Allocator<S, Standard>,
    page: Page,
    splits: &mut dyn FnMut(&Page) -> bool,
    out: &mut Vec<Page>,
) {
    if page.order() == Order::ZERO || !splits(&page) {
        out.push(page);
        return;
    }
    let (pfn, order, mobility) = (page.pfn(), page.order().half().unwrap(), page.mobility());
    let halves = allocator.split(page).unwrap();
    let expected = [pfn, pfn + order.pages()].map(|pfn| (pfn, order, mobility));
    assert_eq!(halves.each_ref().map(|half| (half.pfn(), half.order(), half.mobility())), expected);
    assert!(halves.iter().all(|half| allocator.zone_of(half).unwrap().id() == zone_id(1, Normal)));
    halves.into_iter().for_each(|half| parts(allocator, half, splits, out));
}

#[test]
fn parts_are_freed_in_any_sequence_and_merge_again() {
    let allocator = no_protocol::<Standard>();
    let zone = allocator.zone(zone_id(1, Normal)).unwrap();
    let before = zone.free_by_order();
    let mut random = Random(7);
    for order in Order::ALL {
        for mobility in Mobility::ALL {
            let request = allocator.prepare(&PageRequest::up_to(Normal).order(order).mobility(mobility));
            for turn in 0..20 {
                let mut local = allocator.local().unwrap();
                let page = local.alloc(NODE, &request).unwrap();
                let frames = page.frames();
                let mut all = Vec::new();
                // Down to single frames, and then in part.
                let mut splits = |_: &Page| turn == 0 || random.below(3) > 0;
                parts(&allocator, page, &mut splits, &mut all);
                let mut covered = frames.start;
                for part in &all {
                    assert_eq!(part.pfn(), covered);
                    covered += part.order().pages();
                }
                assert_eq!(covered, frames.end);
                assert!(turn > 0 || all.len() as u64 == order.pages());
                (1..all.len()).for_each(|at| all.swap(at, random.below(at + 1)));
                // Some through the per-CPU pages, and some by a handle that waits for nothing.
                for part in all {
                    if random.below(2) == 0 { local.free(part).unwrap() } else { local.try_free(part).unwrap() }
                }
                drop(local);
                assert_eq!(zone.free_by_order(), before, "order {order}");
                let stats = allocator.stats(zone.id()).unwrap();
                assert_eq!((stats.free, stats.cached, stats.misdirected), (stats.managed, 0, 0));
            }
        }
    }
}

#[test]
fn a_part_is_kept_while_the_rest_is_allocated_again() {
    let allocator = no_protocol::<Standard>();
    let request = |order| allocator.prepare(&PageRequest::up_to(Normal).order(order));
    let mut local = allocator.local().unwrap();
    let page = local.alloc(NODE, &request(Order::PAGEBLOCK)).unwrap();
    let [lower, kept] = allocator.split(page).unwrap();
    local.free(lower).unwrap();
    let single = request(Order::ZERO);
    let mut others: Vec<Page> = std::iter::repeat_with(|| local.alloc(NODE, &single)).map_while(Result::ok).collect();
    assert!(others.len() > 1000 && others.iter().all(|page| !(kept.pfn()..kept.pfn() + 256).contains(&page.pfn())));
    others.push(kept);
    local.free_bulk(others).unwrap();
    drop(local);
    assert!(allocator.zones().iter().all(|zone| zone.free_pages() == zone.managed()));
}

#[test]
fn a_page_that_is_not_split_is_returned() {
    let (allocator, other) = (no_protocol::<Standard>(), no_protocol::<Standard>());
    let request = |order| allocator.prepare(&PageRequest::up_to(Normal).order(order));
    let mut local = allocator.local().unwrap();
    let single = local.alloc(NODE, &request(Order::ZERO)).unwrap();
    let NotSplit { page: single, error } = allocator.split(single).unwrap_err();
    assert_eq!(error, SplitError::Single);
    local.free(single).unwrap();

    let page = local.alloc(NODE, &request(Order::of::<3>())).unwrap();
    let NotSplit { page, error } = other.split(page).unwrap_err();
    assert_eq!(error, SplitError::Invalid(FreeError::NoSuchZone));
    local.free(page).unwrap();
}

/// The whole of a block that was split, and a half of one that was not: an error with the feature `checked`.
#[cfg(feature = "checked")]
#[test]
fn a_block_is_freed_as_it_was_split() {
    let allocator = no_protocol::<Standard>();
    let request = allocator.prepare(&PageRequest::up_to(Normal).order(Order::of::<2>()));
    let mut local = allocator.local().unwrap();
    let page = local.alloc(NODE, &request).unwrap();
    let again = made_up::again(&page);
    let half = made_up::page_of_word(page.as_raw() & !(0xf << 58) | 1 << 58).unwrap();
    assert_eq!(local.free(half).unwrap_err().error, FreeError::WrongOrder { order: Order::of::<2>() });
    let halves = allocator.split(page).unwrap();
    let NotSplit { page: again, error } = allocator.split(again).unwrap_err();
    assert_eq!(error, SplitError::Invalid(FreeError::WrongOrder { order: Order::of::<1>() }));
    assert_eq!(local.free(again).unwrap_err().error, FreeError::WrongOrder { order: Order::of::<1>() });
    halves.into_iter().for_each(|half| local.free(half).unwrap());
}

/// Without the feature, the whole of a block that was split is freed like any block.
#[cfg(not(feature = "checked"))]
#[test]
fn a_split_is_not_recorded_in_the_zone() {
    let allocator = no_protocol::<Standard>();
    let request = allocator.prepare(&PageRequest::up_to(Normal).order(Order::of::<5>()));
    let mut local = allocator.local().unwrap();
    let page = local.alloc(NODE, &request).unwrap();
    let again = made_up::again(&page);
    let [lower, upper] = allocator.split(page).unwrap();
    // The halves are given up for the block that they were.
    let _ = (lower.into_raw(), upper.into_raw());
    local.free(again).unwrap();
    drop(local);
    assert!(allocator.zones().iter().all(|zone| zone.free_pages() == zone.managed()));
}
