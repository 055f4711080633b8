//! What the sequence schemes owe their users beside consistency.

use zonelist_core::{
    Capacity, Lists, Slot, Slots,
    conformance::{Sample, Unreliable, basics},
    publish::{FullFence, Published, Walk},
};
use zonelist_seq::{SeqCopy, SeqRetry};

fn seq_retry(capacity: Capacity) -> Published<SeqRetry<Box<[Slot]>>, FullFence, 1> {
    Published::new(SeqRetry::new(Slots::boxed(capacity)))
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
fn what_does_not_fit_seq_retry_is_not_published() {
    basics::what_does_not_fit_is_not_published(&seq_retry(Capacity::new(3, 3).unwrap()));
}

#[test]
fn sequence_schemes_have_no_use_for_the_barrier_pair_nor_for_what_readers_leak() {
    let retry: Published<_, Unreliable, 1> =
        Published::new(SeqRetry::new(Slots::<Box<[Slot]>>::boxed(Sample::CAPACITY)));
    assert_eq!(basics::a_failed_barrier_is_reported(&retry), 0);
    let copy: Published<_, Unreliable, 1> = Published::new(SeqCopy::<4>::new(Sample::CAPACITY.nodes()));
    assert_eq!(basics::a_failed_barrier_is_reported(&copy), 0);
    basics::a_leaked_guard_goes_with_its_reader(&retry);
    basics::a_leaked_guard_goes_with_its_reader(&copy);
}

#[test]
fn a_cursor_over_seq_retry_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&seq_retry(Sample::CAPACITY));
}

#[test]
fn short_lived_readers_of_seq_retry_need_no_seat() {
    basics::short_lived_readers_find_their_seats(&seq_retry(Sample::CAPACITY));
    let published = seq_retry(Sample::CAPACITY);
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "of one seat");
}

#[test]
fn a_publish_of_seq_retry_that_is_rolled_back_hides_no_torn_walk() {
    let table = Slots::<Box<[Slot]>>::boxed(Sample::CAPACITY);
    basics::a_publish_that_is_rolled_back_hides_no_torn_walk(SeqRetry::new(table));
}

#[test]
fn seq_retry_can_be_a_static() {
    static PUBLISHED: Published<SeqRetry<[Slot; Sample::CAPACITY.words()]>, FullFence, 1> =
        Published::new(SeqRetry::new(Slots::in_array(Sample::CAPACITY).unwrap()));
    basics::shows_what_is_published(&PUBLISHED);
}

#[test]
fn a_walk_across_a_publish_is_told_and_so_is_its_cursor() {
    let (Sample { versions, requests }, published) = (Sample::default(), seq_retry(Sample::CAPACITY));
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&requests[0].1);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(requests[0].0, &filter);
    assert!(walk.next().is_some() && !walk.must_retry());
    let mut cursor = walk.clone();
    published.publish(&versions[1]).unwrap();
    assert!(walk.must_retry() && cursor.must_retry(), "also before the end");
    assert!(cursor.by_ref().count() < 3 && cursor.must_retry(), "and at it");
    let again = guard.walk(requests[0].0, &filter);
    assert!(again.clone().count() == 3 && !again.must_retry(), "the next walk is not");
}

#[test]
fn a_refused_publish_disturbs_no_walk() {
    let (Sample { versions, requests }, published) = (Sample::default(), seq_retry(Capacity::new(3, 3).unwrap()));
    published.publish(&versions[1]).unwrap();
    let filter = published.filter(&requests[0].1);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let walk = guard.walk(requests[0].0, &filter);
    published.publish(&versions[0]).unwrap_err();
    assert!(!walk.must_retry());
}

fn seq_copy() -> Published<SeqCopy<4>, FullFence, 1> {
    Published::new(SeqCopy::new(3))
}

#[test]
fn readers_of_seq_copy_see_what_is_published() {
    basics::shows_what_is_published(&seq_copy());
    basics::shows_what_is_published(&Published::<SeqCopy<64>, FullFence, 1>::new(SeqCopy::new(5)));
}

#[test]
fn concurrent_publishers_of_seq_copy_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&seq_copy());
}

#[test]
fn what_does_not_fit_seq_copy_is_not_published() {
    basics::what_does_not_fit_is_not_published(&Published::<_, FullFence, 1>::new(SeqCopy::<3>::new(3)));
}

#[test]
fn a_cursor_over_seq_copy_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&seq_copy());
}

#[test]
fn short_lived_readers_of_seq_copy_need_no_seat() {
    basics::short_lived_readers_find_their_seats(&seq_copy());
    let published = seq_copy();
    let readers: Vec<_> = (0..10).map(|_| published.reader().unwrap()).collect();
    assert_eq!(readers.len(), 10, "of one seat");
}

#[test]
fn seq_copy_has_room_for_every_node_and_no_more() {
    let largest = SeqCopy::<1>::new(usize::MAX).capacity();
    assert_eq!((largest.nodes(), largest.zones()), (1024, 1));
    let none: Published<_, FullFence, 1> = Published::new(SeqCopy::<0>::new(0));
    assert!(none.publish(Lists::EMPTY).is_ok());
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
    assert!(walk.eq(list[1..].iter().copied()), "also over lists that are not current any more");
    let last = versions[2].lists().of(node, request.scope);
    assert!(last != list && guard.walk(node, &filter).eq(last.iter().copied()), "under the same guard");
}
