//! Statistics of an allocator, and invalid arguments.

use zonelist_core::{
    Mobility, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone,
    ZoneKind::{Dma, Dma32, Normal},
    page_alloc::{NotFreed, PerCpuPages, Refusal, SetupError},
    publish::{Published, ReaderError, ReaderSlots, Standard},
    stop_world::StopWorld,
    table::{Capacity, Slots},
    zone::{FreeError, Order},
};

use crate::made_up;

use super::setup::{READERS, no_protocol, stop_world, zone_id, zones};

#[test]
fn tables_are_in_the_layout_of_linux() {
    let allocator = no_protocol::<Standard>();
    let (node, request) = (NodeId::new(1).unwrap(), allocator.prepare(&PageRequest::up_to(Normal)));
    let mut local = allocator.local().unwrap();
    let pages: Vec<Page> = (0..5).map(|_| local.alloc(node, &request).unwrap()).collect();
    let table = allocator.buddyinfo().to_string();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[1],
        "Node 0, zone   Normal      0      0      0      0      0      0      0      0      0      0      4 "
    );
    assert_eq!(
        lines[2],
        "Node 1, zone   Normal      0      0      0      0      1      1      1      1      1      1      1 "
    );
    let stats = allocator.stats(zone_id(1, Normal)).unwrap();
    assert_eq!((stats.free, stats.cached, stats.hits, stats.misses), (2032, 11, 4, 1));
    let table = allocator.zoneinfo().to_string();
    let third = table.split("Node").nth(3).unwrap();
    let expected = " 1, zone   Normal\n  pages free     2032\n        min      40\n        low      50\n        high     60\n        \
                    spanned  2048\n        managed  2048\n        protection: (0, 0, 0, 0, 0, 0)\n      cached       11\n      \
                    hits         4\n      misses       1\n      fallbacks    0\n      failures     0\n      misdirected  0\n  \
                    start_pfn:           8192\n";
    assert_eq!(third, expected);
    local.free_bulk(pages).unwrap();
}

#[test]
fn hits_are_counted_beyond_sixteen_bits() {
    let allocator = no_protocol::<Standard>();
    let (node, request) = (NodeId::new(1).unwrap(), allocator.prepare(&PageRequest::up_to(Normal)));
    let mut local = allocator.local().unwrap();
    let mut page = local.alloc(node, &request).unwrap();
    for _ in 0..70_000 {
        local.free(page).unwrap();
        page = local.alloc(node, &request).unwrap();
    }
    local.free(page).unwrap();
    let stats = allocator.stats(zone_id(1, Normal)).unwrap();
    assert_eq!((stats.hits, stats.misses), (70_000, 1));
}

#[test]
fn a_page_that_is_not_allocated_is_refused() {
    let allocator = no_protocol::<Standard>();
    let mut local = allocator.local().unwrap();
    let (node, request) =
        (NodeId::new(0).unwrap(), allocator.prepare(&PageRequest::up_to(Normal).order(Order::of::<2>())));
    let page = local.alloc(node, &request).unwrap();
    // SAFETY: the pages are compared, and not used.
    let found = |pfn, order| unsafe { allocator.page(pfn, order, Mobility::Unmovable) };
    assert_eq!(
        (found(page.pfn(), Order::of::<2>()), found(Pfn::new(50_000), Order::ZERO)),
        (Some(made_up::again(&page)), None)
    );
    let mut refused = |word| local.free(made_up::page_of_word(word).unwrap()).unwrap_err();
    let NotFreed { page: without_zone, error } = refused(page.as_raw() | 0xff << 44);
    assert_eq!(error, FreeError::NoSuchZone);
    assert!(allocator.zone_of(&without_zone).is_none());
    assert_eq!(refused(page.as_raw() + (1 << 20)).error, FreeError::NoSuchFrame);
    // Blocks of order 5 are not cached.
    let _ = refused(page.as_raw() & !(0xf << 58) | 5 << 58);
    let second = made_up::again(&page);
    local.free(page).unwrap();
    let twice = local.free(second).map_err(|not_freed| not_freed.error);
    assert_eq!(twice, if cfg!(feature = "checked") { Err(FreeError::NeverHandedOut) } else { Ok(()) });
    allocator.drain().unwrap();
    let stats = allocator.stats(zone_id(0, Normal)).unwrap();
    assert_eq!((stats.misdirected, stats.free), (usize::from(twice.is_ok()), stats.managed));
}

#[test]
fn invalid_parts_of_an_allocator_are_refused() {
    let published =
        || Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())), ReaderSlots::boxed(1));
    let twice = || {
        let mut zones = zones();
        zones.extend(self::zones().drain(..1));
        zones
    };
    let error = PageAllocator::boxed(published(), twice()).err();
    assert_eq!(error, Some(SetupError::DuplicateZone { zone: zone_id(0, Dma32) }));
    let zones: &'static [Zone<'static>] = zones().leak();
    let made = |entries, caches: usize| {
        let caches: Vec<PerCpuPages> = (0..caches).map(|_| PerCpuPages::new()).collect();
        PageAllocator::new(published(), zones, vec![0; entries].leak(), caches.leak())
    };
    assert_eq!(made(1, 4).err(), Some(SetupError::Index { entries: 1, needed: 2 }));
    assert_eq!(made(16, 3).err(), Some(SetupError::Caches { caches: 3, needed: 4 }));
    assert_eq!(PageAllocator::boxed(published(), Vec::<Zone<'_>>::new()).err(), Some(SetupError::NoZone));
    let in_callers_memory = made(16, 4).unwrap();
    let mut local = in_callers_memory.local().unwrap();
    let request = in_callers_memory.prepare(&PageRequest::up_to(Normal));
    assert!(local.alloc(NodeId::new(0).unwrap(), &request).is_err(), "no lists are published yet");
    assert_eq!((local.failure().zones(), local.failure().zones_passed_over()), (0, 4));
    assert!(local.failure().passed_over().take(3).all(|(_, why)| why == Refusal::NotListed), "{}", local.failure());
    let pfn = zones[1].alloc(Order::ZERO, Mobility::Movable).unwrap();
    // SAFETY: the zone has just allocated the block.
    let page = unsafe { in_callers_memory.page(pfn, Order::ZERO, Mobility::Movable) };
    local.free(page.unwrap()).unwrap();
    assert_eq!(in_callers_memory.drain(), Ok(1));
    let allocator = no_protocol::<Standard>();
    assert!(allocator.zone(zone_id(0, Dma)).is_none() && allocator.stats(zone_id(7, Normal)).is_none());
    let unknown = zone_id(7, Normal);
    assert_eq!((allocator.drain_zone(unknown), allocator.without_caches(unknown, || 5)), (Ok(0), Ok(5)));
}

#[test]
fn there_are_as_many_handles_as_reader_slots() {
    fn all<S: zonelist_core::publish::Scheme>(allocator: &super::Allocator<S, Standard>) {
        for _ in 0..3 {
            let handles: Vec<_> = (0..READERS).map(|_| allocator.local().unwrap()).collect();
            assert_eq!(allocator.local().map(drop), Err(ReaderError::NoSlot { slots: READERS }));
            drop(handles);
        }
    }
    all(&no_protocol());
    all(&stop_world());
}
