//! Models of first zones that are remembered: beside a publish that fails, and by the handle of an allocator.

use std::{
    format,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::{Bound, Explored, MOVABLE, NORMAL, OTHER, Zone, explore::explore_both, node, publish, zoneref};
use crate::{
    Request, ZoneKind,
    conformance::{always_torn::AlwaysTorn, rolls_back::RollsBack},
    publish::{Platform, Published, Reader, ReaderSlots, Reclaim, Scheme, WhenStopped, explore_stamps, remembered_at},
    sync::{
        Track,
        traced::{Log, membarrier},
    },
};

/// Explores `once`, which returns whether the reader remembered its zone: in some interleavings, and not in all.
fn explore_memory(name: &str, bound: Bound, once: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Explored {
    let once = move || {
        explore_stamps(true);
        once()
    };
    explore_both(name, bound, once, |remembered, walked| {
        format!("2 threads; the zone was remembered in {remembered}, and walked to in {walked}")
    })
}

/// Acknowledges what is requested of a handle, as the slow path does, and drops the handle.
fn acknowledge_and_leave<S: Scheme, P: Platform>(mut handle: Reader<'_, S, P>) {
    drop(handle.enter_slot(WhenStopped::Wait));
    handle.release_own_slot();
}

/// Explores that a reader remembers nothing of a publish that fails, and rolls back what it had published.
///
/// For schemes whose pinned version is a reference to the scheme.
///
/// # Panics
/// If a remembered zone is the first of no version that was published.
pub fn explore_failed_publish<S>(name: &str, bound: Bound, make: fn() -> S) -> Explored
where
    S: for<'g> Scheme<Pinned<'g> = &'g S> + Send + 'static,
{
    explore_memory(name, bound, move || {
        const BEFORE: &[Zone] = &[NORMAL, OTHER];
        let (scheme, fails) = RollsBack::new(make());
        let published = Arc::new(Published::<_>::with_slots(scheme, ReaderSlots::boxed(1)));
        publish(&published, BEFORE);
        fails.store(true, Relaxed);
        Log::call("reader");
        Log::from_here();
        let publisher = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || {
                Log::call("publisher");
                assert!(super::try_to_publish(&published, &[MOVABLE, NORMAL, OTHER]).is_err(), "it is rolled back");
            }
        });
        let filter = published.filter(&Request::up_to(ZoneKind::Normal));
        let mut reader = published.reader().expect("a reader slot");
        let mut memory = published.first_zone(node(), &filter);
        reader.first(&mut memory);
        let recalled = memory.recall();
        Log::say(format!("remembers {recalled:?}"));
        assert!(recalled.is_none_or(|zone| zone == zoneref(NORMAL)), "no version begins with {recalled:?}");
        drop(reader);
        membarrier::join(publisher);
        recalled.is_some()
    })
}

/// Explores that a handle of an allocator, which remembers what it walked to within one operation, uses it in the next
/// only if some version begins with it.
///
/// The lists `[N, O]` become `[M, N, O]`, and the request does not admit M: every version begins with N.
///
/// # Panics
/// If the handle uses another zone.
pub fn explore_handle<S, P>(
    name: &str,
    bound: Bound,
    make: impl Fn() -> Published<S, P> + Copy + Sync + Send + 'static,
) -> Explored
where
    S: Scheme + Send + 'static,
    P: Platform,
{
    explore_memory(name, bound, move || {
        let published = Arc::new(make());
        publish(&published, &[NORMAL, OTHER]);
        Log::call("handle");
        let (handle, _) = published.reader_with_slot(usize::MAX).expect("a reader slot");
        Log::from_here();
        let publisher = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || {
                Log::call("publisher");
                publish(&published, &[MOVABLE, NORMAL, OTHER]);
            }
        });
        let filter = published.filter(&Request::up_to(ZoneKind::Normal));
        // As `LocalHandle::alloc` does it, without the pages.
        let memory = handle.try_enter_stamped().and_then(|(section, stamp)| {
            let (zone, torn) = handle.guard_within(&section).first(node(), &filter);
            Some((remembered_at(stamp), zone.filter(|_| !torn)?))
        });
        let entered = handle.try_enter_stamped();
        let used = memory.filter(|&(stamp, _)| entered.as_ref().is_some_and(|&(_, now)| now == stamp));
        Log::say(format!("uses {used:?}"));
        assert!(used.is_none_or(|(_, zone)| zone == zoneref(NORMAL)), "no version begins with {used:?}");
        drop(entered);
        acknowledge_and_leave(handle);
        membarrier::join(publisher);
        used.is_some()
    })
}

/// Explores that a reader remembers no zone of a walk that reports to be torn.
///
/// # Panics
/// If it does.
pub fn explore_torn_walk<S>(name: &str, bound: Bound, make: fn() -> S) -> Explored
where
    S: for<'g> Scheme<Pinned<'g> = &'g S> + Send + 'static,
{
    super::explore(name, bound, move || {
        explore_stamps(true);
        let published = Arc::new(Published::<_>::with_slots(AlwaysTorn(make()), ReaderSlots::boxed(1)));
        publish(&published, &[NORMAL]);
        let publisher = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || _ = publish(&published, &[MOVABLE, NORMAL])
        });
        let filter = published.filter(&Request::up_to(ZoneKind::Normal));
        let mut reader = published.reader().expect("a reader slot");
        let mut memory = published.first_zone(node(), &filter);
        // Only walks that show a zone: one that shows none is repeated, as long as it reports to be torn.
        if reader.enter().walk(node(), &filter).next().is_some() {
            assert!(memory.recall().is_none(), "nothing was read");
        }
        membarrier::join(publisher);
        assert_eq!(reader.first(&mut memory), Some(zoneref(NORMAL)));
        assert_eq!(memory.recall(), None, "the walk reported that it may be torn");
    })
}

/// Explores that `synchronize` waits for the operations of a handle that remembers its first zone, and does not walk.
///
/// A handle remembers `[N]`, and uses it in an operation, while another thread publishes the empty list, calls
/// `synchronize`, and writes to memory that only operations on N read.
///
/// # Panics
/// If nothing orders such a read before that write. Also if the handle remembered in every interleaving, or in none.
pub fn explore_operations<S, P>(
    name: &str,
    bound: Bound,
    make: impl Fn() -> Published<S, P> + Copy + Sync + Send + 'static,
) -> Explored
where
    S: Reclaim + Send + 'static,
    P: Platform,
{
    explore_memory(name, bound, move || {
        let shared = Arc::new((make(), Track::default()));
        publish(&shared.0, &[NORMAL]);
        Log::call("handle");
        let (handle, _) = shared.0.reader_with_slot(usize::MAX).expect("a reader slot");
        // What an allocation does that finds nothing remembered.
        let stamp = {
            let (section, stamp) = handle.try_enter_stamped().expect("no request yet");
            let filter = shared.0.filter(&Request::up_to(ZoneKind::Normal));
            let met = handle.guard_within(&section).walk(node(), &filter).next().is_some();
            assert!(met && remembered_at(stamp) == stamp, "no publish is under way");
            stamp
        };
        Log::from_here();
        let retirer = loom::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                Log::call("retirer");
                publish(&shared.0, &[]);
                shared.0.synchronize().expect("a barrier pair that works");
                // The write stands for freeing the memory: loom reports a read that nothing orders before it.
                Log::say("frees what only operations on V1's zone may reach");
                shared.1.write();
            }
        });
        let entered = handle.try_enter_stamped();
        let remembered = entered.as_ref().is_some_and(|&(_, now)| now == stamp);
        if remembered {
            Log::say("uses the zone that it remembers");
            shared.1.read();
        }
        drop(entered);
        acknowledge_and_leave(handle);
        membarrier::join(retirer);
        remembered
    })
}
