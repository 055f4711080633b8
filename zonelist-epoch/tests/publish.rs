//! What the grace-period schemes owe their users beside consistency.
#![cfg(all(feature = "crossbeam", not(loom)))]

use zonelist_core::{
    conformance::{Sample, basics},
    publish::{FullFence, Published},
};
use zonelist_epoch::EpochSwap;

fn epoch_swap() -> Published<EpochSwap, FullFence, 1> {
    Published::new(EpochSwap::new())
}

#[test]
fn readers_of_epoch_swap_see_what_is_published() {
    basics::shows_what_is_published(&epoch_swap());
}

#[test]
fn concurrent_publishers_of_epoch_swap_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&epoch_swap());
}

#[test]
fn a_cursor_over_epoch_swap_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&epoch_swap());
}

#[test]
fn short_lived_readers_of_epoch_swap_are_registered_and_forgotten() {
    basics::short_lived_readers_find_their_seats(&epoch_swap());
}

#[test]
fn epoch_swap_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&epoch_swap());
}

#[test]
fn a_guard_of_epoch_swap_holds_its_version_while_others_are_published() {
    let (Sample { versions, requests }, published) = (Sample::default(), epoch_swap());
    let (node, request) = requests[0];
    published.publish(&versions[0]).unwrap();
    let filter = published.filter(&request);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node, &filter);
    let list = versions[0].lists().of(node, request.scope);
    assert_eq!(walk.next(), list.first().copied());
    for version in versions.iter().cycle().take(300) {
        published.publish(version).unwrap();
    }
    assert!(walk.eq(list[1..].iter().copied()), "a walk goes on");
    assert!(guard.walk(node, &filter).eq(list.iter().copied()), "and a new one shows the same");
    drop(guard);
    let last = versions[299 % 3].lists().of(node, request.scope);
    assert!(reader.enter().walk(node, &filter).eq(last.iter().copied()));
}
