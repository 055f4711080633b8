//! Callbacks that call the library again.

use std::sync::mpsc;

use zonelist_core::{
    Page, PageRequest,
    ZoneKind::Movable,
    Zoneref,
    publish::{PublishError, Scheme},
    zonelist::ZonelistsRef,
};

use super::{
    Allocator, NODE, ZONES, all_is_free, allocator, are_apart,
    scheme::{Hostile, meanwhile},
};
use crate::support::order;

fn both(shown: usize) -> Option<Zoneref> {
    ZONES.get(shown).copied().map(Zoneref::new)
}

/// A walk allocates and frees by another handle, registers readers, walks by them, and tries to publish.
///
/// Returns true if every publish succeeded: no publish had to wait for the walk.
fn reenters<S: Scheme + 'static>(scheme: S) -> bool {
    let allocator: &'static Allocator<S> = Box::leak(Box::new(allocator(scheme)));
    let prepared = allocator.prepare(&PageRequest::up_to(Movable));
    let (give, got) = mpsc::channel();
    let (publishes, published) = mpsc::channel();
    let mut local = allocator.local().unwrap();
    let mut pages: Vec<Page> = Vec::new();
    for turn in 0..200 {
        let (give, publishes) = (give.clone(), publishes.clone());
        meanwhile(move || {
            let prepared = allocator.prepare(&PageRequest::up_to(Movable).order(order(turn % 3)));
            let mut inner = allocator.local().unwrap();
            let kept = inner.alloc(NODE, &prepared).unwrap();
            let freed = inner.alloc(NODE, &prepared).unwrap();
            inner.free(freed).unwrap();
            give.send(kept).unwrap();
            let mut reader = allocator.published().reader().unwrap();
            let filter = allocator.published().filter(&zonelist_core::Request::up_to(Movable));
            assert!(reader.enter().walk(NODE, &filter).count() > 0);
            publishes.send(allocator.published().try_publish(ZonelistsRef::EMPTY)).unwrap();
        });
        pages.push(local.alloc(NODE, &prepared).unwrap());
        pages.extend(got.try_iter());
        are_apart(allocator, &pages);
    }
    assert!(pages.len() >= 400, "the walk has called the allocator");
    local.free_bulk(pages).unwrap();
    drop(local);
    assert!(all_is_free(allocator));
    let outcomes: Vec<_> = published.try_iter().collect();
    assert_eq!(outcomes.len(), 200);
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == Err(PublishError::Busy)));
    outcomes.iter().all(Result::is_ok)
}

#[test]
fn a_walk_that_reenters_the_allocator_has_pages_of_its_own() {
    assert!(!reenters(Hostile::<0>(both)));
    assert!(reenters(Hostile::<1>(both)), "the reader is idle between two steps");
    assert!(!reenters(Hostile::<2>(both)));
    assert!(!reenters(Hostile::<3>(both)));
}
