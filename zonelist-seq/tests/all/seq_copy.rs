//! Tests of `SeqCopy` beyond consistency: errors, leaks, cursors and registration.

use zonelist_core::{
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, Published, ReaderSlots},
    zonelist::ZonelistsRef,
};
use zonelist_seq::SeqCopy;

fn seq_copy() -> Published<SeqCopy<4>> {
    Published::with_slots(SeqCopy::new(3), ReaderSlots::boxed(1))
}

#[test]
fn readers_of_seq_copy_see_what_is_published() {
    basics::shows_what_is_published(&seq_copy());
    basics::shows_what_is_published(&Published::<SeqCopy<64>>::with_slots(SeqCopy::new(5), ReaderSlots::boxed(1)));
}

#[test]
fn concurrent_publishers_of_seq_copy_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&seq_copy());
}

#[test]
fn lists_that_do_not_fit_seq_copy_are_refused() {
    basics::what_does_not_fit_is_not_published(&Published::with_slots(SeqCopy::<3>::new(3), ReaderSlots::boxed(1)));
}

#[test]
fn seq_copy_uses_no_barrier_pair_and_no_leaked_guard_matters() {
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(SeqCopy::<4>::new(Sample::CAPACITY.nodes()), ReaderSlots::boxed(1));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_leaked_guard_goes_with_its_reader(&published);
}

#[test]
fn a_cursor_over_seq_copy_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&seq_copy());
}

#[test]
fn short_lived_readers_of_seq_copy_need_no_slot() {
    basics::short_lived_readers_find_their_slots(&seq_copy());
    let published = seq_copy();
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "ten readers, one slot");
}

#[test]
fn seq_copy_has_room_for_every_node_and_no_more() {
    let largest = SeqCopy::<1>::new(usize::MAX).capacity();
    assert_eq!((largest.nodes(), largest.zones()), (1024, 1));
    let none: Published<_> = Published::with_slots(SeqCopy::<0>::new(0), ReaderSlots::boxed(1));
    assert!(none.publish(ZonelistsRef::EMPTY).is_ok());
    assert!(none.publish(&Sample::default().versions[0]).is_err());
}

#[test]
fn a_walk_of_a_copy_goes_on_across_publishes_and_the_next_one_shows_the_last() {
    let (Sample { versions, requests }, published) = (Sample::default(), seq_copy());
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    let list = versions[0].lists().of(node, request.scope);
    assert_eq!(walk.next(), list.first().copied());
    for version in &versions {
        published.publish(version).unwrap();
    }
    let rest = walk.clone().fold(Vec::new(), |rest, entry| [rest, vec![entry]].concat());
    assert_eq!(rest, &list[1..]);
    assert!(walk.eq(list[1..].iter().copied()), "the walk goes on over its copy");
    let last = versions[2].lists().of(node, request.scope);
    assert!(
        last != list && guard.walk(node, &filter).eq(last.iter().copied()),
        "a new walk of the guard shows the last"
    );
}
