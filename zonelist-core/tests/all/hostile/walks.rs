//! Walks that show zones that do not exist, callbacks that panic, and values that are leaked.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use zonelist_core::{
    Mobility, NodeId, Page, PageRequest, ZoneId,
    ZoneKind::{self, Movable, Normal},
    Zoneref,
    publish::Scheme,
    zonelist::ZonelistsRef,
};

use super::{
    Allocator, FRAMES, NODE, READERS, ZONES, all_is_free, allocator, are_apart, random,
    scheme::{Callback, Hostile, has_panicked, panics_once},
};
use crate::support::order;

/// 40 zonerefs of any zone, also of the same one twice.
fn any_zone(shown: usize) -> Option<Zoneref> {
    if shown == 40 {
        return None;
    }
    let zone = match random() % 4 {
        0 => ZONES[0],
        1 => ZONES[1],
        _ => {
            let kind = ZoneKind::ALL[random() as usize % ZoneKind::COUNT];
            ZoneId::new(NodeId::new(random() as u16 % 1024).unwrap(), kind)
        }
    };
    Some(Zoneref::new(zone))
}

/// The two zones that exist.
fn both(shown: usize) -> Option<Zoneref> {
    ZONES.get(shown).copied().map(Zoneref::new)
}

macro_rules! for_each_protocol {
    ($test:ident($shows:expr)) => {
        $test(|| allocator(Hostile::<0>($shows)));
        $test(|| allocator(Hostile::<1>($shows)));
        $test(|| allocator(Hostile::<2>($shows)));
        $test(|| allocator(Hostile::<3>($shows)));
    };
}

fn allocates_whatever_is_shown<S: Scheme>(make: impl Fn() -> Allocator<S>) {
    let allocator = make();
    let pages: Vec<Page> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let allocator = &allocator;
                scope.spawn(move || {
                    let mut local = allocator.local().unwrap();
                    let mut pages = Vec::new();
                    (0..number * 1000).for_each(|_| _ = random());
                    for turn in 0..3000 {
                        let request = PageRequest::up_to(Movable).order(order(random() as u8 % 5));
                        let prepared = allocator.prepare(&request.mobility(Mobility::ALL[turn % 2]));
                        pages.extend(local.alloc(NODE, &prepared));
                        if random() % 3 == 0 && !pages.is_empty() {
                            local.free(pages.swap_remove(random() as usize % pages.len())).unwrap();
                        }
                        if turn % 500 == 0 {
                            allocator.drain().unwrap();
                        }
                    }
                    pages
                })
            })
            .collect();
        for _ in 0..20 {
            allocator.published().publish(ZonelistsRef::EMPTY).unwrap();
            thread::yield_now();
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pages.len() > 100, "the allocator serves requests");
    are_apart(&allocator, &pages);
    let mut local = allocator.local().unwrap();
    local.free_bulk(pages).unwrap();
    drop(local);
    assert!(all_is_free(&allocator));
}

#[test]
fn no_frame_has_two_users_whatever_zones_walks_show() {
    for_each_protocol!(allocates_whatever_is_shown(any_zone));
}

/// Calls the library so that each callback of the scheme runs. Returns the page that it has allocated.
fn does_all<S: Scheme>(allocator: &Allocator<S>) -> Option<Page> {
    let prepared = allocator.prepare(&PageRequest::up_to(Normal));
    let mut reader = allocator.published().reader().unwrap();
    let guard = reader.enter();
    let filter = allocator.published().filter(&zonelist_core::Request::up_to(Normal));
    let mut walk = guard.walk(NODE, &filter);
    let _ = (walk.next(), walk.clone().count(), zonelist_core::publish::Walk::must_retry(&walk));
    drop(walk);
    drop(guard);
    drop(reader);
    allocator.published().publish(ZonelistsRef::EMPTY).unwrap();
    let mut local = allocator.local().unwrap();
    local.alloc(NODE, &prepared).ok()
}

fn panics_everywhere<S: Scheme>(make: impl Fn() -> Allocator<S>) {
    for at in Callback::ALL {
        // A panic in the first call of the callback, then in the second, and so on.
        for behind in 0.. {
            let allocator = make();
            panics_once(at, behind);
            let page = catch_unwind(AssertUnwindSafe(|| does_all(&allocator)));
            if !has_panicked() {
                assert!(behind > 0, "no call of {at:?}");
                break;
            }
            assert!(page.is_err(), "a panic at {at:?} unwinds to the caller");
            let pages: Vec<Page> = (0..3).filter_map(|_| does_all(&allocator)).collect();
            are_apart(&allocator, &pages);
            let all: Vec<_> = (0..READERS).map(|_| allocator.local().unwrap()).collect();
            drop(all);
            allocator.local().unwrap().free_bulk(pages).unwrap();
            // A panic in a drop after an allocation loses the allocated page.
            let may_lose = usize::from(matches!(at, Callback::DropWalk | Callback::DropPinned | Callback::DropLocal));
            let lost = allocator.zones().iter().map(|zone| FRAMES as usize - zone.free_pages()).sum::<usize>();
            assert!(all_is_free(&allocator) || lost <= may_lose, "{lost} pages lost by a panic at {at:?}");
        }
    }
}

#[test]
fn a_panic_of_any_callback_leaves_nothing_held() {
    for_each_protocol!(panics_everywhere(both));
}

/// Leaks walks, guards and handles: each loses its own memory or slot, and nothing more.
fn leaks_everything<S: Scheme>(make: impl Fn() -> Allocator<S>) {
    let allocator = make();
    let filter = allocator.published().filter(&zonelist_core::Request::up_to(Normal));
    let prepared = allocator.prepare(&PageRequest::up_to(Normal));
    let mut reader = allocator.published().reader().unwrap();
    for _ in 0..3 {
        let guard = reader.enter();
        let mut walk = guard.walk(NODE, &filter);
        walk.next();
        mem::forget(walk);
        mem::forget(guard);
        reader.quiescent();
    }
    drop(reader);
    let mut local = allocator.local().unwrap();
    let page = local.alloc(NODE, &prepared).unwrap();
    mem::forget(local);
    allocator.published().publish(ZonelistsRef::EMPTY).unwrap();
    let mut local = allocator.local().unwrap();
    local.free(page).unwrap();
    drop(local);
    assert!(all_is_free(&allocator));
}

#[test]
fn no_publish_waits_for_leaked_values_and_no_page_is_lost() {
    for_each_protocol!(leaks_everything(both));
}
