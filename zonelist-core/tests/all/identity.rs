//! Values of one instance used at another, as the table of `zonelist_core::identity` documents.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::made_up;
use zonelist_core::{
    NodeId, Page, PageAllocator, PageRequest, Pfn, Zone, ZoneId, ZoneKind, Zoneref,
    page_alloc::{HandleError, MigrationSource, MovablePages, MoveError},
    publish::Published,
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slots},
    zone::{Order, Urgency},
    zonelist::{NodeSpan, ZonelistsRef},
};

type Allocator = PageAllocator<'static, StopWorld<Box<[zonelist_core::table::Slot]>>>;

const ZONE: ZoneId = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);

fn allocator() -> Allocator {
    let zone = Zone::boxed(ZONE, Pfn::range(0..4096), Order::MAX, Spin::new()).unwrap();
    zone.add(Pfn::range(0..4096)).unwrap();
    let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    let rows = [NodeSpan { start: 0, len: 1, own: 1 }];
    published.publish(ZonelistsRef::new(&[Zoneref::new(ZONE)], &rows).unwrap()).unwrap();
    PageAllocator::boxed(published, vec![zone]).unwrap()
}

/// Debug builds panic. In release builds the request is served, since its filter belongs to no instance.
#[test]
fn a_prepared_request_of_another_allocator_is_found_in_debug_builds() {
    let (ours, theirs) = (allocator(), allocator());
    for urgency in [Urgency::NONE, Urgency::NON_BLOCKING] {
        let request = PageRequest::up_to(ZoneKind::Normal).urgency(urgency);
        let (prepared, foreign) = (ours.prepare(&request), theirs.prepare(&request));
        let mut local = ours.local().unwrap();
        let page = local.alloc(ZONE.node(), &prepared).unwrap();
        local.free(page).unwrap();
        let tried = catch_unwind(AssertUnwindSafe(|| local.alloc(ZONE.node(), &foreign).is_ok()));
        if cfg!(debug_assertions) {
            let said = tried.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(*said, "a prepared request of another instance; expected one that this instance made");
        } else {
            assert!(tried.unwrap());
        }
        // The handle still works.
        let _ = local.alloc(ZONE.node(), &prepared).unwrap();
    }
}

/// Two allocators have page frames of the same numbers: a migration of one moves only its own pages.
#[test]
fn a_page_of_another_allocator_behind_a_handle_is_passed_over() {
    struct Ours<'a>(&'a Allocator);
    impl zonelist_core::page_alloc::MigrationTargets for Ours<'_> {
        fn has(&self, page: &Page) -> bool {
            self.0.zone_of(page).is_some()
        }
        fn alloc_target(&mut self, page: &Page) -> Option<Page> {
            panic!("a target was requested for {page:?}")
        }
        fn free_source(&mut self, _: Page) {}
    }
    let (ours, theirs) = (allocator(), allocator());
    let movables =
        MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Err(MoveError::Never), 2);
    let prepared = theirs.prepare(&PageRequest::up_to(ZoneKind::Normal));
    let mut local = theirs.local().unwrap();
    let handles = [false, true].map(|pinned| {
        let handle = movables.insert(local.alloc(ZONE.node(), &prepared).unwrap()).unwrap();
        if pinned {
            movables.pin(handle).unwrap();
        }
        handle
    });
    assert_eq!(movables.move_away(&Pfn::range(0..4096), &mut Ours(&ours)), Ok(()));
    for handle in handles {
        local.free(movables.remove(handle).unwrap()).unwrap();
    }
}

/// Handles of 50 instances, which differ in nothing but the instance.
#[test]
fn a_handle_belongs_to_one_instance() {
    let all: Vec<_> = (0..50)
        .map(|_| {
            MovablePages::boxed(|_: zonelist_core::page_alloc::Handle, _: &Page, _: &Page| Err(MoveError::Never), 1)
        })
        .collect();
    let handles: Vec<_> = all.iter().map(|movables| movables.insert(made_up::page(0)).unwrap()).collect();
    for (at, movables) in all.iter().enumerate() {
        for (of, &handle) in handles.iter().enumerate() {
            let outcome = movables.hold(handle).map(|held| held.page().pfn());
            assert_eq!(outcome, if at == of { Ok(Pfn::new(0)) } else { Err(HandleError::Foreign) });
            if at != of {
                let tried = [movables.try_hold(handle).map(drop), movables.pin(handle), movables.unpin(handle)];
                assert_eq!(tried, [Err(HandleError::Foreign); 3]);
                assert_eq!(
                    [movables.remove(handle), movables.try_remove(handle)],
                    [const { Err(HandleError::Foreign) }; 2]
                );
            }
        }
    }
}
