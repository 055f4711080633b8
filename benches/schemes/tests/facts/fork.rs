//! A walk in the child of a fork. The publisher stays behind, stopped wherever it was within a publish.

use zonelist_core::{
    Capacity,
    conformance::{
        Sample,
        facts::fork::{Child, after_fork},
    },
    publish::Barrier,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

struct Forks;

impl Visitor for Forks {
    type Output = Child;

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, B: Barrier>(&mut self) -> Child {
        after_fork::<S, B>(|| S::build(self.capacity()), &Sample::default())
    }
}

#[test]
fn a_walk_behind_a_fork_ends_where_the_scheme_says_so() {
    for scheme in SchemeId::all() {
        let became = scheme.visit(&mut Forks);
        println!("{}: {became:?}", scheme.name());
        assert_eq!(scheme.facts().after_fork, became == Child::Walked, "{}: {became:?}", scheme.name());
    }
}
