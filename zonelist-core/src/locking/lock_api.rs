//! Locks of the crate `lock_api`.

use super::RawLock;

/// A lock of the crate [`lock_api`](https://docs.rs/lock_api), as a [`RawLock`]: spin, parking and kernel locks have that
/// interface.
///
/// It waits as the lock does. A `lock_api::RawMutex` is not reentrant, by its own contract. Each of its values has to be a
/// lock of its own, and its unlock must not panic, as of every [`RawLock`].
///
/// Not where a process forks: a lock that queues its waiters, as parking_lot's does, may be passed on to a thread that does
/// not exist in the child, also by [`PageAllocator::prepare_fork`](crate::PageAllocator::prepare_fork).
///
/// ```
/// use zonelist_core::{
///     NodeId, PageAllocator, Pfn, Published, Zone, ZoneId, ZoneKind,
///     publish::{FullFence, Parts, ReaderSlots},
///     stop_world::StopWorld,
///     sync::LockApi,
///     table::{Capacity, Slots},
///     zone::Order,
/// };
///
/// type Parking = LockApi<parking_lot::RawMutex>;
///
/// let id = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
/// let zone = Zone::boxed(id, Pfn::range(0..4096), Order::MAX, Parking::new())?;
/// zone.add(Pfn::range(0..4096))?;
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

// SAFETY: a `RawMutex` is exclusive, also for the thread that holds it, which its unsafe trait requires, and its unlock
// releases what the next lock acquires. It may be moved while none of its calls is under way, as `lock_api::Mutex` moves
// it. That each value is a lock of its own, and that the unlock does not panic, is a condition on `R` above.
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
