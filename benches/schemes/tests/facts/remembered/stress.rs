//! Allocations beside a publisher that removes the nearer zone and adds it again: no page comes from a zone that had left
//! the lists before the allocation began, and no page has two owners.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
};

use zonelist_core::{
    PageAllocator, PageRequest,
    ZoneKind::Normal,
    publish::{Platform, Published, ReaderSlots, Scheme},
    sync::Spin,
    table::{Capacity, Slots},
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

use super::{
    lists::{FRAMES, ListedZones, NEAR, NODE, allocator},
    silent::Shared,
};

/// Allocations of each of two threads, at least.
fn allocations() -> u64 {
    if zonelist_verify::is_long() { 2_000_000 } else { 40_000 }
}

/// Allocations of each thread between two changes of the lists, at least. So most of them use what they remember.
const BETWEEN: u64 = 20;

/// What a run has found.
#[derive(Debug, Default)]
struct Found {
    /// Pages from a zone that had left before the allocation began.
    from_wrong_zones: AtomicU64,
    /// Pages that were allocated twice.
    shared: AtomicU64,
    /// Allocations that began and ended while the zone was away.
    judged: AtomicU64,
}

/// What a thread that allocates has done.
#[derive(Default)]
struct Progress {
    allocated: AtomicU64,
    /// Of these, the allocations that began and ended while the zone was away.
    judged: AtomicU64,
    done: AtomicBool,
}

/// Waits until each thread that still runs has counted [`BETWEEN`] more in `count`.
fn wait_for_each(threads: &[Progress], count: impl Fn(&Progress) -> &AtomicU64) {
    let before = threads.iter().map(|thread| count(thread).load(SeqCst)).collect::<Vec<_>>();
    for (thread, before) in threads.iter().zip(before) {
        while count(thread).load(SeqCst) < before + BETWEEN && !thread.done.load(SeqCst) {
            thread::yield_now();
        }
    }
}

/// Runs two threads that allocate and free, beside `publish`, which is called with the lists by turns. Each of the two
/// allocates at least [`BETWEEN`] times between two publishes, however the system schedules them.
fn run<S, P>(allocator: &PageAllocator<'_, S, P>, publish: impl Fn(ListedZones) + Sync) -> Found
where
    S: Scheme,
    P: Platform<Lock = Spin>,
{
    let found = Found::default();
    // Odd while the near zone is away: from behind the publish that removes it to before the one that adds it.
    let away = AtomicUsize::new(0);
    let owned: Vec<AtomicBool> = (0..2 * FRAMES).map(|_| AtomicBool::new(false)).collect();
    let (threads, allocations) = ([Progress::default(), Progress::default()], allocations());
    let work = |progress: &Progress| {
        let request = allocator.prepare(&PageRequest::up_to(Normal));
        let mut local = allocator.local().unwrap();
        // The zone has been away once, at least.
        while progress.allocated.load(Relaxed) < allocations || away.load(SeqCst) < 2 {
            let before = away.load(SeqCst);
            let page = local.alloc(NODE, &request).unwrap();
            let judged = before % 2 == 1 && away.load(SeqCst) == before;
            let wrong = judged && allocator.zone_of(&page).unwrap().id() == NEAR;
            found.from_wrong_zones.fetch_add(wrong.into(), Relaxed);
            let owner = &owned[page.pfn().number() as usize];
            found.shared.fetch_add(owner.swap(true, SeqCst).into(), Relaxed);
            owner.store(false, SeqCst);
            local.free(page).unwrap();
            progress.allocated.fetch_add(1, SeqCst);
            progress.judged.fetch_add(judged.into(), SeqCst);
        }
        progress.done.store(true, SeqCst);
    };
    thread::scope(|scope| {
        threads.iter().for_each(|thread| _ = scope.spawn(|| work(thread)));
        scope.spawn(|| {
            while !threads.iter().all(|thread| thread.done.load(SeqCst)) {
                wait_for_each(&threads, |thread| &thread.allocated);
                publish(ListedZones::FAR_ONLY);
                away.fetch_add(1, SeqCst);
                wait_for_each(&threads, |thread| &thread.judged);
                away.fetch_add(1, SeqCst);
                publish(ListedZones::BOTH);
            }
        });
    });
    found.judged.store(threads.iter().map(|thread| thread.judged.load(SeqCst)).sum(), SeqCst);
    found
}

struct Stress;

impl Visitor for Stress {
    type Output = Found;

    fn capacity(&self) -> Capacity {
        ListedZones::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) -> Found {
        let published = Published::<S, P>::with_platform(S::build(ListedZones::CAPACITY), ReaderSlots::boxed(2));
        published.publish(&ListedZones::BOTH.build()).unwrap();
        let allocator = allocator(published);
        run(&allocator, |lists| _ = allocator.published().publish(&lists.build()).unwrap())
    }
}

#[test]
fn no_page_comes_from_a_zone_that_has_left() {
    for scheme in SchemeId::all() {
        let found = scheme.visit(&mut Stress);
        println!("{}: {found:?}", scheme.name());
        assert!(found.judged.into_inner() > 0, "{}: no allocation ran while the zone was away", scheme.name());
        assert_eq!((found.from_wrong_zones.into_inner(), found.shared.into_inner()), (0, 0), "{}", scheme.name());
    }
}

/// The control: changes of the lists that the stamp does not show.
#[test]
fn a_silent_stamp_lets_pages_come_from_a_zone_that_has_left() {
    let table = Shared(Arc::new(Slots::boxed(ListedZones::CAPACITY)));
    let published: Published<_> = Published::with_slots(table.clone(), ReaderSlots::boxed(2));
    published.publish(&ListedZones::BOTH.build()).unwrap();
    let behind: Published<_> = Published::with_slots(table, ReaderSlots::boxed(1));
    let allocator = allocator(published);
    let found = run(&allocator, |lists| _ = behind.publish(&lists.build()).unwrap());
    println!("silent: {found:?}");
    let (wrong, judged) = (found.from_wrong_zones.into_inner(), found.judged.into_inner());
    assert!(wrong > judged / 2, "of {judged}, the stress finds {wrong} that a silent stamp lets through");
    assert_eq!(found.shared.into_inner(), 0, "the per-CPU pages do not depend on the lists");
}
