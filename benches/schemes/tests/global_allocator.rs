//! The page allocator as the `#[global_allocator]` of a program, under every scheme, while a thread publishes without
//! pause.
//!
//! The program is this test, once for each scheme.

#![cfg(target_os = "linux")]

use zonelist_core::{
    conformance::facts::{Heap, PASSED, below_allocator::serves_the_program},
    publish::Platform,
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

#[path = "facts/child.rs"]
mod child;

#[global_allocator]
static HEAP: Heap = Heap;

/// Threads that allocate pages and send them to other threads, which check and free them.
struct Program;

impl Visitor for Program {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Capacity::new(1, 2).unwrap()
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        serves_the_program::<S, P>(|| S::build(self.capacity()));
    }
}

#[test]
fn a_scheme_serves_a_global_allocator_where_it_says_so() {
    let test = "a_scheme_serves_a_global_allocator_where_it_says_so";
    for (scheme, verdict) in child::verdicts(test, |scheme: SchemeId| scheme.visit(&mut Program)) {
        assert_eq!(scheme.facts().below_allocator, verdict == PASSED, "{}: {verdict}", scheme.name());
    }
}
