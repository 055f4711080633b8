//! All versions since 4.14: the slots behind the terminator of a list are never cleared.
//!
//! A rebuild writes the zones and then the terminator. The slots behind it keep the entries of an older, longer list. A
//! later rebuild that makes the list longer stores over the old terminator before it stores a new one. For a moment a
//! reader goes on into the old entries, and finds a zone that is in neither list, and may have been removed long ago.
//! The kernel does not crash on that, since descriptors of zones are never freed.
//!
//! `InPlace` clears those slots before `publish` returns. The fault "slots: tail kept" shows that it has to.

use zonelist_core::{
    ZoneKind::Normal,
    conformance::models::{Bound, NORMAL, OTHER, Scenario, full, search_failures},
};

use super::{
    super::P,
    kernel::{Build, M0, Memory, N0, N1, N2, Request, Zonelist, allocate, beside},
};

#[test]
fn a_removed_zone_is_found_in_the_tail() {
    let found = search_failures("museum: the tail", Bound::Exhaustive, || {
        let list = Zonelist::new(Memory::Sequential, 3, &[N0, N1, N2]);
        list.build(Build::InOnePass, &[N0]);
        let rebuild = |list: &Zonelist| list.build(Build::InOnePass, &[M0, N0]);
        let seen = beside(list, rebuild, "allocates", |list| allocate(list, &Request::MOVABLE));
        let gone = seen.zones.iter().any(|zone| [N1, N2].contains(zone));
        gone.then(|| "a zone of neither list".into())
    });
    super::exhibited(&found, "tail");

    let ours = Scenario::new("museum: the tail cleared").before(&[NORMAL, OTHER, P]).before(&[NORMAL]);
    let ours = ours.publisher(&[&[OTHER, NORMAL]]).reader(&[full(Normal)]).explore(super::super::in_place);
    assert_eq!(ours.tally.phantom, 0);
}
