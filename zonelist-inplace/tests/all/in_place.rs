//! What `InPlace` guarantees in addition to consistency.

use zonelist_core::{
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, Published, ReaderSlots, Walk},
    table::{Capacity, Slot, Slots},
};
use zonelist_inplace::InPlace;

fn in_place(capacity: Capacity) -> Published<InPlace<Box<[Slot]>>> {
    Published::with_slots(InPlace::new(Slots::boxed(capacity)), ReaderSlots::boxed(1))
}

#[test]
fn readers_in_place_see_what_is_published() {
    basics::shows_what_is_published(&in_place(Sample::CAPACITY));
}

#[test]
fn concurrent_publishers_in_place_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&in_place(Sample::CAPACITY));
}

#[test]
fn lists_that_do_not_fit_in_place_are_refused() {
    basics::what_does_not_fit_is_not_published(&in_place(Capacity::new(3, 3).unwrap()));
}

#[test]
fn in_place_uses_no_barrier_pair_and_no_leaked_guard_matters() {
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(InPlace::new(Slots::<Box<[Slot]>>::boxed(Sample::CAPACITY)), ReaderSlots::boxed(1));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_leaked_guard_goes_with_its_reader(&published);
}

#[test]
fn a_cursor_in_place_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&in_place(Sample::CAPACITY));
}

#[test]
fn short_lived_readers_in_place_need_no_slot() {
    basics::short_lived_readers_find_their_slots(&in_place(Sample::CAPACITY));
    let published = in_place(Sample::CAPACITY);
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "ten readers, one slot");
}

#[test]
fn in_place_can_be_a_static() {
    static PUBLISHED: Published<InPlace<[Slot; Sample::CAPACITY.words()]>> = Published::with_slots(
        InPlace::new(Slots::in_array(Sample::CAPACITY).unwrap()),
        // SAFETY: the initializer of a static is evaluated once.
        unsafe { zonelist_core::static_reader_slots!(64) },
    );
    basics::shows_what_is_published(&PUBLISHED);
}

#[test]
fn a_walk_across_a_publish_goes_on_in_the_new_version_unreported() {
    let (Sample { versions, requests }, published) = (Sample::default(), in_place(Sample::CAPACITY));
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    assert!(walk.next().is_some());
    published.publish(&versions[1]).unwrap();
    let list = versions[1].lists().of(node, request.scope);
    assert!(
        walk.by_ref().eq(list[1..].iter().copied()),
        "the first zone of the new version is in the slot that was passed"
    );
    assert!(!walk.must_retry());
}
