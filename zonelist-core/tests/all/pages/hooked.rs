//! A lock that a test can have held, broken, or interrupted.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use zonelist_core::{
    Capacity, MAX_ORDER, NodeId, NodeSpan, PageAllocator, RawLock, Slots, Spin, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    ZonelistsRef, Zoneref,
    publish::{Barrier, Published},
};

use super::setup::Loose;

/// A spin lock of zones, as the calling thread wants it.
#[derive(Debug, Default)]
pub(crate) struct Hooked(Spin);

thread_local! {
    /// Whether locks look held to those who only try.
    static HELD: Cell<bool> = const { Cell::new(false) };
    /// What happens in place of the next lock that is waited for, before it is taken.
    static BEFORE_LOCK: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

// SAFETY: `Spin` keeps all others out; the hooks only keep more of them out, or come before.
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
        // SAFETY: the caller has the lock.
        unsafe { self.0.unlock(()) };
    }
}

/// Does something while this thread finds every zone's lock held, as a handler may that interrupted its holder.
pub(crate) fn with_locks_held<R>(meanwhile: impl FnOnce() -> R) -> R {
    HELD.set(true);
    let result = meanwhile();
    HELD.set(false);
    result
}

/// Does something, and something else before each lock that it waits for.
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
/// The first zone of the list, and the second.
pub(crate) const ZONES: [ZoneId; 2] = [ZoneId::new(NODE, Movable), ZoneId::new(NODE, Normal)];
/// Frames of each zone.
pub(crate) const FRAMES: u64 = 4096;

pub(crate) type Allocator<B> = PageAllocator<'static, Loose, B, Hooked, 4>;

/// Two zones behind such locks, one list.
pub(crate) fn allocator<B: Barrier>() -> Allocator<B> {
    let zone = |(id, start): (ZoneId, u64)| {
        let zone = Zone::boxed(id, start..start + FRAMES, MAX_ORDER, Hooked::default()).unwrap();
        zone.add(start..start + FRAMES).unwrap();
        zone
    };
    let published = Published::new(Loose::over(Slots::boxed(Capacity::new(1, 2).unwrap())));
    published
        .publish(ZonelistsRef::new(&ZONES.map(Zoneref::new), &[NodeSpan { start: 0, len: 2, own: 2 }]).unwrap())
        .unwrap();
    PageAllocator::boxed(published, ZONES.into_iter().zip([0, FRAMES]).map(zone).collect()).unwrap()
}
