//! Allocations and frees that wait for nothing: their results where others would wait.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use zonelist_core::{
    LocalHandle, Page, PageRequest,
    ZoneKind::{Movable, Normal},
    page_alloc::{NotFreed, OutOfMemory, Refusal, TryAllocError, TryFreeError},
    publish::{FullFence, Parts, Standard},
    zone::{FreeError, Order, Urgency},
};

use super::{
    hooked_lock::{FRAMES, Hooked, NODE, ZONES, allocator, before_each_lock, with_locks_held},
    setup::{NoProtocol, preempted, stop_world, zone_id},
};
use crate::made_up;

type Handle = LocalHandle<'static, 'static, NoProtocol, Parts<FullFence, Hooked>>;

/// An allocator that is never dropped, so that its handles are `'static`.
fn leaked() -> &'static super::hooked_lock::Allocator<FullFence> {
    Box::leak(Box::new(allocator()))
}

#[test]
fn try_alloc_fails_and_try_free_works_if_walks_may_wait() {
    macro_rules! check_scheme {
        ($make:expr, $name:literal) => {
            let allocator = $make;
            let request = allocator.prepare(&PageRequest::up_to(Movable));
            let mut local = allocator.local().unwrap();
            let page = local.alloc(NODE, &request).unwrap();
            assert_eq!(local.try_alloc(NODE, &request), Err(TryAllocError::SchemeBlocks { scheme: $name }));
            local.try_free(page).unwrap();
        };
    }
    check_scheme!(stop_world::<Standard>(), "StopWorld");
    check_scheme!(preempted::<Standard>(), "StopWorldPreempted");
}

#[test]
fn a_zone_whose_lock_is_held_is_passed_over() {
    let allocator = leaked();
    let request = |highest, urgency| allocator.prepare(&PageRequest::up_to(highest).urgency(urgency));
    let (any, urgent) = (request(Movable, Urgency::NONE), request(Movable, Urgency::NON_BLOCKING));
    let mut local = allocator.local().unwrap();
    let page = local.try_alloc(NODE, &any).unwrap();
    assert_eq!(allocator.zone_of(&page).unwrap().id(), ZONES[0]);
    // Per-CPU pages need no lock.
    let cached = allocator.stats(ZONES[0]).unwrap().cached;
    let taken: Vec<Page> =
        with_locks_held(|| std::iter::from_fn(|| local.try_alloc(NODE, &any).ok()).take(FRAMES as usize).collect());
    if cfg!(feature = "checked") {
        assert!(taken.is_empty(), "allocations are noted under the lock");
    } else {
        assert!(cached > 0);
        assert_eq!(taken.len(), cached);
    }
    with_locks_held(|| {
        assert_eq!(local.try_alloc(NODE, &any), Err(TryAllocError::WouldBlock));
        let refused: Vec<_> = local.failure().refused().collect();
        assert_eq!(refused, ZONES.map(|zone| (zone, Refusal::Locked)));
        assert_eq!(local.alloc(NODE, &urgent), Err(OutOfMemory));
        assert!(local.failure().would_block() && local.failure().to_string().contains("its lock is held"));
    });
    let _ = local.try_alloc(NODE, &any).unwrap();
    let _ = local.alloc(NODE, &urgent).unwrap();
    // Without free pages the result does not depend on locks.
    let huge = allocator.prepare(&PageRequest::up_to(Normal).order(Order::MAX));
    while local.try_alloc(NODE, &huge).is_ok() {}
    assert_eq!(local.try_alloc(NODE, &huge), Err(TryAllocError::OutOfMemory));
    assert!(!local.failure().would_block());
}

#[test]
fn a_page_is_cached_or_busy_while_the_lock_is_held() {
    let allocator = leaked();
    let request = allocator.prepare(&PageRequest::up_to(Movable));
    let large = allocator.prepare(&PageRequest::up_to(Movable).order(Order::of::<5>()));
    let mut local = allocator.local().unwrap();
    let block = local.alloc(NODE, &large).unwrap();
    let pages: Vec<Page> = (0..FRAMES / 2).map(|_| local.alloc(NODE, &request).unwrap()).collect();
    let (mut busy, mut kept) = (Vec::new(), 0);
    let block = with_locks_held(|| {
        let error = local.try_free(block).expect_err("blocks of order 5 are not cached");
        assert!(matches!(error, TryFreeError::Busy { .. }), "{error}");
        for page in pages {
            match local.try_free(page) {
                Ok(()) => kept += 1,
                Err(error) => {
                    assert!(matches!(error, TryFreeError::Busy { .. }), "{error}");
                    busy.push(error.into_page());
                }
            }
        }
        error.into_page()
    });
    assert!(!busy.is_empty(), "per-CPU pages have room for fewer");
    assert_eq!(kept == 0, cfg!(feature = "checked"), "{kept} pages kept");
    let error = local.try_free(made_up::page_of_word(block.as_raw() | 1 << 40).unwrap());
    assert!(matches!(error, Err(TryFreeError::Free(NotFreed { error: FreeError::NoSuchFrame, .. }))), "{error:?}");
    local.try_free(block).unwrap();
    busy.into_iter().for_each(|page| local.try_free(page).unwrap());
    drop(local);
    let (free, managed) = (allocator.zones()[0].free_pages(), allocator.zones()[0].managed());
    assert_eq!(free, managed, "each page is freed once");
}

/// A handler's handle, used each time before its own thread acquires a lock: during a drain that has revoked that very
/// handle's per-CPU pages, during a refill, and during a free.
#[test]
fn a_handler_progresses_whatever_it_has_interrupted() {
    let allocator = leaked();
    let request = allocator.prepare(&PageRequest::up_to(Movable));
    let handler: Rc<RefCell<(Handle, Vec<Page>)>> = Rc::new(RefCell::new((allocator.local().unwrap(), Vec::new())));
    let runs = Rc::new(AtomicUsize::new(0));
    let hook = {
        let (handler, runs) = (Rc::clone(&handler), Rc::clone(&runs));
        let request = allocator.prepare(&PageRequest::up_to(Movable));
        move || {
            // The interrupted thread is about to acquire the lock. The handler runs once while it is free, and once
            // while it is held.
            let Ok(mut handler) = handler.try_borrow_mut() else { return };
            let (local, held) = &mut *handler;
            for locked in [false, true] {
                let mut work = || {
                    let page = local.try_alloc(NODE, &request);
                    page.into_iter().for_each(|page| held.push(page));
                    if held.len() > 3 {
                        let page = held.remove(0);
                        match local.try_free(page) {
                            Ok(()) => (),
                            Err(TryFreeError::Busy { page }) => held.push(page),
                            Err(error) => panic!("{error}"),
                        }
                    }
                };
                if locked { with_locks_held(work) } else { work() }
            }
            runs.fetch_add(1, Relaxed);
        }
    };
    let mut local = allocator.local().unwrap();
    before_each_lock(hook, || {
        for _ in 0..20 {
            let pages: Vec<Page> = (0..200).map(|_| local.alloc(NODE, &request).unwrap()).collect();
            let unique: std::collections::BTreeSet<_> =
                pages.iter().chain(&handler.borrow().1).map(|page| page.pfn()).collect();
            assert_eq!(unique.len(), pages.len() + handler.borrow().1.len(), "a page is allocated twice");
            local.free_bulk(pages).unwrap();
            allocator.drain().unwrap();
            allocator.without_caches(ZONES[0], || ()).unwrap();
        }
    });
    assert!(runs.load(Relaxed) > 100);
    let (mut handlers, held) = handler.replace((allocator.local().unwrap(), Vec::new()));
    handlers.free_bulk(held).unwrap();
    drop((handlers, local));
    allocator.drain().unwrap();
    for zone in allocator.zones() {
        assert_eq!(zone.free_pages(), zone.managed());
    }
}

#[test]
fn a_deferred_low_report_is_made_by_the_next_request_that_may_block() {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    let allocator = super::setup::no_protocol::<Standard>().on_low(|zone, _| {
        assert_eq!(zone, zone_id(0, Normal));
        REPORTS.fetch_add(1, Relaxed);
    });
    let request = allocator.prepare(&PageRequest::up_to(Normal).urgency(Urgency::HIGH));
    let (mut local, zone) = (allocator.local().unwrap(), allocator.zone(zone_id(0, Normal)).unwrap());
    let mut pages = Vec::new();
    while zone.free_pages() >= 50 {
        pages.push(local.try_alloc(NODE, &request).unwrap());
    }
    assert_eq!(REPORTS.load(Relaxed), 0, "a request that must not wait makes no call");
    // Requests that per-CPU pages serve do not report.
    while REPORTS.load(Relaxed) == 0 {
        pages.push(local.alloc(NODE, &request).unwrap());
    }
    assert_eq!(REPORTS.load(Relaxed), 1);
    pages.push(local.alloc(NODE, &request).unwrap());
    assert_eq!(REPORTS.load(Relaxed), 1, "once");
    local.free_bulk(pages).unwrap();
}

/// Only debug builds check this.
#[cfg(debug_assertions)]
#[test]
fn a_handle_that_is_used_from_within_an_operation_of_its_own_is_caught() {
    use std::{ptr::NonNull, sync::atomic::AtomicPtr};

    type Raw = LocalHandle<'static, 'static, NoProtocol, Standard>;
    static INTERRUPTED: AtomicPtr<Raw> = AtomicPtr::new(std::ptr::null_mut());
    static CAUGHT: AtomicUsize = AtomicUsize::new(0);
    let allocator: &'static _ = Box::leak(Box::new(super::setup::no_protocol::<Standard>().on_low(|_, _| {
        for operation in [
            |local: &mut Raw| _ = local.try_free(made_up::page(0)),
            |local: &mut Raw| _ = local.free(made_up::page(0)),
            |local: &mut Raw| local.drain(),
        ] {
            let mut interrupted = NonNull::new(INTERRUPTED.load(Relaxed)).unwrap();
            // SAFETY: none holds: the handle is borrowed. The test is that the check panics before it accesses the
            // handle.
            let caught = catch_unwind(AssertUnwindSafe(|| operation(unsafe { interrupted.as_mut() })));
            let why = *caught.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(why, "a handle is used from within an operation of its own; expected another handle");
            CAUGHT.fetch_add(1, Relaxed);
        }
    })));
    let request = allocator.prepare(&PageRequest::up_to(Normal));
    let local = Box::leak(Box::new(allocator.local().unwrap()));
    INTERRUPTED.store(local, Relaxed);
    while CAUGHT.load(Relaxed) == 0 {
        let _ = local.alloc(NODE, &request).unwrap();
    }
    assert_eq!(CAUGHT.load(Relaxed), 3);
    let _ = local.alloc(NODE, &request).unwrap();
}
