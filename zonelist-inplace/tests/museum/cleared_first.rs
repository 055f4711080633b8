//! 4.13's build without `stop_machine`: what the series of 2017 had to change first.
//!
//! Until 4.13 a rebuild emptied the list and appended node by node, with a terminator behind each. Readers were stopped
//! meanwhile, so that none saw it. 9d3be21bf9c0 (4.14) computes the node order first and writes the list in one pass,
//! so that the next commit could remove `stop_machine`. In the reverse sequence, any rebuild would have shown empty
//! lists, even one that changes nothing.
//!
//! `InPlace` writes over the old list: a list that is published again unchanged looks the same at every step.

use zonelist_core::{
    ZoneKind::Movable,
    conformance::models::{Bound, NORMAL, OTHER, Scenario, full, search_failures},
};

use super::kernel::{Build, Memory, N0, N1, Request, Zonelist, allocate, beside};

fn empty_while_rebuilt(build: Build) -> Option<String> {
    let list = Zonelist::new(Memory::Sequential, 2, &[N0, N1]);
    let rebuild = move |list: &Zonelist| list.build(build, &[N0, N1]);
    let seen = beside(list, rebuild, "allocates", |list| allocate(list, &Request::KERNEL));
    seen.zones.is_empty().then(|| "no zone at all, in a list that does not even change".into())
}

#[test]
fn a_list_that_is_cleared_first_is_empty_during_the_rebuild() {
    let found =
        search_failures("museum: cleared first", Bound::Exhaustive, || empty_while_rebuilt(Build::ClearedFirst));
    super::exhibited(&found, "cleared_first");
    super::absent(&search_failures("museum: in one pass", Bound::Exhaustive, || empty_while_rebuilt(Build::InOnePass)));

    let ours = Scenario::new("museum: published as it is").before(&[NORMAL, OTHER]).publisher(&[&[NORMAL, OTHER]]);
    let ours = ours.reader(&[full(Movable)]).uniform().explore(super::super::in_place);
    assert_eq!(ours.tally.torn, 0);
}
