//! What becomes of published lists in the child of a fork.
//!
//! A fork copies all memory and one thread. Whatever the others were doing stays as it is in the child for ever: a
//! walk that no longer ends, a publish that no longer opens its gates, a lock that is never given back. There are two
//! ways out. With [`Published::prepare_fork`] before the fork nobody is amid anything but walks. Without it,
//! [`Published::after_fork`] in the child cleans up, and says what was lost.

use super::{Barrier, BarrierError, Forked, Published, Reader, ReaderProtocol, Scheme, revocation::Revoked};
use crate::{Spin, sync::lock::Hold};

/// Which handle it is: a [`Reader`] or a [`LocalHandle`](crate::LocalHandle) that the child of a fork is to keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HandleId(Option<usize>);

impl HandleId {
    /// Of the handle at this slot, if it has one of its own.
    fn is_at<T>(self, slot: &T) -> bool {
        self.0 == Some(core::ptr::from_ref(slot).addr())
    }
}

/// What the child of a fork has lost since its other threads were amid something: see
/// [`PageAllocator::after_fork`](crate::PageAllocator::after_fork).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct ForkLosses {
    /// Whether a publish was cut short. No other is possible then ([`PublishError::Forked`](super::PublishError::Forked)),
    /// and walks show the version before or after, what a `Racy` scheme shows amid a publish, or nothing.
    pub publish: bool,
    /// Zones whose locks were held. They have no frames any more: what was free, cached or handed out of them is lost.
    pub zones: usize,
    /// Slots whose page caches somebody was at. What was in them is lost.
    pub caches: usize,
}

impl<S: Scheme, B: Barrier> Reader<'_, S, B> {
    /// Which handle it is, for [`Published::after_fork`].
    #[must_use]
    pub fn id(&self) -> HandleId {
        // Readers of the others have no slot of their own that could be given up.
        if S::PROTOCOL == ReaderProtocol::None { HandleId(None) } else { self.slot_id() }
    }

    /// The same, of a reader that has a slot of its own whatever the scheme.
    pub(crate) fn slot_id(&self) -> HandleId {
        HandleId(Some(self.slot_address()))
    }
}

/// A moment at which a process may fork: nobody publishes, and nobody is at page caches.
///
/// Behind the fork, the parent calls [`parent`](Self::parent), and the child [`child`](Self::child). Dropped, it does
/// what `parent` does. It stays on its thread, which has the locks:
///
/// ```compile_fail,E0277
/// # use zonelist_core::publish::{Barrier, Published, Scheme};
/// fn sent<S: Scheme, B: Barrier>(published: &Published<S, B, 1>) {
///     let prepared = published.prepare_fork().unwrap();
///     std::thread::scope(|scope| _ = scope.spawn(|| prepared.parent()));
/// }
/// ```
#[derive(Debug)]
#[must_use = "readers and publishers wait for as long as it lives"]
pub struct PreparedFork<'p, S: Scheme, B: Barrier, const READERS: usize> {
    // Fields are dropped in order: caches are lent before another drain can begin.
    revoked: Revoked<'p, S, B, READERS>,
    _drains: Hold<'p, Spin>,
    _writer: Hold<'p, Spin>,
}

impl<S: Scheme, B: Barrier, const READERS: usize> PreparedFork<'_, S, B, READERS> {
    /// In the parent, or if there was no fork: all goes on.
    pub fn parent(self) {}

    /// In the child: gives up all handles but those to `keep`, which are this thread's. Each is named once, also readers
    /// of a scheme that needs no slots.
    ///
    /// # Safety
    /// This is the child of a fork that the calling thread made while this was there. Handles that are not kept are
    /// never used again, nor dropped: their threads are no more.
    pub unsafe fn child(self, keep: &[HandleId]) {
        let published = self.revoked.published();
        published.evict_but(keep, |_| ());
        published.scheme.forked(Forked { publish: false, kept: keep.len() });
    }
}

impl<S: Scheme, B: Barrier, const READERS: usize> Published<S, B, READERS> {
    /// Waits until nobody publishes and no handle of an allocator is at its page caches, and keeps it so.
    ///
    /// Holds the writer lock and the drain lock, with all page caches revoked. A plain reader may be within a walk, this
    /// thread's among them: only where a publish waits for walks, a guard of this thread would make both wait for ever.
    /// An allocator over these lists has [`PageAllocator::prepare_fork`](crate::PageAllocator::prepare_fork), which does
    /// this too.
    ///
    /// ```
    /// use zonelist_core::{Capacity, ZonelistsRef, Slots, StopWorld, publish::{FullFence, Published}};
    /// let table = Slots::boxed(Capacity::new(1, 1).unwrap());
    /// let published: Published<_, FullFence, 4> = Published::new(StopWorld::new(table));
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
    /// The barrier pair failed: some handle may be at its page caches. Nothing is held.
    pub fn prepare_fork(&self) -> Result<PreparedFork<'_, S, B, READERS>, BarrierError> {
        let _writer = self.ledger.hold();
        let _drains = self.drains.hold();
        let revoked = Revoked::all(self)?;
        Ok(PreparedFork { revoked, _drains, _writer })
    }

    /// In the child of a fork that nothing was prepared for: gives up all handles but those to `keep`, which are this
    /// thread's, and cleans up behind threads that are no more. Each handle is named once, also readers of a scheme that
    /// needs no slots.
    ///
    /// If one of those threads was amid a publish, no other is possible. Waits for nobody. An allocator over these lists has
    /// [`PageAllocator::after_fork`](crate::PageAllocator::after_fork), which does this too.
    ///
    /// # Safety
    /// This is the child of a fork, no other thread of it uses these lists yet, and the calling thread made the fork
    /// outside of any call of this library but a guard. Handles that are not kept are never used again, nor dropped.
    pub unsafe fn after_fork(&self, keep: &[HandleId]) -> ForkLosses {
        // SAFETY: what the caller promises.
        unsafe { self.clean_up(keep, |_| ()) }
    }

    /// The same; `dubious` is called with the number of each slot whose page caches somebody was at.
    ///
    /// # Safety
    /// As for [`Published::after_fork`].
    pub(crate) unsafe fn clean_up(&self, keep: &[HandleId], mut dubious: impl FnMut(usize)) -> ForkLosses {
        let mut losses = ForkLosses::default();
        let mut count = |number| {
            losses.caches += 1;
            dubious(number);
        };
        self.evict_but(keep, &mut count);
        self.seats().iter().for_each(|seat| seat.clear_requests());
        // SAFETY: there is no other thread, and whoever drained is no more. There is nothing behind the lock.
        if unsafe { self.drains.abandon(|| None) } {
            self.take_emptying().into_iter().for_each(&mut count);
        }
        // SAFETY: there is no other thread, and whoever published is no more. The numbers behind the lock are
        // whole, if not those of one moment, and are not looked at again: no version is published any more.
        losses.publish = unsafe { self.ledger.abandon(|| None) };
        if losses.publish {
            self.trouble.note_fork();
        }
        self.scheme.forked(Forked { publish: losses.publish, kept: keep.len() });
        losses
    }

    /// Frees the slots of all handles but these, and calls `dubious` with those at whose page caches somebody was.
    fn evict_but(&self, keep: &[HandleId], mut dubious: impl FnMut(usize)) {
        for (number, seat) in self.seats().iter().enumerate() {
            if !keep.iter().any(|id| id.is_at(seat)) && seat.is_claimed() {
                if seat.has_dubious_caches(S::PROTOCOL) {
                    dubious(number);
                }
                seat.evict();
            }
        }
    }
}
