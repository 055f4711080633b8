//! Invalid pages and handles: of another allocator, of frames or orders that the zones can't have, and freed twice. And
//! the pages of a leaked handle, which are valid.

use zonelist_core::{
    Mobility, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone,
    ZoneKind::Normal,
    Zoneref,
    page_alloc::{HandleError, MovablePages, MoveError, NotFreed, NotSplit, PerCpuPages, SplitError},
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot, Slots},
    zone::{FreeError, Order},
    zonelist::{NodeSpan, ZonelistsRef},
};

use super::setup::zone_id;
use crate::made_up;

type Allocator = PageAllocator<'static, StopWorld<Box<[Slot]>>>;

const NODE: NodeId = NodeId::new(0).unwrap();
/// A span that begins and ends within a pageblock.
const SPAN: std::ops::Range<u64> = 700..8123;

fn published() -> Published<StopWorld<Box<[Slot]>>> {
    let zonerefs = [Zoneref::new(zone_id(0, Normal))];
    let published =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())), ReaderSlots::boxed(4));
    published.publish(ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 1, own: 1 }]).unwrap()).unwrap();
    published
}

fn zone() -> Zone<'static> {
    let zone = Zone::boxed(zone_id(0, Normal), Pfn::range(SPAN), Order::MAX, Spin::new()).unwrap();
    zone.add(Pfn::range(SPAN)).unwrap();
    zone
}

fn allocator() -> Allocator {
    PageAllocator::boxed(published(), vec![zone()]).unwrap()
}

/// Some orders that are cached, and some that are not.
const ORDERS: [Order; 6] =
    [Order::ZERO, Order::of::<1>(), Order::of::<3>(), Order::of::<5>(), Order::PAGEBLOCK, Order::MAX];

fn alloc(allocator: &Allocator, order: Order) -> Page {
    let request = allocator.prepare(&PageRequest::up_to(Normal).order(order));
    allocator.local().unwrap().alloc(NODE, &request).unwrap()
}

#[test]
fn a_page_of_another_allocator_is_refused() {
    let (ours, theirs) = (allocator(), allocator());
    for order in ORDERS {
        let (mine, other) = (alloc(&ours, order), alloc(&theirs, order));
        assert_eq!(mine.pfn(), other.pfn(), "the allocators are alike");
        assert_eq!(ours.zone_of(&other).map(Zone::id), None);
        let mut local = ours.local().unwrap();
        // Also if the per-CPU pages have room for such a page.
        local.free(mine).unwrap();
        let pfn = other.pfn();
        let NotFreed { page: other, error } = local.free(other).unwrap_err();
        assert_eq!((other.pfn(), error), (pfn, FreeError::NoSuchZone), "order {order}");
        let mut some = [local.alloc(NODE, &ours.prepare(&PageRequest::up_to(Normal))).unwrap(), other].into_iter();
        let NotFreed { page: other, error } = local.free_bulk(&mut some).unwrap_err();
        assert_eq!((other.pfn(), error), (pfn, FreeError::NoSuchZone));
        let other = match ours.split(other) {
            Err(NotSplit { page, error }) => {
                let foreign = SplitError::Invalid(FreeError::NoSuchZone);
                assert_eq!(error, if order == Order::ZERO { SplitError::Single } else { foreign });
                page
            }
            Ok(halves) => panic!("{halves:?}"),
        };
        drop(local);
        theirs.local().unwrap().free(other).unwrap();
    }
    for allocator in [ours, theirs] {
        let zone = &allocator.zones()[0];
        assert_eq!((zone.free_pages(), zone.managed()), (7423, 7423));
        assert_eq!(allocator.stats(zone.id()).unwrap().misdirected, 0);
    }
}

/// A thousand allocators: each finds the zone of its own pages, and of no others.
#[test]
fn pages_of_a_thousand_allocators_are_distinguished() {
    let allocators: Vec<Allocator> = (0..1000).map(|_| allocator()).collect();
    let pages: Vec<Page> = allocators.iter().map(|allocator| alloc(allocator, Order::ZERO)).collect();
    for (at, allocator) in allocators.iter().enumerate() {
        let known: Vec<usize> = (0..pages.len()).filter(|&of| allocator.zone_of(&pages[of]).is_some()).collect();
        assert_eq!(known, [at]);
    }
}

/// Words of pages that no zone can have are refused, whether or not the per-CPU pages have room.
#[test]
fn frames_out_of_the_span_are_refused() {
    let allocator = allocator();
    let mut local = allocator.local().unwrap();
    for order in ORDERS {
        // Now the per-CPU pages have room.
        let request = allocator.prepare(&PageRequest::up_to(Normal).order(order));
        let page = local.alloc(NODE, &request).unwrap();
        let zero = page.as_raw() - page.pfn().number();
        local.free(page).unwrap();
        let at = |pfn: u64| made_up::page_of_word(zero + Pfn::new(pfn).align_down(order).number()).unwrap();
        let length = order.pages();
        for pfn in [0, SPAN.start - 1, SPAN.end, SPAN.end - 1, SPAN.end + 5000, (1 << 44) - 1] {
            let made_up = at(pfn);
            let frames = made_up.frames();
            if SPAN.start <= frames.start.number() && frames.end.number() <= SPAN.end {
                continue;
            }
            let NotFreed { page, error } = local.free(made_up).unwrap_err();
            if !cfg!(feature = "checked") {
                assert_eq!(error, FreeError::NoSuchFrame, "{page:?}");
            }
        }
        // SAFETY: the page is not used.
        let page = unsafe { allocator.page(Pfn::new(SPAN.start).align_down(order), order, Mobility::Unmovable) };
        assert_eq!(page.is_some(), length <= 4);
    }
    local.drain();
    let zone = &allocator.zones()[0];
    assert_eq!((zone.free_pages(), allocator.stats(zone.id()).unwrap().misdirected), (7423, 0));
}

/// Safe code frees a page once. A page that unsafe code has made again may be freed, and allocated, twice: the zone
/// counts a misdirected free and is otherwise as before. With the feature `checked` the free is an error.
#[test]
fn a_double_free_is_an_error_or_counted() {
    let allocator = allocator();
    let mut local = allocator.local().unwrap();
    let page = alloc(&allocator, Order::ZERO);
    let second = made_up::again(&page);
    local.free(page).unwrap();
    let again = local.free(second).map_err(|not_freed| not_freed.error);
    if cfg!(feature = "checked") {
        assert_eq!(again, Err(FreeError::NeverHandedOut));
    } else {
        assert_eq!(again, Ok(()));
        local.drain();
        assert_eq!(allocator.stats(zone_id(0, Normal)).unwrap().misdirected, 1);
    }
    local.drain();
    assert_eq!(allocator.zones()[0].free_pages(), 7423, "the page is free once");
}

#[test]
fn a_handle_of_other_movable_pages_is_refused() {
    let pages =
        || MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Err(MoveError::Never), 2);
    let (ours, theirs, allocator) = (pages(), pages(), allocator());
    let (mine, other) = (alloc(&allocator, Order::ZERO), alloc(&allocator, Order::ZERO));
    let pfns = (mine.pfn(), other.pfn());
    let (handle, foreign) = (ours.insert(mine).unwrap(), theirs.insert(other).unwrap());
    assert_eq!(handle.index(), foreign.index());
    assert_ne!(handle, foreign);
    assert_eq!(ours.hold(foreign).map(drop), Err(HandleError::Foreign));
    assert_eq!(ours.pin(foreign), Err(HandleError::Foreign));
    assert_eq!(ours.unpin(foreign), Err(HandleError::Foreign));
    assert_eq!(ours.remove(foreign), Err(HandleError::Foreign));
    assert_eq!((ours.remove(handle).unwrap().pfn(), theirs.remove(foreign).unwrap().pfn()), pfns);
}

/// An allocator over zones that outlive it: its drop returns the per-CPU pages of leaked handles to the zones.
#[test]
fn pages_of_a_leaked_handle_are_not_lost_with_the_allocator() {
    let zones: &'static [Zone<'static>] = vec![zone()].leak();
    let caches: Vec<PerCpuPages> = (0..4).map(|_| PerCpuPages::new()).collect();
    let allocator = PageAllocator::<_, _>::new(published(), zones, vec![0; 3].leak(), caches.leak()).unwrap();
    let mut kept = Vec::new();
    for order in ORDERS {
        let request = allocator.prepare(&PageRequest::up_to(Normal).order(order));
        let mut local = allocator.local().unwrap();
        let [freed, page] = [(); 2].map(|()| local.alloc(NODE, &request).unwrap());
        local.free(freed).unwrap();
        kept.push((page.pfn(), order));
        if kept.len() <= 4 {
            std::mem::forget(local);
        }
        if kept.len() == 4 {
            break;
        }
    }
    let stats = allocator.stats(zone_id(0, Normal)).unwrap();
    let used: usize = kept.iter().map(|(_, order)| order.pages() as usize).sum();
    assert!(stats.cached > 0);
    assert_eq!(stats.free + stats.cached + used, stats.managed);
    drop(allocator);
    assert_eq!(zones[0].free_pages() + used, zones[0].managed());
    kept.into_iter().for_each(|(pfn, order)| zones[0].free(pfn, order).unwrap());
    assert_eq!(zones[0].free_pages(), zones[0].managed());
}
