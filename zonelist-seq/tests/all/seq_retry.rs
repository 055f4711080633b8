//! Tests of `SeqRetry` beyond consistency: errors, leaks, cursors and registration.

use zonelist_core::{
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, Published, ReaderSlots, Walk},
    table::{Capacity, Slot, Slots},
};
use zonelist_seq::SeqRetry;

fn seq_retry(capacity: Capacity) -> Published<SeqRetry<Box<[Slot]>>> {
    Published::with_slots(SeqRetry::new(Slots::boxed(capacity)), ReaderSlots::boxed(1))
}

#[test]
fn readers_of_seq_retry_see_what_is_published() {
    basics::shows_what_is_published(&seq_retry(Sample::CAPACITY));
}

#[test]
fn concurrent_publishers_of_seq_retry_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&seq_retry(Sample::CAPACITY));
}

#[test]
fn lists_that_do_not_fit_seq_retry_are_refused() {
    basics::what_does_not_fit_is_not_published(&seq_retry(Capacity::new(3, 3).unwrap()));
}

#[test]
fn seq_retry_uses_no_barrier_pair_and_no_leaked_guard_matters() {
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(SeqRetry::new(Slots::<Box<[Slot]>>::boxed(Sample::CAPACITY)), ReaderSlots::boxed(1));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_leaked_guard_goes_with_its_reader(&published);
}

#[test]
fn a_cursor_over_seq_retry_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&seq_retry(Sample::CAPACITY));
}

#[test]
fn short_lived_readers_of_seq_retry_need_no_slot() {
    basics::short_lived_readers_find_their_slots(&seq_retry(Sample::CAPACITY));
    let published = seq_retry(Sample::CAPACITY);
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "ten readers, one slot");
}

#[test]
fn a_publish_of_seq_retry_that_is_rolled_back_hides_no_torn_walk() {
    let table = Slots::<Box<[Slot]>>::boxed(Sample::CAPACITY);
    basics::a_publish_that_is_rolled_back_hides_no_torn_walk(SeqRetry::new(table));
}

#[test]
fn seq_retry_can_be_a_static() {
    static PUBLISHED: Published<SeqRetry<[Slot; Sample::CAPACITY.words()]>> = Published::with_slots(
        SeqRetry::new(Slots::in_array(Sample::CAPACITY).unwrap()),
        // SAFETY: the initializer of a static is evaluated once.
        unsafe { zonelist_core::static_reader_slots!(64) },
    );
    basics::shows_what_is_published(&PUBLISHED);
}

#[test]
fn a_walk_across_a_publish_is_reported_and_so_is_its_cursor() {
    let (Sample { versions, requests }, published) = (Sample::default(), seq_retry(Sample::CAPACITY));
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&requests[0].1);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(requests[0].0, &filter);
    assert!(walk.next().is_some() && !walk.must_retry());
    let mut cursor = walk.clone();
    published.publish(&versions[1]).unwrap();
    assert!(walk.must_retry() && cursor.must_retry(), "before the end");
    assert!(cursor.by_ref().count() < 3 && cursor.must_retry(), "at the end");
    let again = guard.walk(requests[0].0, &filter);
    assert!(again.clone().count() == 3 && !again.must_retry(), "the next walk is whole");
}

#[test]
fn a_refused_publish_tears_no_walk() {
    let (Sample { versions, requests }, published) = (Sample::default(), seq_retry(Capacity::new(3, 3).unwrap()));
    published.publish(&versions[1]).unwrap();
    let filter = published.filter(&requests[0].1);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let walk = guard.walk(requests[0].0, &filter);
    published.publish(&versions[0]).unwrap_err();
    assert!(!walk.must_retry());
}
