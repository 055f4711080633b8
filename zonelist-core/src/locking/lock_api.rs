//! Locks of the crate `lock_api`.

use super::RawLock;

/// A lock of the crate [`lock_api`](https://docs.rs/lock_api), as a [`RawLock`]: spin, parking and kernel locks have that
/// interface.
///
/// It waits as the lock does. A `lock_api::RawMutex` is not reentrant, by its own contract.
///
/// ```
/// use zonelist_core::{
///     NodeId, PageAllocator, Published, Zone, ZoneId, ZoneKind,
///     publish::{FullFence, Parts, ReaderSlots},
///     stop_world::StopWorld,
///     sync::LockApi,
///     table::{Capacity, Slots},
///     zone::MAX_ORDER,
/// };
///
/// type Parking = LockApi<parking_lot::RawMutex>;
///
/// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
/// let zone = Zone::boxed(id, 0..4096, MAX_ORDER, Parking::new())?;
/// zone.add(0..4096)?;
/// let table = StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap()));
/// let published: Published<_, Parts<FullFence, Parking>> = Published::with_platform(table, ReaderSlots::boxed(4));
/// let allocator = PageAllocator::boxed(published, vec![zone])?;
/// assert!(allocator.local().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LockApi<R>(R);

impl<R: lock_api::RawMutex> LockApi<R> {
    /// A lock that is free.
    #[must_use]
    pub const fn new() -> Self {
        Self(R::INIT)
    }
}

impl<R: lock_api::RawMutex> Default for LockApi<R> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: a `RawMutex` is exclusive, also for the thread that holds it, which its unsafe trait requires; its unlock
// releases what the next lock acquires; each value is a lock of its own. It may be moved while it is unlocked or its
// guard is leaked, since the value that it protects may be, too.
unsafe impl<R: lock_api::RawMutex> RawLock for LockApi<R> {
    type Held = ();

    fn lock(&self) {
        self.0.lock();
    }

    fn try_lock(&self) -> Option<()> {
        self.0.try_lock().then_some(())
    }

    unsafe fn unlock(&self, (): ()) {
        // SAFETY: the caller holds the lock.
        unsafe { self.0.unlock() };
    }
}
