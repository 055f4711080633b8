//! Operations of handles, which `synchronize` waits for whatever the scheme does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use zonelist_core::{
    PageRequest,
    ZoneKind::Movable,
    Zoneref,
    publish::{Reclaim, Scheme},
};

use super::{
    Allocator, NODE, ZONES, allocator,
    scheme::{Hostile, meanwhile},
};

fn both(shown: usize) -> Option<Zoneref> {
    ZONES.get(shown).copied().map(Zoneref::new)
}

/// The number of times that the other thread gets to run, and could return too early.
const YIELDS: usize = 2000;

/// Calls `synchronize` while a handle is amid an allocation. True if it returned before the allocation had ended.
fn returns_early<S: Scheme + Reclaim + Send + 'static>(scheme: S) -> bool {
    let allocator: &'static Allocator<S> = Box::leak(Box::new(allocator(scheme)));
    let prepared = allocator.prepare(&PageRequest::up_to(Movable));
    let [begun, returned] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let other = thread::spawn({
        let (begun, returned) = (Arc::clone(&begun), Arc::clone(&returned));
        move || {
            while !begun.load(SeqCst) {
                thread::yield_now();
            }
            allocator.published().synchronize().unwrap();
            returned.store(true, SeqCst);
        }
    });
    let early = Arc::new(AtomicBool::new(false));
    let mut local = allocator.local().unwrap();
    meanwhile({
        let (returned, early) = (Arc::clone(&returned), Arc::clone(&early));
        move || {
            begun.store(true, SeqCst);
            (0..YIELDS).for_each(|_| thread::yield_now());
            early.store(returned.load(SeqCst), SeqCst);
        }
    });
    let page = local.alloc(NODE, &prepared).unwrap();
    other.join().unwrap();
    local.free(page).unwrap();
    early.load(SeqCst)
}

#[test]
fn synchronize_waits_for_operations_of_handles_under_every_protocol() {
    assert!(!returns_early(Hostile::<0>(both)));
    assert!(!returns_early(Hostile::<1>(both)));
    assert!(!returns_early(Hostile::<2>(both)));
    // A handle is active for its operations, and online never.
    assert!(!returns_early(Hostile::<3>(both)));
}
