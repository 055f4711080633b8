//! Locks that panic instead of being taken, as the contract of `RawLock` allows: the operation then has no effect.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use zonelist_core::{
    Page, PageAllocator, PageRequest, Pfn, Zone, Zoneref,
    page_alloc::{Handle, HandleError, MovableEntry, MovablePages, MoveError},
    publish::{FullFence, Parts, Published, ReaderSlots},
    stop_world::StopWorld,
    sync::{RawLock, Spin},
    table::{Capacity, Slots},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

use super::{FRAMES, NODE, ZONES, random};
use crate::made_up;
use crate::support::order;

thread_local! {
    /// One call in this number of calls panics; 0 for none.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

#[derive(Default)]
struct Panics(Spin);

impl Panics {
    fn may_panic() {
        let one_in = PANICS.get();
        assert!(one_in == 0 || random() % one_in > 0, "a lock that is not taken");
    }
}

// SAFETY: `Spin` excludes all other threads, and a call that panics has not taken the lock.
unsafe impl RawLock for Panics {
    type Held = ();

    fn lock(&self) {
        Self::may_panic();
        self.0.lock();
    }

    fn try_lock(&self) -> Option<()> {
        Self::may_panic();
        self.0.try_lock()
    }

    unsafe fn unlock(&self, (): ()) {
        // SAFETY: the caller holds the lock, as the contract of `unlock` demands.
        unsafe { self.0.unlock(()) };
    }
}

/// Calls `call` while one lock operation in `one_in` panics. Returns `None` if one did.
fn with_panics<R>(one_in: u64, call: impl FnOnce() -> R) -> Option<R> {
    PANICS.set(one_in);
    let outcome = catch_unwind(AssertUnwindSafe(call)).ok();
    PANICS.set(0);
    outcome
}

#[test]
fn a_page_whose_remove_panics_stays_behind_its_handle() {
    let mut entries = [const { MovableEntry::new() }; 1];
    let mover = |_: Handle, _: &Page, _: &Page| Ok::<_, MoveError>(());
    let movables = MovablePages::new(mover, &mut entries, Panics::default());
    let handle = movables.insert(made_up::page(0)).unwrap();
    assert_eq!(with_panics(1, || movables.remove(handle)), None);
    assert_eq!(
        movables.try_hold(handle).map(|held| held.page().pfn()),
        Ok(Pfn::new(0)),
        "the failed removal is undone"
    );
    assert_eq!(with_panics(1, || movables.try_remove(handle)), None);
    assert_eq!(movables.try_remove(handle).map(|page| page.pfn()), Ok(Pfn::new(0)));
    assert_eq!(movables.try_hold(handle).map(drop), Err(HandleError::Gone));
    assert!(movables.insert(made_up::page(0)).is_ok(), "the entry is free");
}

#[test]
fn zones_whose_locks_panic_lose_no_frame() {
    let [id, _] = ZONES;
    let zone = Zone::boxed(id, Pfn::range(0..FRAMES), Order::MAX, Panics::default()).unwrap();
    zone.add(Pfn::range(0..FRAMES)).unwrap();
    let published: Published<_, Parts<FullFence, Panics>> =
        Published::with_platform(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())), ReaderSlots::boxed(2));
    published
        .publish(ZonelistsRef::new(&[Zoneref::new(id)], &[NodeSpan { start: 0, len: 1, own: 1 }]).unwrap())
        .unwrap();
    let allocator = PageAllocator::boxed(published, vec![zone]).unwrap();
    let prepared = |order| allocator.prepare(&PageRequest::up_to(id.kind()).order(order));
    let requests = [0, 0, 0, 1, 3].map(order).map(prepared);
    let mut local = allocator.local().unwrap();
    let (mut pages, mut panics) = (Vec::<Page>::new(), 0);
    for _ in 0..20_000 {
        let done = match random() % 20 {
            0..10 => {
                let prepared = &requests[random() as usize % requests.len()];
                with_panics(4, || local.alloc(NODE, prepared)).map(|page| pages.extend(page.ok()))
            }
            10..19 if !pages.is_empty() => {
                let at = random() as usize % pages.len();
                let page = pages.swap_remove(at);
                let raw = page.as_raw();
                let done = with_panics(4, || local.free(page).unwrap());
                if done.is_none() {
                    // A free that panics leaks its page, whose block stays allocated.
                    pages.extend(made_up::page_of_word(raw));
                }
                done
            }
            _ if random() % 50 == 0 => with_panics(4, || local.drain()),
            _ => Some(()),
        };
        panics += usize::from(done.is_none());
    }
    assert!(panics > 20, "{panics}");
    let frames: std::collections::HashSet<_> = pages.iter().flat_map(|page| Pfn::iter(page.frames())).collect();
    assert_eq!(
        frames.len() as u64,
        pages.iter().map(|page| page.order().pages()).sum::<u64>(),
        "each frame has one user"
    );
    pages.into_iter().for_each(|page| local.free(page).unwrap());
    allocator.drain().unwrap();
    assert_eq!(allocator.zones()[0].free_pages(), FRAMES as usize);
}
