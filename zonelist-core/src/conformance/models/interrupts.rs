//! Models of interrupt handlers that walk within a walk or a publish, or that allocate within any operation.

use std::{
    boxed::Box,
    format,
    string::String,
    sync::{Arc, Mutex},
    vec,
    vec::Vec,
};

use super::{Bound, MOVABLE, NORMAL, OTHER, Zone, explore, locked, node, publish, search_interrupts, zoneref};
use crate::{
    PageAllocator, PageRequest, Pfn, Request, Zone as Frames, ZoneKind, Zonelists, Zoneref,
    conformance::{History, Published as Record, Span, Walked},
    locking::Spin,
    page_alloc::TryAllocError,
    publish::{Published, Scheme, Walk},
    sync::traced::{Log, membarrier},
    zone::Order,
};

/// What a walk to the end showed, and whether it reported that it may be torn.
type Seen = (Vec<Zoneref>, bool);

/// The stamp of all publishes and walks: a walk may have seen any version.
const AT_ONCE: Span = Span { begin: 0, end: 0 };

fn record<S: Scheme>(published: &Published<S>, list: &[Zone]) -> Record<Zonelists> {
    let (version, lists) = publish(published, list);
    Record { version, span: AT_ONCE, lists }
}

/// An interrupt handler walks between the first zoneref of a walk and the second, while another thread publishes.
pub(super) fn a_walk_within_a_walk<S: Scheme + Send + 'static>(
    scheme: &str,
    make: impl Fn() -> Published<S> + Copy + Send + Sync + 'static,
) {
    explore(&format!("{scheme}: a walk within a walk"), Bound::SUITE, move || {
        let published = Arc::new(make());
        let before = record(&published, &[NORMAL, OTHER]);
        Log::call("reader, and its interrupt");
        Log::from_here();
        let publisher = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || {
                Log::call("publisher");
                record(&published, &[MOVABLE, NORMAL])
            }
        });
        let walks = walk_within_walk(&published);
        let after = membarrier::join(publisher);
        judge::<S>([before, after], &walks);
    });
}

/// Walks with one reader, and with a second one behind the first zoneref. Returns what the outer and the inner walk
/// saw.
fn walk_within_walk<S: Scheme>(published: &Published<S>) -> [Seen; 2] {
    let filter = published.filter(&Request::up_to(ZoneKind::Movable));
    let (mut outer, mut inner) =
        (published.reader().expect("a reader slot"), published.reader().expect("a reader slot"));
    let guard = outer.enter();
    let mut walk = guard.walk(node(), &filter);
    let mut seen: Vec<Zoneref> = walk.next().into_iter().collect();
    Log::say("is interrupted");
    let nested = {
        let guard = inner.enter();
        to_the_end::<S>(guard.walk(node(), &filter))
    };
    Log::say("goes on");
    let (rest, may_be_torn) = to_the_end::<S>(walk);
    seen.extend(rest);
    [(seen, may_be_torn), nested]
}

fn to_the_end<S: Scheme>(mut walk: S::Walk<'_>) -> Seen {
    let seen = walk.by_ref().collect();
    (seen, walk.must_retry())
}

/// An interrupt handler walks at each step of a publish, on the publisher's CPU.
///
/// The publish goes on only behind the handler, so a walk that waited for it would never end.
pub(super) fn a_walk_within_a_publish<S: Scheme + Send + 'static>(
    scheme: &str,
    make: impl Fn() -> Published<S> + Copy + Send + Sync + 'static,
) {
    search_interrupts(&format!("{scheme}: a walk within a publish"), move |after| {
        let published = Arc::new(make());
        let before = record(&published, &[NORMAL, OTHER]);
        let walks = Arc::new(Mutex::new(Vec::new()));
        Log::call("publisher, and its interrupt");
        Log::from_here();
        Log::interrupt(after, {
            let (published, walks) = (Arc::clone(&published), Arc::clone(&walks));
            move || {
                Log::say("is interrupted");
                let filter = published.filter(&Request::up_to(ZoneKind::Movable));
                let mut reader = published.reader().expect("a reader slot");
                let guard = reader.enter();
                locked(&walks).push(to_the_end::<S>(guard.walk(node(), &filter)));
                Log::say("goes on");
            }
        });
        let after = record(&published, &[MOVABLE, NORMAL]);
        judge::<S>([before, after], &locked(&walks));
        None
    });
}

/// An interrupt handler allocates and frees a page at each step of an allocation, a free, a drain and a publish.
///
/// The handler runs on the CPU of the operation, through a handle of its own, and waits for nothing.
pub(super) fn an_allocation_within_anything<S: Scheme + Send + 'static>(
    scheme: &str,
    make: impl Fn() -> Published<S> + Copy + Send + Sync + 'static,
) {
    let [mut served, mut refused] = [0, 0].map(|count| Arc::new(Mutex::new(count)));
    let counts = [Arc::clone(&served), Arc::clone(&refused)];
    search_interrupts(&format!("{scheme}: an allocation within anything"), move |after| {
        let id = zoneref(NORMAL).zone();
        let frames = Frames::boxed(id, Pfn::range(0..512), Order::MAX, Spin::new()).expect("a zone");
        frames.add(Pfn::range(0..512)).expect("its frames");
        // Leaked, since the closure that is the handler may borrow nothing.
        let allocator: &'static _ = Box::leak(Box::new(PageAllocator::boxed(make(), vec![frames]).expect("a zone")));
        record(allocator.published(), &[NORMAL]);
        let prepare = || allocator.prepare(&PageRequest::up_to(ZoneKind::Normal));
        let mut local = allocator.local().expect("a reader slot");
        let (mut handler, for_handler) = (allocator.local().expect("a reader slot"), prepare());
        let handler =
            Mutex::new(move |[served, refused]: &[Arc<Mutex<u64>>; 2]| match handler.try_alloc(node(), &for_handler) {
                Ok(page) => {
                    *locked(served) += 1;
                    // While the interrupted operation holds the zone's lock, the page can go to the per-CPU pages only.
                    // If these are revoked too, the free fails, and the page stays with the caller.
                    let _ = handler.try_free(page);
                }
                Err(TryAllocError::WouldBlock | TryAllocError::OutOfMemory) => *locked(refused) += 1,
                Err(error) => panic!("{error}"),
            });
        Log::call("a thread, and its interrupt");
        Log::from_here();
        let counts = counts.clone();
        Log::interrupt(after, move || {
            Log::say("is interrupted");
            locked(&handler)(&counts);
            Log::say("goes on");
        });
        let request = prepare();
        let [first, second] = [(); 2].map(|()| local.alloc(node(), &request).expect("a page"));
        local.free(first).expect("the page is allocated");
        allocator.drain().expect("a barrier pair that works");
        record(allocator.published(), &[NORMAL, OTHER]);
        local.free(second).expect("the page is allocated");
        None
    });
    let [served, refused] = [&mut served, &mut refused].map(|count| *locked(count));
    assert!(served > 0, "model {scheme}: no interrupt got a page");
    std::println!("{served} interrupts got a page, and {refused} would have had to wait");
}

/// Judges walks to the end, for requests up to Movable, beside both versions.
///
/// # Panics
/// If a walk breaks the guarantee of the scheme.
fn judge<S: Scheme>(published: [Record<Zonelists>; 2], walks: &[Seen]) {
    let history = History::new(published.into()).expect("every version once");
    let request = Request::up_to(ZoneKind::Movable);
    for (seen, may_be_torn) in walks {
        let verdict = history.judge(&Walked { node: node(), request: &request, span: AT_ONCE, seen, full: true });
        let guarantee = S::FACTS.guarantee;
        let words = || -> String { verdict.words().join(", ") };
        assert!(verdict.is_within(guarantee, *may_be_torn), "a walk of {seen:?} breaks {guarantee}: {}", words());
    }
}
