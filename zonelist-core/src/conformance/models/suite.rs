//! The shapes that every scheme is explored in: [`model!`](crate::model) makes a test of each.
//!
//! A shape is explored to the end if [`Bound::SUITE`] has room for all its interleavings, and else with as many
//! preemptions as it has room for. It prints the bound, and the number of interleavings. With
//! `ZONELIST_MODELS=exhaustive` in the environment there is no bound. Each walk is judged by what [`Scheme::FACTS`]
//! promises.

use std::{format, println};

use super::{
    Bound, MOVABLE, NORMAL, OTHER, Scenario, explore_handle, explore_operations, explore_races, explore_refusals,
    explore_retirement, first, full, interrupts, remembered,
};
use crate::{
    ZoneKind::{Movable, Normal},
    publish::{Guarantee, Published, ReaderSlots, Reclaim, Scheme},
};

/// Makes a scheme, anew for each interleaving. Its table has room for [`ROOM`](super::ROOM).
pub trait Make<S>: Fn() -> S + Copy + Send + Sync + 'static {}
impl<S, F: Fn() -> S + Copy + Send + Sync + 'static> Make<S> for F {}

fn published<S: Scheme, const READERS: usize>(
    make: impl Make<S>,
) -> impl Fn() -> Published<S> + Copy + Send + Sync + 'static {
    move || Published::with_slots(make(), ReaderSlots::boxed(READERS))
}

fn named(scheme: &str, shape: &str) -> Scenario {
    Scenario::new(format!("{scheme}: {shape}")).bound(Bound::SUITE)
}

/// A walk while a zone leaves the front of the list, while one is added there, and while the node order is reversed.
pub fn a_reader_and_a_publisher<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let shrinking = named(scheme, "a zone leaves").before(&[MOVABLE, NORMAL, OTHER]).publisher(&[&[NORMAL, OTHER]]);
    shrinking.reader(&[full(Movable)]).explore(published::<S, 1>(make));
    let growing = named(scheme, "a zone comes").before(&[NORMAL, OTHER]).publisher(&[&[MOVABLE, NORMAL, OTHER]]);
    growing.reader(&[full(Movable)]).explore(published::<S, 1>(make));
    let reversed = named(scheme, "the node order is reversed").before(&[NORMAL, OTHER]).publisher(&[&[OTHER, NORMAL]]);
    reversed.reader(&[full(Normal)]).explore(published::<S, 1>(make));
}

/// A walk after a list has been shorter, and while it is longer again.
pub fn a_list_that_was_longer<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let longer = named(scheme, "longer again").before(&[NORMAL, OTHER, MOVABLE]).before(&[NORMAL]);
    longer.publisher(&[&[OTHER, NORMAL]]).reader(&[full(Movable)]).explore(published::<S, 1>(make));
}

/// Two readers at once.
pub fn two_readers<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let two = named(scheme, "two readers").before(&[NORMAL]).publisher(&[&[MOVABLE, NORMAL]]);
    // Two preemptions are enough for a fault in which EpochSwap's collector frees the version of a walk.
    two.reader(&[full(Movable)]).reader(&[full(Movable)]).short(5_000).explore(published::<S, 2>(make));
}

/// Two publishers at once.
pub fn two_publishers<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let two = named(scheme, "two publishers").before(&[NORMAL]);
    let two = two.publisher(&[&[MOVABLE, NORMAL]]).publisher(&[&[OTHER]]);
    two.reader(&[full(Movable)]).explore(published::<S, 1>(make));
}

/// A walk that is left after two zonerefs.
pub fn an_early_exit<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let early = named(scheme, "left early").before(&[MOVABLE, NORMAL, OTHER]).publisher(&[&[NORMAL, OTHER]]);
    early.reader(&[first(2, Movable)]).explore(published::<S, 1>(make));
}

/// A walk during which two versions are published, and one during which three are.
pub fn a_walk_across_publishes<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let two = named(scheme, "a walk, two publishes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    two.reader(&[full(Movable)]).explore(published::<S, 1>(make));
    let back = named(scheme, "reversed, and reversed back").before(&[NORMAL, OTHER]);
    let back = back.publisher(&[&[OTHER, NORMAL], &[NORMAL, OTHER]]);
    back.reader(&[full(Normal)]).explore(published::<S, 1>(make));
    let three = named(scheme, "a walk, three publishes").before(&[NORMAL]);
    let three = three.publisher(&[&[MOVABLE], &[NORMAL], &[MOVABLE]]);
    three.reader(&[first(1, Movable)]).explore(published::<S, 1>(make));
}

/// Two walks of one reader, during which two versions are published.
pub fn two_walks<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let two = named(scheme, "two walks, two publishes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    two.reader(&[first(1, Movable), first(1, Movable)]).explore(published::<S, 1>(make));
}

/// A reader that registers, walks and is dropped, and another in the same slot, while two versions are published.
pub fn a_reader_that_comes_and_goes<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let comes = named(scheme, "a reader that comes and goes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[]]);
    comes.visitor(&[first(1, Movable), first(1, Movable)]).explore(published::<S, 1>(make));
}

/// Reads by a memory of the first zone, around a walk, while one version is published, and while two are: each
/// remembered zone is the first of one version, and none before that of the walk.
pub fn a_remembered_zone<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    // Amid the publish a racy table begins with OTHER, for a request that MOVABLE does not serve: no version does.
    let torn = named(scheme, "a remembered zone, a zone comes").before(&[NORMAL, OTHER]);
    let torn = torn.publisher(&[&[MOVABLE, NORMAL, OTHER]]).uniform();
    torn.reader(&[remembered(Normal), remembered(Normal)]).explore(published::<S, 1>(make));
    let one = named(scheme, "a remembered zone, one publish").before(&[NORMAL]).publisher(&[&[MOVABLE, NORMAL]]);
    one.reader(&[remembered(Movable), full(Movable), remembered(Movable)]).explore(published::<S, 1>(make));
    let two = named(scheme, "a remembered zone, two publishes").before(&[NORMAL]).publisher(&[&[MOVABLE], &[OTHER]]);
    two.reader(&[remembered(Movable), remembered(Movable), remembered(Movable)]).explore(published::<S, 1>(make));
    explore_handle(&format!("{scheme}: a handle that remembers, a zone comes"), Bound::SUITE, published::<S, 1>(make));
}

/// The two races of 2022: see [`explore_races`]. Under [`Guarantee::Snapshot`] no walk is torn by them.
pub fn the_races_of_2022<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    let races = explore_races(scheme, Bound::SUITE, published::<S, 1>(make));
    let (cursor, growing) = (races.cursor.tally, races.growing.tally);
    if S::FACTS.guarantee == Guarantee::Snapshot {
        assert_eq!((cursor.torn, growing.torn), (0, 0));
    }
}

/// An allocation whose cursor is at the tail of a list that shrinks or grows: see [`explore_refusals`].
pub fn an_allocation_at_the_tail<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    explore_refusals(scheme, Bound::SUITE, published::<S, 1>(make));
}

/// A zone that is retired behind a grace period, and that no walk meets from then on, nor an operation of a handle that
/// remembers its first zone.
///
/// # Panics
/// If a walk meets it, or if the facts declare that the scheme does not retire.
pub fn a_grace_period<S: Reclaim + Send + 'static>(scheme: &str, make: impl Make<S>) {
    assert!(S::FACTS.retires, "{scheme} is explored for grace periods, and its facts say that it has none");
    explore_retirement(&format!("{scheme}: a grace period"), Bound::SUITE, published::<S, 1>(make));
    explore_operations(
        &format!("{scheme}: a handle that remembers, a grace period"),
        Bound::SUITE,
        published::<S, 1>(make),
    );
}

/// Interrupt handlers: one that walks within a walk, beside a publish; one that walks at each step of a publish; and
/// one that allocates and frees a page at each step of an allocation, a free, a drain and a publish.
///
/// Explored only if the facts allow interrupts.
pub fn an_interrupt<S: Scheme + Send + 'static>(scheme: &str, make: impl Make<S>) {
    if S::FACTS.interrupt_safe {
        interrupts::a_walk_within_a_walk(scheme, published::<S, 2>(make));
        interrupts::a_walk_within_a_publish(scheme, published::<S, 1>(make));
        interrupts::an_allocation_within_anything(scheme, published::<S, 2>(make));
    } else {
        println!("no model of {scheme} is interrupted: its facts rule interrupts out");
    }
}
