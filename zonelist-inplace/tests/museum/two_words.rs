//! 4.14 (2017): a zoneref is two words, and the zone is stored before its index.
//!
//! "mm, page_alloc: remove stop_machine from build_all_zonelists" (11cd8638c37f) lets readers walk a list while it is
//! rewritten. A slot is a zone pointer and the zone's index, by which the filter decides. The rebuild stores one
//! after the other. A reader between the two stores pairs a new zone with an old index. Say the list `[Normal]` becomes
//! `[Movable, Normal]`: an allocation for the kernel gets pages of Movable, and those pages can't be moved any more.
//!
//! Our zoneref is one word: [`Zoneref`](zonelist_core::Zoneref). No walk of `InPlace` shows a zone that was not
//! requested.

use zonelist_core::{
    ZoneKind::Normal,
    conformance::models::{Bound, MOVABLE, NORMAL, Scenario, full, search_failures},
};

use super::kernel::{Build, M0, Memory, N0, Request, Zonelist, allocate, beside};

#[test]
fn a_new_zone_is_admitted_by_an_old_index() {
    let found = search_failures("museum: two words", Bound::Exhaustive, || {
        let list = Zonelist::new(Memory::Sequential, 2, &[N0]);
        let rebuild = |list: &Zonelist| list.build(Build::InOnePass, &[M0, N0]);
        let seen = beside(list, rebuild, "allocates for the kernel", |list| allocate(list, &Request::KERNEL));
        seen.zones.contains(&M0).then(|| "an allocation for the kernel is served by Movable".into())
    });
    super::exhibited(&found, "two_words");

    let ours = Scenario::new("museum: one word").before(&[NORMAL]).publisher(&[&[MOVABLE, NORMAL]]);
    let ours = ours.reader(&[full(Normal)]).explore(super::super::in_place);
    assert_eq!(ours.tally.phantom, 0);
}
