//! A lock that a test can make appear held, or interrupt before it is acquired.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use zonelist_core::{
    NodeId, PageAllocator, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    publish::{Barrier, Parts, Published, ReaderSlots},
    sync::{RawLock, Spin},
    table::{Capacity, Slots},
    zone::Order,
    zonelist::{NodeSpan, ZonelistsRef},
};

use super::setup::NoProtocol;

/// A spin lock with hooks of the calling thread.
#[derive(Debug, Default)]
pub(crate) struct Hooked(Spin);

thread_local! {
    /// True if tries of a lock fail, as if it were held.
    static HELD: Cell<bool> = const { Cell::new(false) };
    /// A closure that is called before each lock that this thread waits for.
    static BEFORE_LOCK: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

// SAFETY: `Spin` excludes all other threads; the hooks only let a try fail, or run before the lock is acquired.
unsafe impl RawLock for Hooked {
    type Held = ();

    fn lock(&self) {
        let before = BEFORE_LOCK.with_borrow(|hook| hook.clone());
        if let Some(before) = before {
            before();
        }
        self.0.lock();
    }

    fn try_lock(&self) -> Option<()> {
        if HELD.get() { None } else { self.0.try_lock() }
    }

    unsafe fn unlock(&self, (): ()) {
        // SAFETY: the caller holds the lock, which is the inner one.
        unsafe { self.0.unlock(()) };
    }
}

/// Calls a closure while each try of a zone's lock fails, as in a handler that has interrupted the lock's holder.
pub(crate) fn with_locks_held<R>(meanwhile: impl FnOnce() -> R) -> R {
    HELD.set(true);
    let result = meanwhile();
    HELD.set(false);
    result
}

/// Calls a closure, with a hook that runs before each lock that it waits for.
pub(crate) fn before_each_lock<R>(hook: impl Fn() + 'static, meanwhile: impl FnOnce() -> R) -> R {
    struct Unhooked;
    impl Drop for Unhooked {
        fn drop(&mut self) {
            BEFORE_LOCK.set(None);
        }
    }
    let _unhooked = Unhooked;
    BEFORE_LOCK.set(Some(Rc::new(hook)));
    meanwhile()
}

pub(crate) const NODE: NodeId = NodeId::new(0).unwrap();
/// The zones, in the order of the list.
pub(crate) const ZONES: [ZoneId; 2] = [ZoneId::new(NODE, Movable), ZoneId::new(NODE, Normal)];
/// The number of frames of each zone.
pub(crate) const FRAMES: u64 = 4096;

pub(crate) type Allocator<B> = PageAllocator<'static, NoProtocol, Parts<B, Hooked>>;

/// An allocator of two zones with such locks, and one list.
pub(crate) fn allocator<B: Barrier>() -> Allocator<B> {
    let zone = |(id, start): (ZoneId, u64)| {
        let zone = Zone::boxed(id, Pfn::range(start..start + FRAMES), Order::MAX, Hooked::default()).unwrap();
        zone.add(Pfn::range(start..start + FRAMES)).unwrap();
        zone
    };
    let published =
        Published::with_platform(NoProtocol::new(Slots::boxed(Capacity::new(1, 2).unwrap())), ReaderSlots::boxed(4));
    published
        .publish(ZonelistsRef::new(&ZONES.map(Zoneref::new), &[NodeSpan { start: 0, len: 2, own: 2 }]).unwrap())
        .unwrap();
    PageAllocator::boxed(published, ZONES.into_iter().zip([0, FRAMES]).map(zone).collect()).unwrap()
}
