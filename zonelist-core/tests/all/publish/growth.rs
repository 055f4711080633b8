//! Reader slots that are added while readers, publishes and drains go on.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use zonelist_core::{
    LocalHandle, PageRequest, Published, Request, Scheme,
    ZoneKind::{Movable, Normal},
    page_alloc::{PerCpuPages, SetupError},
    publish::{ReaderError, ReaderSlot, ReaderSlots, Standard},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slot, Slots},
    zonelist::ZonelistsRef,
};

use crate::page_alloc::setup::{one_zone, one_zone_lists, zone_id};

fn table() -> Slots<Box<[Slot]>> {
    Slots::boxed(Capacity::new(1, 2).unwrap())
}

#[test]
fn slots_are_added_in_any_memory_and_used_in_sequence() {
    let published = Published::with_slots(StopWorld::new(table()), ReaderSlots::borrowed(&mut []));
    assert_eq!(published.reader().map(drop), Err(ReaderError::NoSlot { slots: 0 }));
    let borrowed: &'static mut [ReaderSlot] = Box::leak(Box::new([const { ReaderSlot::new() }; 2]));
    published.add_slots(ReaderSlots::borrowed(borrowed));
    published.add_slots(ReaderSlots::boxed(0));
    published.add_slots(ReaderSlots::boxed(3));
    assert_eq!(published.slots(), 5);
    let readers: Vec<_> = (0..5).map(|_| published.reader().unwrap()).collect();
    assert_eq!(published.reader().map(drop), Err(ReaderError::NoSlot { slots: 5 }));
    drop(readers);
    assert!(published.reader().is_ok() && published.publish(ZonelistsRef::EMPTY).is_ok());
}

#[test]
fn handles_without_memory_for_their_pages_are_not_added() {
    let allocator = one_zone(StopWorld::new(table()), 4096, 1);
    let few = Vec::from_iter((0..2).map(|_| PerCpuPages::new())).leak();
    let refused = allocator.add_handles(ReaderSlots::boxed(3), few);
    assert_eq!(refused, Err(SetupError::Caches { caches: 2, needed: 3 }));
    assert_eq!(allocator.published().slots(), 1);
    let enough = Vec::from_iter((0..3).map(|_| PerCpuPages::new())).leak();
    allocator.add_handles(ReaderSlots::boxed(3), enough).unwrap();
    let handles: Vec<_> = (0..4).map(|_| allocator.local().unwrap()).collect();
    assert!(allocator.local().is_err());
    drop(handles);
    // Slots without per-CPU pages serve plain readers only.
    allocator.published().add_slots(ReaderSlots::boxed(1));
    let handles: Vec<_> = (0..4).map(|_| allocator.local().unwrap()).collect();
    assert!(allocator.local().is_err());
    assert!(allocator.published().reader().is_ok());
    drop(handles);
}

#[test]
fn per_cpu_pages_are_of_the_first_slots_without_any() {
    let allocator = one_zone(StopWorld::new(table()), 4096, 1);
    let first = allocator.local().unwrap();
    allocator.published().add_slots(ReaderSlots::boxed(2));
    // Without a slot that has pages, no slot is claimed, not even for a moment.
    assert_eq!(allocator.local().map(drop).unwrap_err(), ReaderError::NoSlot { slots: 1 });
    let readers = [(); 2].map(|()| allocator.published().reader().unwrap());
    allocator.add_boxed_handles(2).unwrap();
    assert_eq!(allocator.local().map(drop).unwrap_err(), ReaderError::NoSlot { slots: 3 });
    drop(readers);
    let others = [(); 2].map(|()| allocator.local().unwrap());
    assert!(allocator.local().is_err() && allocator.published().reader().is_ok());
    drop((first, others));
}

/// No part of an allocator is on the stack for each handle.
#[test]
fn thousands_of_handles_need_little_stack() {
    const HANDLES: usize = if cfg!(miri) { 64 } else { 8192 };
    let small = thread::Builder::new().stack_size(2 << 20);
    let all = small.spawn(|| {
        let allocator = one_zone(StopWorld::new(table()), 1 << 18, HANDLES / 2);
        allocator.add_boxed_handles(HANDLES / 2).unwrap();
        let prepared = allocator.prepare(&PageRequest::up_to(Movable));
        let mut handles: Vec<LocalHandle<'_, '_, _, Standard>> = Vec::new();
        handles.extend((0..HANDLES).map(|_| allocator.local().unwrap()));
        let node = zone_id(0, Normal).node();
        let pages: Vec<_> =
            handles.iter_mut().step_by(97).map(|handle| handle.alloc(node, &prepared).unwrap()).collect();
        allocator.published().publish(one_zone_lists()).unwrap();
        allocator.drain().unwrap();
        handles.iter_mut().step_by(97).zip(pages).for_each(|(handle, page)| handle.free(page).unwrap());
        drop(handles);
        let stats = allocator.stats(zone_id(0, Normal)).unwrap();
        assert_eq!((stats.free, stats.cached), (1 << 18, 0));
    });
    all.unwrap().join().unwrap();
}

/// Handles come and go in new slots, while others walk, publish and drain.
fn grows_under_load<S: Scheme + Send + Sync>(scheme: S) {
    let allocator = one_zone(scheme, 1 << 14, 1);
    let over = AtomicBool::new(false);
    let use_handles = |handles: usize| {
        let prepared = allocator.prepare(&PageRequest::up_to(Movable));
        let mut all: Vec<_> = (0..handles).map_while(|_| allocator.local().ok()).collect();
        for handle in &mut all {
            let pages: Vec<_> = (0..3).map(|_| handle.alloc(zone_id(0, Normal).node(), &prepared).unwrap()).collect();
            pages.into_iter().for_each(|page| handle.free(page).unwrap());
        }
        all.len()
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                allocator.published().publish(one_zone_lists()).unwrap();
                allocator.drain().unwrap();
            }
        });
        scope.spawn(|| {
            while !over.load(Relaxed) {
                let Ok(mut reader) = allocator.published().reader() else { continue };
                let filter = allocator.published().filter(&Request::up_to(Movable));
                assert!(reader.enter().walk(zone_id(0, Normal).node(), &filter).count() <= 1);
            }
        });
        let mut most = 0;
        for more in [1, 2, 30, 100] {
            allocator.add_boxed_handles(more).unwrap();
            most = most.max(use_handles(40));
        }
        over.store(true, Relaxed);
        assert_eq!(most, 40);
    });
    let stats = allocator.stats(zone_id(0, Normal)).unwrap();
    assert_eq!((stats.free, stats.cached, stats.misdirected), (1 << 14, 0, 0));
}

#[test]
fn handles_are_added_under_load_of_the_baselines() {
    grows_under_load(StopWorld::new(table()));
    grows_under_load(StopWorldPreempted::new(table()));
}
