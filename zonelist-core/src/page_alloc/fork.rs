//! Forks: the state of an allocator in the child process.
//!
//! A fork copies all memory and one thread; see [`Published::prepare_fork`](crate::publish::Published::prepare_fork).
//! Another thread may be in the middle of a change of a zone, under its lock, or of the per-CPU pages of a handle. In
//! the child such a change looks like a complete one. So without preparation, a zone or per-CPU pages that another
//! thread was changing are lost, with all their pages.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use super::{PageAllocator, per_cpu_pages::CacheAccess};
use crate::publish::{ForkLosses, HandleId, Platform, Scheme};
#[cfg(feature = "alloc")]
use crate::{
    heap,
    locking::RawLock,
    locking::lock::Hold,
    publish::{BarrierError, PreparedFork},
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

/// A state in which the process may fork: no publish, no drain, and no change of a zone or of per-CPU pages is under
/// way.
///
/// After the fork, the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). A drop does what
/// `parent` does.
#[cfg(feature = "alloc")]
#[derive(Debug)]
#[must_use = "readers, publishers and allocations wait for as long as it lives"]
pub struct PreparedAllocatorFork<'p, S: Scheme, P: Platform> {
    // Fields are dropped in order: the zones are unlocked first, in the reverse order of the preparation.
    _zones: Zones<'p, P::Lock>,
    published: PreparedFork<'p, S, P>,
}

/// Zones whose locks are held. The last lock is released first: each release of a lock that masks interrupts restores
/// the mask that its acquisition found.
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
impl<S: Scheme, P: Platform> PreparedAllocatorFork<'_, S, P> {
    /// Ends the state in the parent, or if there was no fork.
    pub fn parent(self) {}

    /// Ends the state in the child: frees the slots of all handles but those to `keep`, which are this thread's.
    /// Per-CPU pages of other handles are still in the allocator, for [`PageAllocator::drain`]. Pages that their
    /// threads had allocated are lost.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this value existed. Handles that are not kept are
    /// never used again, nor dropped: their threads do not exist in the child.
    pub unsafe fn child(self, keep: &[HandleId]) {
        let Self { _zones, published } = self;
        // SAFETY: the caller guarantees that this is the child of a fork made in this state, and that handles which are
        // not kept are never used again.
        unsafe { published.child(keep) };
    }
}

impl<S: Scheme, P: Platform> PageAllocator<'_, S, P> {
    /// Prepares a fork: waits until no publish, no drain, and no change of a zone or of per-CPU pages is under way, and
    /// prevents new ones.
    ///
    /// The result holds the writer lock, the drain lock and every zone's lock, and all per-CPU pages are revoked. A
    /// fork then loses only the pages that other threads have allocated. For a guard of this thread, the rules of
    /// [`Published::prepare_fork`](crate::publish::Published::prepare_fork) hold here too.
    ///
    /// A running machine over the allocator, and movable pages, are prepared before:
    /// [`RunningMachine::prepare_fork`](crate::hotplug::RunningMachine::prepare_fork) and
    /// [`MovablePages::prepare_fork`](super::MovablePages::prepare_fork).
    ///
    /// ```
    /// # use zonelist_core::{
    /// #     *,
    /// #     stop_world::StopWorld,
    /// #     sync::Spin,
    /// #     table::{Capacity, Slots},
    /// #     zone::Order,
    /// # };
    /// # let normal = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);
    /// # let zone = Zone::boxed(normal, Pfn::range(0..4096), Order::MAX, Spin::new())?;
    /// # zone.add(Pfn::range(0..4096))?;
    /// # let published = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
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
    /// The barrier pair failed, or the heap has no room for a list of the locks. Nothing is held then.
    #[cfg(feature = "alloc")]
    pub fn prepare_fork(&self) -> Result<PreparedAllocatorFork<'_, S, P>, ForkError> {
        // Before any lock, since the heap may be this allocator's.
        let mut zones = Zones(Vec::new());
        zones.0.try_reserve_exact(self.zones().len()).map_err(|_| ForkError::NoMemory)?;
        let published = self.published().prepare_fork()?;
        for zone in self.zones() {
            // There is room for each, so this does not allocate while zones are locked.
            heap::push(&mut zones.0, zone.hold()).map_err(|_| ForkError::NoMemory)?;
        }
        Ok(PreparedAllocatorFork { _zones: zones, published })
    }

    /// Repairs the allocator in the child of a fork that was not prepared. Frees the slots of all handles but those to
    /// `keep`, which are this thread's. Waits for nothing.
    ///
    /// Changes that other threads had under way are lost: see [`ForkLosses`]. Calls that need them then fail: a publish
    /// with [`PublishError::Forked`](crate::publish::PublishError::Forked), a request with
    /// [`Refusal::Forked`](super::Refusal::Forked), a free with
    /// [`FreeError::NoSuchFrame`](crate::zone::FreeError::NoSuchFrame).
    ///
    /// # Safety
    /// This is the child of a fork, and no other thread of it uses the allocator or its lists yet. The calling thread
    /// made the fork outside of any call of this library, except within a guard. Handles that are not kept are never
    /// used again, nor dropped.
    pub unsafe fn after_fork(&self, keep: &[HandleId]) -> ForkLosses {
        // Their stacks may be half changed, and some of their blocks may be free in the zone as well.
        let discard = |reader: usize| {
            // SAFETY: this is the only thread of the child, and it is in no critical section of its own handles: no
            // other access to the slot's per-CPU pages is in use.
            self.pool.caches(reader).iter().for_each(|cache| unsafe { CacheAccess::on(cache) }.discard());
        };
        // SAFETY: the caller guarantees that this is the child's only thread, outside any call, and that handles which
        // are not kept are never used again.
        let mut losses = unsafe { self.published().clean_up(keep, discard) };
        // SAFETY: no other thread of the child uses the zones, and this one made the fork outside any call.
        losses.zones = self.zones().iter().filter(|zone| unsafe { zone.after_fork() }).count();
        losses
    }
}
