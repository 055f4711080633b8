//! 6.0 to 6.14 (mended in 2025): the sequence number is loaded, and never compared.
//!
//! The slow path takes a cookie at `restart`, and compares it before it kills a process or gives up. Between the two is
//! the loop `retry`:
//!
//! 1. Scan from the preferred slot.
//! 2. Without a page, reclaim.
//! 3. If reclaim made progress, and some zone could serve *from the start of the list*, go back to 1.
//!
//! The preferred slot may be stale: at the end of a list that has become shorter. Then every scan tries no zone, while
//! step 3 finds a zone, and the comparison is never reached. "mm/page_alloc.c: avoid infinite retries caused by cpuset
//! race" (e05741fb10c3, 6.15) compares at the top of the loop.
//!
//! With our schemes, the comparison is at the end of each walk: `find` calls `must_retry`, and so does the page
//! allocator.

use zonelist_core::{
    conformance::models::{Bound, ROOM, search_failures, suite},
    sync::traced::Log,
    table::{Slot, Slots},
};
use zonelist_seq::SeqRetry;

use super::kernel::{Counted, M0, N0, Request, Seen, beside, scan};

/// Rounds without a zone tried that count as a loop without end.
const FOR_EVER: usize = 3;

/// The slow path, where reclaim makes progress but leaves no page for this allocation. True if it loops for ever.
fn slow_path(shared: &Counted, compared_in_the_loop: bool) -> bool {
    let list = &shared.list;
    for _restart in 0..2 {
        let cookie = shared.cookie();
        if cookie % 2 == 1 {
            // `read_seqbegin` would wait for the rebuild: that is the exhibit `seqlock`.
            return false;
        }
        let preferred = list.next(0, &Request::KERNEL, &mut Seen::default());
        let mut empty_scans = 0;
        while empty_scans < FOR_EVER {
            if compared_in_the_loop && shared.cookie() != cookie {
                break;
            }
            if !scan(list, preferred, &Request::KERNEL).zones.is_empty() {
                return false;
            }
            empty_scans += 1;
            // `should_reclaim_retry` searches from the start of the list.
            let first = list.next(0, &Request::KERNEL, &mut Seen::default());
            if list.zone(first).is_none() {
                return false;
            }
            Log::say("some zone could serve: retries");
        }
        if empty_scans == FOR_EVER {
            return shared.cookie() != cookie;
        }
        Log::say("the cookie has changed: restarts");
    }
    false
}

fn retries_for_ever(compared_in_the_loop: bool) -> Option<String> {
    let rebuild = |lists: &Counted| lists.rebuild(&[N0]);
    let for_ever = beside(Counted::new(2, &[M0, N0]), rebuild, "allocates for the kernel", |lists| {
        slow_path(lists, compared_in_the_loop)
    });
    for_ever.then(|| "every retry tries no zone, and none compares the cookie".into())
}

#[test]
fn a_retry_never_compares_its_cookie() {
    let found = search_failures("museum: the cookie", Bound::Preemptions(2), || retries_for_ever(false));
    super::exhibited(&found, "cookie");
    let mended =
        search_failures("museum: the cookie, as mended in 6.15", Bound::Preemptions(2), || retries_for_ever(true));
    assert_eq!(mended.found, 0, "{:?}", mended.shortest.map(|shortest| shortest.to_string()));
    suite::an_allocation_at_the_tail("museum, SeqRetry", || SeqRetry::new(Slots::<Box<[Slot]>>::boxed(ROOM)));
}
