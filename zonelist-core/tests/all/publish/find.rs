//! `find` checks whether a walk was torn, walks again, and fails after a number of tries.

use std::{
    num::NonZeroU32,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering::SeqCst},
};

use zonelist_core::{
    ZoneKind, Zoneref,
    conformance::{Sample, basics},
    publish::{Published, ReaderSlots, Torn},
};

use super::{
    ANY, node, preempted, stop_world,
    support::{Detected, Puppet},
    versions,
};

/// What `find` returned, how many zones it visited, and how often it checked, when this number of walks is torn.
fn find(torn: usize, tries: u32, wanted: Option<ZoneKind>) -> (Result<Option<Zoneref>, Torn>, usize, usize) {
    let puppet = Puppet::<Detected> { torn, ..Puppet::new() };
    let checks = Arc::clone(&puppet.asked);
    let published: Published<_> = Published::with_slots(puppet, ReaderSlots::boxed(1));
    published.publish(&versions()[0]).unwrap();
    let filter = published.filter(&ANY);
    let mut visited = 0;
    let found = published.reader().unwrap().enter().find(node(), &filter, NonZeroU32::new(tries).unwrap(), |zone| {
        visited += 1;
        if Some(zone.kind()) == wanted { ControlFlow::Break(zone) } else { ControlFlow::Continue(()) }
    });
    (found, visited, checks.load(SeqCst))
}

#[test]
fn a_walk_to_the_end_is_checked_once() {
    assert_eq!(find(0, 1, None), (Ok(None), 4, 1));
    assert_eq!(find(0, 7, None), (Ok(None), 4, 1));
}

#[test]
fn a_torn_walk_is_repeated_until_one_is_not() {
    assert_eq!(find(1, 2, None), (Ok(None), 8, 2));
    assert_eq!(find(2, 7, None), (Ok(None), 12, 3));
}

#[test]
fn a_torn_walk_in_each_try_is_an_error() {
    let torn = |tries| Err(Torn { tries: NonZeroU32::new(tries).unwrap() });
    assert_eq!(find(usize::MAX, 1, None), (torn(1), 4, 1));
    assert_eq!(find(usize::MAX, 3, None), (torn(3), 12, 3));
    assert_eq!(find(3, 3, None), (torn(3), 12, 3));
}

#[test]
fn what_was_found_is_returned_without_a_check() {
    for torn in [0, usize::MAX] {
        let (found, visited, checks) = find(torn, 3, Some(ZoneKind::Normal));
        assert_eq!(found.unwrap().unwrap().kind(), ZoneKind::Normal);
        assert_eq!((visited, checks), (2, 0));
    }
}

#[test]
fn the_baseline_finds_without_a_second_walk() {
    macro_rules! finds {
        ($published:expr) => {
            let published = $published;
            published.publish(&versions()[0]).unwrap();
            let filter = published.filter(&ANY);
            let mut reader = published.reader().unwrap();
            let guard = reader.enter();
            let mut visited = Vec::new();
            let found: Result<Option<()>, Torn> = guard.find(node(), &filter, NonZeroU32::MAX, |zone| {
                visited.push(zone);
                ControlFlow::Continue(())
            });
            assert_eq!(found, Ok(None));
            assert!(visited.into_iter().eq(guard.walk(node(), &filter)));
        };
    }
    finds!(stop_world::<1>(Sample::CAPACITY));
    finds!(preempted::<1>(Sample::CAPACITY));
}

#[test]
fn a_cursor_over_the_baseline_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&stop_world::<1>(Sample::CAPACITY));
    basics::a_cursor_goes_on_from_where_it_stood(&preempted::<1>(Sample::CAPACITY));
}
