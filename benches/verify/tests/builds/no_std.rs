//! Schemes that need neither std nor a heap: a program without either links with all of these schemes, and runs
//! ([`freestanding/src/main.rs`](../../freestanding/src/main.rs)).

use zonelist_schemes::SchemeId;

use super::freestanding::{cargo, runs, with_every_scheme};

#[test]
fn a_scheme_runs_without_std_and_a_heap_where_it_says_so() {
    with_every_scheme().unwrap_or_else(|said| panic!("{said}"));
    runs("freestanding");
    for scheme in SchemeId::all() {
        let (name, facts) = (scheme.name(), scheme.facts());
        // The program has no heap: a scheme that needs one does not link, whether or not it needs std.
        assert_eq!(facts.no_std, facts.no_alloc, "{name}: the program cannot distinguish the two facts");
        if facts.no_std {
            continue;
        }
        let said = cargo("check", "freestanding", name).expect_err("the scheme links std");
        let error = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        println!("{name}: {error}");
        // Two panic handlers: the program's, and that of the std that the scheme links.
        assert!(error.contains("panic_impl"), "{name}: {said}");
    }
}
