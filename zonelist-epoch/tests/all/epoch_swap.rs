//! Tests of `EpochSwap` beyond consistency: errors, leaks, cursors, registration and grace periods.

use zonelist_core::{
    conformance::{Unreliable, basics},
    publish::{Parts, Published, ReaderSlots},
};
use zonelist_epoch::EpochSwap;

use super::versions;

fn epoch_swap() -> Published<EpochSwap> {
    Published::with_slots(EpochSwap::new(), ReaderSlots::boxed(1))
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
fn epoch_swap_never_uses_the_barrier_pair() {
    let published: Published<_, Parts<Unreliable>> = Published::with_platform(EpochSwap::new(), ReaderSlots::boxed(1));
    assert_eq!(basics::a_failed_barrier_is_reported(&published), 0);
    basics::a_failed_barrier_retires_nothing(&published);
}

#[test]
fn leaked_guards_of_epoch_swap_go_with_their_reader() {
    let published = epoch_swap();
    basics::a_leaked_guard_goes_with_its_reader(&published);
    // Never returns if the reader is still pinned in the collector.
    published.synchronize().unwrap();
}

#[test]
fn a_cursor_over_epoch_swap_goes_on_from_where_it_stood() {
    basics::a_cursor_goes_on_from_where_it_stood(&epoch_swap());
}

#[test]
fn short_lived_readers_of_epoch_swap_are_registered_and_forgotten() {
    basics::short_lived_readers_find_their_slots(&epoch_swap());
}

#[test]
fn epoch_swap_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&epoch_swap());
}

#[test]
fn a_guard_of_epoch_swap_holds_its_version_while_others_are_published() {
    versions::a_guard_holds_its_version_while_others_are_published(&epoch_swap());
}
