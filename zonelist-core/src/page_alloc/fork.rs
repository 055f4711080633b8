//! What becomes of an allocator in the child of a fork.
//!
//! A fork copies all memory and one thread; see [`Published::prepare_fork`](crate::publish::Published::prepare_fork).
//! An allocator has two things more that another thread may be amid: a zone, under its lock, and the page caches of a
//! handle. What is half done there cannot be told from what is done, so that without preparation a zone or a cache
//! that somebody was at is lost with all its pages.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{PageAllocator, per_cpu_pages::CacheAccess};
use crate::{
    RawLock,
    publish::{Barrier, ForkLosses, HandleId, Scheme},
};
#[cfg(feature = "alloc")]
use crate::{
    heap,
    publish::{BarrierError, PreparedFork},
    sync::lock::Hold,
};

/// Why a fork can't be prepared. Nothing is held.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForkError {
    /// The barrier pair failed.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// The heap has no room.
    #[error("the heap has no room for a word or so for each zone; expected some")]
    NoMemory,
}

/// A moment at which a process may fork: nobody publishes, drains, or is at a page cache or a zone.
///
/// Behind the fork, the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). Dropped, it does
/// what `parent` does.
#[cfg(feature = "alloc")]
#[derive(Debug)]
#[must_use = "readers, publishers and allocations wait for as long as it lives"]
pub struct PreparedAllocatorFork<'p, S: Scheme, B: Barrier, L: RawLock, const READERS: usize> {
    // Fields are dropped in order: the zones come free first.
    _zones: Zones<'p, L>,
    published: PreparedFork<'p, S, B, READERS>,
}

/// Zones whose locks are held. The last that was taken is given back first: a lock that masks interrupts puts back, with
/// each, what it found.
#[cfg(feature = "alloc")]
#[derive(Debug)]
struct Zones<'p, L: RawLock>(Vec<Hold<'p, L>>);

#[cfg(feature = "alloc")]
impl<L: RawLock> Drop for Zones<'_, L> {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

#[cfg(feature = "alloc")]
impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PreparedAllocatorFork<'_, S, B, L, READERS> {
    /// In the parent, or if there was no fork: all goes on.
    pub fn parent(self) {}

    /// In the child: gives up all handles but those to `keep`, which are this thread's. Pages that others had at hand are
    /// still in the allocator, for [`PageAllocator::drain`]; pages that their threads had are lost.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this was there. Handles that are not kept are
    /// never used again, nor dropped: their threads are no more.
    pub unsafe fn child(self, keep: &[HandleId]) {
        let Self { _zones, published } = self;
        // SAFETY: what the caller promises.
        unsafe { published.child(keep) };
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const READERS: usize> PageAllocator<'_, S, B, L, READERS> {
    /// Waits until nobody publishes, drains, or is at a page cache or a zone, and keeps it so.
    ///
    /// Holds the writer lock, the drain lock and every zone's lock, with all page caches revoked. Nothing is lost then
    /// but what other threads have in hand. For a guard of this thread, what
    /// [`Published::prepare_fork`](crate::publish::Published::prepare_fork) says holds here too.
    ///
    /// A machine of operations over the allocator, or owners of movable pages, are prepared before:
    /// [`RunningMachine::prepare_fork`](crate::hotplug::RunningMachine::prepare_fork) and
    /// [`MovablePages::prepare_fork`](super::MovablePages::prepare_fork).
    ///
    /// ```
    /// # use zonelist_core::{*, publish::{FullFence, Published}};
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, 0..4096, MAX_ORDER, Spin::new())?;
    /// # zone.add(0..4096)?;
    /// # let published = Published::<_, FullFence, 4>::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    /// let allocator = PageAllocator::boxed(published, vec![zone])?;
    /// let local = allocator.local()?;
    /// let prepared = allocator.prepare_fork()?;
    /// // let child = libc::fork() == 0;
    /// # let child = false;
    /// if child {
    ///     // SAFETY: this is the child, and no handle but `local` is used from now on.
    ///     unsafe { prepared.child(&[local.id()]) };
    /// } else {
    ///     prepared.parent();
    /// }
    /// assert_eq!(allocator.drain(), Ok(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The barrier pair failed, or the heap has no room for what says that each zone is held. Nothing is held then.
    #[cfg(feature = "alloc")]
    pub fn prepare_fork(&self) -> Result<PreparedAllocatorFork<'_, S, B, L, READERS>, ForkError> {
        let mut zones = Zones(Vec::new());
        zones.0.try_reserve_exact(self.zones().len()).map_err(|_| ForkError::NoMemory)?;
        let published = self.published().prepare_fork()?;
        for zone in self.zones() {
            // There is room: the heap, which may be this allocator's, is not asked while zones are held.
            heap::push(&mut zones.0, zone.hold()).map_err(|_| ForkError::NoMemory)?;
        }
        Ok(PreparedAllocatorFork { _zones: zones, published })
    }

    /// In the child of a fork that nothing was prepared for: gives up all handles but those to `keep`, which are this
    /// thread's, and cleans up behind threads that are no more. Waits for nobody.
    ///
    /// What they were amid is lost: see [`ForkLosses`]. What needs it then fails with an error of its own: a publish
    /// with [`PublishError::Forked`](crate::publish::PublishError::Forked), a request with
    /// [`Refusal::Forked`](super::Refusal::Forked), a free with
    /// [`FreeError::NoSuchFrame`](crate::FreeError::NoSuchFrame).
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses the allocator or its lists yet, and the calling thread made
    /// the fork outside of any call of this library but a guard. Handles that are not kept are never used again, nor
    /// dropped.
    pub unsafe fn after_fork(&self, keep: &[HandleId]) -> ForkLosses {
        let discard = |reader_slot: usize| {
            // SAFETY: the slot's handle is no more or outside, so is whoever drained it, and there is no other thread.
            self.pool.caches(reader_slot).iter().for_each(|cache| unsafe { CacheAccess::on(cache) }.discard());
        };
        // SAFETY: what the caller promises.
        let mut losses = unsafe { self.published().clean_up(keep, discard) };
        // SAFETY: what the caller promises.
        losses.zones = self.zones().iter().filter(|zone| unsafe { zone.after_fork() }).count();
        losses
    }
}
