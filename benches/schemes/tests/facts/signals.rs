//! A walk in a signal handler that interrupted a publish, or another walk, on its own thread.

use zonelist_core::{
    conformance::{
        Sample,
        facts::{PASSED, signals::walks_in_a_handler},
    },
    publish::Platform,
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::child::verdicts;

struct Interrupted;

impl Visitor for Interrupted {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        walks_in_a_handler::<S, P>(|| S::build(self.capacity()), &Sample::default());
    }
}

#[test]
fn a_walk_in_a_signal_handler_ends_where_the_scheme_says_so() {
    let verdicts = verdicts("signals::a_walk_in_a_signal_handler_ends_where_the_scheme_says_so", |scheme: SchemeId| {
        scheme.visit(&mut Interrupted);
    });
    for (scheme, verdict) in verdicts {
        assert_eq!(scheme.facts().interrupt_safe, verdict == PASSED, "{}: {verdict}", scheme.name());
    }
}
