//! Each scheme's use of the heap, counted by the allocator: calls by walks and publishes, memory of a reader, and
//! memory that is kept while a reader is stalled.

use zonelist_core::{
    conformance::{
        Sample,
        facts::{
            allocation::{self, Reached},
            heap,
        },
    },
    publish::{Platform, Published, ReaderSlots, StalledReader},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

/// Counts the allocations of publishes and walks.
struct Use;

impl Visitor for Use {
    type Output = Reached;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Reached {
        allocation::reached::<S, P>(|| S::build(self.capacity()), &Sample::default())
    }
}

#[test]
fn a_scheme_uses_the_heap_only_where_it_says_so() {
    for scheme in SchemeId::all() {
        let reached = scheme.visit(&mut Use);
        println!("{}: {reached:?} in {} publishes and walks", scheme.name(), 2 * Reached::TIMES);
        assert_eq!(scheme.facts().allocates, reached.fact(), "{}: {reached:?}", scheme.name());
    }
}

/// True if a scheme needs a heap at all.
struct Needs;

impl Visitor for Needs {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> bool {
        allocation::needs_a_heap::<S, P>(|| S::build(self.capacity()), &Sample::default())
    }
}

/// Every scheme is built on boxed tables here, so the count must see an allocation for each.
#[test]
fn the_count_of_what_needs_a_heap_sees_a_box() {
    for scheme in SchemeId::all() {
        assert!(scheme.visit(&mut Needs), "{}: the allocation of its boxed table is not counted", scheme.name());
    }
}

/// True if a reader occupies a reader slot, or memory of its own.
struct Register;

impl Visitor for Register {
    type Output = bool;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> bool {
        allocation::registers::<S, P>(|| S::build(self.capacity()))
    }
}

#[test]
fn a_reader_takes_a_place_of_its_own_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        assert_eq!(scheme.visit(&mut Register), scheme.facts().registers, "{}", scheme.name());
    }
}

/// Measures the memory that is kept while a reader is stalled within a walk.
struct Stall;

impl Visitor for Stall {
    type Output = (StalledReader, [(usize, i64); 2]);

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> (StalledReader, [(usize, i64); 2]) {
        allocation::stalled_reader::<S, P>(|| S::build(self.capacity()), &Sample::default())
    }
}

#[test]
fn what_is_kept_for_a_stalled_reader_is_bounded_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let (measured, [(_, few), (most, many)]) = scheme.visit(&mut Stall);
        println!("{}: {few} bytes kept by 100 publishes, {many} by {most}", scheme.name());
        assert_eq!(scheme.facts().stalled_reader, measured, "{}", scheme.name());
    }
}

/// Bytes on the heap of a scheme of this capacity, before and after a hundred publishes.
struct Weigh(Capacity);

impl Visitor for Weigh {
    type Output = Option<[i64; 3]>;

    fn capacity(&self) -> Capacity {
        self.0
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Option<[i64; 3]> {
        let versions = Sample::default().versions;
        let slots = ReaderSlots::boxed(1);
        let before = heap::kept();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), slots);
        let built = heap::kept() - before;
        versions.iter().cycle().take(100).for_each(|version| assert!(published.publish(version).is_ok()));
        S::heap_bytes(self.capacity()).map(|claimed| [claimed as i64, built, heap::kept() - before])
    }
}

#[test]
fn a_scheme_of_tables_is_as_large_as_it_says_from_the_start() {
    for (nodes, zones) in [(3, 4), (8, 24), (64, 64)] {
        for scheme in SchemeId::all() {
            let weighed = scheme.visit(&mut Weigh(Capacity::new(nodes, zones).unwrap()));
            assert_eq!(weighed.is_none(), ["EpochSwap", "ArcSwap"].contains(&scheme.name()));
            if let Some([claimed, built, used]) = weighed {
                assert_eq!((claimed, claimed), (built, used), "{}: {nodes} nodes, {zones} zones", scheme.name());
            }
        }
    }
}
