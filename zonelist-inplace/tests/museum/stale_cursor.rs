//! 4.14 to 5.19 (reported in 2022): an allocation keeps its position in a list that becomes shorter.
//!
//! The list is `[Movable, Normal]`. An allocation for the kernel has found Normal in slot 1, without a free page, and
//! reclaims some. Meanwhile the last memory block of Movable goes offline, and the list becomes `[Normal]`. The
//! allocation scans again from slot 1, which is the terminator now. Every scan tries no zone, and the system kills a
//! process for lack of memory, though Normal has some. "mm/page_alloc: fix race condition between build_all_zonelists
//! and page allocation" (3d36424b3b58, 6.0) makes it compare a sequence number before it gives up.
//!
//! Under `SeqRetry` and `Presence` such a walk reports that it is torn. Under the other schemes it does not happen.

use zonelist_core::{
    conformance::models::{Bound, explore_races, search_failures},
    sync::traced::Log,
};

use super::kernel::{Counted, M0, N0, Request, Seen, beside, scan};

/// The slow path of an allocation that finds no page in two scans. The bug, if it kills a process.
fn killed_for_lack_of_memory(cookies: bool) -> Option<String> {
    let rebuild = |lists: &Counted| lists.rebuild(&[N0]);
    let killed = beside(Counted::new(2, &[M0, N0]), rebuild, "allocates for the kernel", |lists| {
        let list = &lists.list;
        let cookie = if cookies { lists.cookie() } else { 0 };
        let preferred = list.next(0, &Request::KERNEL, &mut Seen::default());
        scan(list, preferred, &Request::KERNEL);
        Log::say("reclaims some pages, and scans again");
        let tried = scan(list, preferred, &Request::KERNEL).zones;
        let stale = cookies && (cookie % 2 == 1 || lists.cookie() != cookie);
        let killed = tried.is_empty() && !stale;
        Log::say(if killed { "kills a process" } else { "goes on" });
        killed
    });
    killed.then(|| "a process is killed, and Normal was never tried".into())
}

#[test]
fn a_stale_cursor_finds_no_zone() {
    let found = search_failures("museum: a stale cursor", Bound::Exhaustive, || killed_for_lack_of_memory(false));
    super::exhibited(&found, "stale_cursor");
    let fixed = search_failures("museum: a stale cursor, as mended in 6.0", Bound::Exhaustive, || {
        killed_for_lack_of_memory(true)
    });
    super::absent(&fixed);

    for races in [
        explore_races("museum, Presence", Bound::Exhaustive, super::super::presence),
        explore_races("museum, SeqRetry", Bound::Exhaustive, super::seqlock::seq_retry),
    ] {
        assert_eq!((races.cursor.tally.unreported, races.growing.tally.unreported), (0, 0));
    }
}
