//! A walk in the child of a fork that is made while a publisher is stopped within a publish.

use zonelist_core::{
    conformance::{
        Sample,
        facts::fork::{Child, after_fork},
    },
    publish::Platform,
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

struct Forks;

impl Visitor for Forks {
    type Output = Child;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Child {
        after_fork::<S, P>(|| S::build(self.capacity()), &Sample::default())
    }
}

#[test]
fn a_walk_after_a_fork_ends_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let outcome = scheme.visit(&mut Forks);
        println!("{}: {outcome:?}", scheme.name());
        assert_eq!(scheme.facts().after_fork, outcome == Child::Walked, "{}: {outcome:?}", scheme.name());
    }
}
