//! What becomes of published lists in the child of a fork.
//!
//! A fork copies all memory and one thread. What the other threads were amid stays as it is in the child for ever: a
//! walk that does not end, a publish whose requests are not cleared, a lock that is not released. There are two ways
//! out. With [`Published::prepare_fork`] before the fork, no thread is amid anything but walks. Without it,
//! [`Published::after_fork`] in the child cleans up, and returns what was lost.

use super::{
    BarrierError, Forked, Platform, Published, Reader, ReaderProtocol, Scheme, reader_slot::ReaderSlot,
    revocation::Revoked,
};
use crate::locking::{Spin, lock::Hold};

/// Identifies a handle, a [`Reader`] or a [`LocalHandle`](crate::LocalHandle), that the child of a fork keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HandleId(Option<usize>);

impl HandleId {
    /// True for the handle at this slot, if it has one of its own.
    fn is_at<T>(self, slot: &T) -> bool {
        self.0 == Some(core::ptr::from_ref(slot).addr())
    }
}

/// What the child of a fork has lost since its other threads were amid something: see
/// [`PageAllocator::after_fork`](crate::PageAllocator::after_fork).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct ForkLosses {
    /// True if a publish was cut short, or an addition of slots, or a grace period. No publish is possible then
    /// ([`PublishError::Forked`](super::PublishError::Forked)). Walks show the version before or after, what a `Racy`
    /// scheme shows amid a publish, or nothing. Readers remember no first zone any more.
    pub publish: bool,
    /// Zones whose locks were held. They have no frames any more: what was free, cached or allocated is lost.
    pub zones: usize,
    /// Slots whose per-CPU pages a thread was amid an access to. What was in them is lost.
    pub caches: usize,
}

impl<S: Scheme, P: Platform> Reader<'_, S, P> {
    /// The identity of the handle, for [`Published::after_fork`].
    #[must_use]
    pub fn id(&self) -> HandleId {
        // Readers of other schemes have no slot of their own that could be freed.
        if S::PROTOCOL == ReaderProtocol::None { HandleId(None) } else { self.slot_id() }
    }

    /// The same, of a reader that has a slot of its own whatever the scheme.
    pub(crate) fn slot_id(&self) -> HandleId {
        HandleId(Some(self.slot_address()))
    }
}

/// A state in which a process may fork: no thread publishes, and none uses per-CPU pages.
///
/// Behind the fork, the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). Dropped, it does
/// what `parent` does. It stays on its thread, which has the locks:
///
/// ```compile_fail,E0277
/// # use zonelist_core::publish::{Platform, Published, Scheme};
/// fn sent<S: Scheme, P: Platform>(published: &Published<S, P>) {
///     let prepared = published.prepare_fork().unwrap();
///     std::thread::scope(|scope| _ = scope.spawn(|| prepared.parent()));
/// }
/// ```
#[derive(Debug)]
#[must_use = "readers and publishers wait for as long as it lives"]
pub struct PreparedFork<'p, S: Scheme, P: Platform> {
    // Fields are dropped in order: per-CPU pages are lent before another drain can begin.
    revoked: Revoked<'p, S, P>,
    _drains: Hold<'p, Spin>,
    _writer: Hold<'p, Spin>,
}

impl<S: Scheme, P: Platform> PreparedFork<'_, S, P> {
    /// For the parent, or if there was no fork: publishes and drains go on.
    pub fn parent(self) {}

    /// For the child: frees the slots of all handles but those to `keep`, which are this thread's. Each is named once,
    /// also readers of a scheme that needs no slots.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this was there. Handles that are not kept are
    /// never used again, nor dropped: their threads are gone.
    pub unsafe fn child(self, keep: &[HandleId]) {
        let published = self.revoked.published();
        published.free_slots_but(keep, |_| ());
        published.scheme.forked(Forked { publish: false, kept: keep.len() });
    }
}

impl<S: Scheme, P: Platform> Published<S, P> {
    /// Waits until no thread publishes and no handle of an allocator uses its per-CPU pages, and keeps it so.
    ///
    /// Holds the writer lock and the drain lock, with all per-CPU pages revoked. A plain reader may be within a walk,
    /// this thread's among them: only where a publish waits for walks, a guard of this thread would make both wait for
    /// ever. An allocator over these lists has [`PageAllocator::prepare_fork`](crate::PageAllocator::prepare_fork),
    /// which does this too.
    ///
    /// ```
    /// use zonelist_core::{
    ///     publish::Published,
    ///     stop_world::StopWorld,
    ///     table::{Capacity, Slots},
    ///     zonelist::ZonelistsRef,
    /// };
    /// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
    /// let published = Published::new(StopWorld::new(table));
    /// let reader = published.reader()?;
    /// let prepared = published.prepare_fork()?;
    /// // let child = libc::fork() == 0;
    /// # let child = false;
    /// if child {
    ///     // SAFETY: this is the child, and no handle but `reader` is used from now on.
    ///     unsafe { prepared.child(&[reader.id()]) };
    /// } else {
    ///     prepared.parent();
    /// }
    /// published.publish(ZonelistsRef::EMPTY)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The barrier pair failed: some handle may use its per-CPU pages. No lock is held.
    pub fn prepare_fork(&self) -> Result<PreparedFork<'_, S, P>, BarrierError> {
        // The writer lock before the drain lock: no code takes them in the other order.
        let _writer = self.ledger.hold();
        let _drains = self.drains.hold();
        let revoked = Revoked::all(self)?;
        Ok(PreparedFork { revoked, _drains, _writer })
    }

    /// For the child of a fork that was not prepared: frees the slots of all handles but those to `keep`, which are
    /// this thread's, and cleans up what threads that are gone were amid. Each handle is named once, also readers of a
    /// scheme that needs no slots.
    ///
    /// If one of those threads was amid a publish, no other is possible. Waits for nothing. An allocator over these
    /// lists has [`PageAllocator::after_fork`](crate::PageAllocator::after_fork), which does this too.
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses these lists yet, and the calling thread made the fork
    /// outside of any call of this library but a guard. Handles that are not kept are never used again, nor dropped.
    pub unsafe fn after_fork(&self, keep: &[HandleId]) -> ForkLosses {
        // SAFETY: this is the child of a fork, which has no other thread, and handles that are not kept are never used
        // again. The caller promises both.
        unsafe { self.clean_up(keep, |_| ()) }
    }

    /// The same. `torn` is called with the number of each slot whose per-CPU pages a thread was amid an access to.
    ///
    /// # Safety
    /// As for [`Published::after_fork`].
    pub(crate) unsafe fn clean_up(&self, keep: &[HandleId], mut torn: impl FnMut(usize)) -> ForkLosses {
        let mut losses = ForkLosses::default();
        let mut count = |number| {
            losses.caches += 1;
            torn(number);
        };
        self.free_slots_but(keep, &mut count);
        self.visited.clear();
        self.slots.iter().for_each(ReaderSlot::clear_requests);
        // SAFETY: there is no other thread, and one that drained is gone. The lock protects no data.
        if unsafe { self.drains.abandon(|| None) } {
            self.take_emptying().into_iter().for_each(&mut count);
        }
        // SAFETY: there is no other thread, and one that published is gone. Each number behind the lock is whole, if
        // not all are of one moment, and none is read again: no version is published any more.
        losses.publish = unsafe { self.ledger.abandon(|| None) };
        if losses.publish {
            self.sticky_error.note_fork();
            self.stamp.abandon();
        }
        self.scheme.forked(Forked { publish: losses.publish, kept: keep.len() });
        losses
    }

    /// Frees the slots of all handles but these. Calls `torn` with those whose per-CPU pages a thread was amid an
    /// access to.
    fn free_slots_but(&self, keep: &[HandleId], mut torn: impl FnMut(usize)) {
        for (number, slot) in self.slots.iter().enumerate() {
            if !keep.iter().any(|id| id.is_at(slot)) && slot.is_claimed() {
                if slot.may_have_torn_caches(S::PROTOCOL) {
                    torn(number);
                }
                slot.reset();
            }
        }
    }
}
