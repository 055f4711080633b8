//! A reader's handle, and the guard that it walks under.

use core::{num::NonZeroU32, ops::ControlFlow};

use super::{
    Barrier, Light, Platform, Published, ReadToken, ReaderProtocol, Scheme, Walk,
    handshake::WhenStopped,
    reader_slot::{Claimed, CriticalSection, ReaderSlot},
};
use crate::{NodeId, Zoneref, locking::in_use::InUse, sync::or_mutant};

/// The handle of one registered thread or CPU. Frees its reader slot when dropped.
///
/// Entering borrows it mutably, so that a guard within a guard does not compile:
///
/// ```compile_fail,E0499
/// # use zonelist_core::publish::{Platform, Reader, Scheme};
/// fn nested<S: Scheme, P: Platform>(mut reader: Reader<'_, S, P>) {
///     let outer = reader.enter();
///     let inner = reader.enter();
///     drop((outer, inner));
/// }
/// ```
///
/// And so that no walk goes on across a quiescent state, or while the reader is offline:
///
/// ```compile_fail,E0499
/// # use zonelist_core::{NodeId, publish::{Platform, Reader, Scheme}};
/// fn across<S: Scheme, P: Platform>(mut reader: Reader<'_, S, P>, node: NodeId, filter: &S::Filter) {
///     let guard = reader.enter();
///     let mut walk = guard.walk(node, filter);
///     walk.next();
///     reader.quiescent();
///     walk.next();
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use zonelist_core::publish::{Platform, Reader, Scheme};
/// fn offline<S: Scheme, P: Platform>(mut reader: Reader<'_, S, P>) {
///     let guard = reader.enter();
///     reader.offline(|| drop(guard));
/// }
/// ```
#[derive(Debug)]
pub struct Reader<'p, S: Scheme, P: Platform> {
    pub(super) published: &'p Published<S, P>,
    slot: &'p ReaderSlot,
    local: S::Local,
    /// What the handle keeps of the barrier pair: nothing where the light half is known at compile time.
    kept: <P::Barrier as Barrier>::Kept,
}

/// Why there is no handle for another reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// All reader slots are taken.
    #[error("all {slots} reader slots are taken; expected fewer readers at a time, or more slots")]
    NoSlot {
        /// The number of slots.
        slots: usize,
    },
    /// The system cannot run the heavy half of the barrier pair.
    #[error("the barrier pair does not work on this system; expected one that does, such as `FullFence`")]
    NoBarrier,
}

/// Every walk of a bounded number was torn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("each of {tries} walks was torn by a publish; expected one that was not")]
pub struct Torn {
    /// The number of walks.
    pub tries: NonZeroU32,
}

impl<'p, S: Scheme, P: Platform> Reader<'p, S, P> {
    /// A reader at a slot that was claimed for it, or that it only refers to, if the scheme's readers need none.
    pub(super) fn new(published: &'p Published<S, P>, slot: &'p ReaderSlot, claimed: Option<Claimed<'p>>) -> Self {
        let reader = Self { published, slot, local: published.scheme.local(), kept: P::Barrier::kept() };
        // Behind `local`, which may panic: until here `claimed` frees the slot.
        claimed.into_iter().for_each(Claimed::keep);
        reader
    }

    #[inline(always)]
    fn light(&self) -> Light {
        P::Barrier::light(self.kept)
    }

    /// Enters, for one or more walks. Where the scheme pins a version, all of them see the same one.
    #[inline(always)]
    pub fn enter(&mut self) -> Guard<'_, S> {
        let critical_section = match S::PROTOCOL {
            ReaderProtocol::CriticalSection => Some(CriticalSection::enter(self.slot.handshake(), self.light())),
            ReaderProtocol::None | ReaderProtocol::PerEntry | ReaderProtocol::Quiescent => None,
        };
        self.guard(critical_section)
    }

    /// Reports a quiescent state: no walk of this reader is under way, as the exclusive borrow makes sure.
    ///
    /// Under [`ReaderProtocol::Quiescent`] publishes wait for one of each reader, so a reader has to report one between
    /// any two publishes: in the loop that walks, or on the way out of the kernel. Costs a load and a store to the
    /// reader's own cache line. Under any other protocol it does nothing.
    #[inline(always)]
    pub fn quiescent(&mut self) {
        if S::PROTOCOL == ReaderProtocol::Quiescent {
            self.slot.quiescent_state().quiescent();
        }
    }

    /// Calls `meanwhile` while no publish waits for this reader: to sleep, or to wait for a thread that publishes.
    /// Under any [`ReaderProtocol`] but [`ReaderProtocol::Quiescent`] no publish waits for a reader between walks
    /// anyway.
    pub fn offline<R>(&mut self, meanwhile: impl FnOnce() -> R) -> R {
        /// Online again, also out of a panic.
        struct Back<'r, 'p, S: Scheme, P: Platform>(&'r Reader<'p, S, P>);
        impl<S: Scheme, P: Platform> Drop for Back<'_, '_, S, P> {
            fn drop(&mut self) {
                self.0.online();
            }
        }
        if S::PROTOCOL == ReaderProtocol::Quiescent {
            self.slot.quiescent_state().offline();
        }
        let _back = Back(self);
        meanwhile()
    }

    /// From now on a publish waits for the reader's quiescent states.
    pub(super) fn online(&self) {
        if S::PROTOCOL == ReaderProtocol::Quiescent {
            self.slot.quiescent_state().online();
        }
    }

    #[inline(always)]
    fn guard<'g>(&'g self, critical_section: Option<CriticalSection<'g>>) -> Guard<'g, S> {
        Guard {
            pinned: self.published.scheme.pin(&self.local, ReadToken::new(self.slot, self.light())),
            _critical_section: critical_section,
        }
    }

    /// Enters to walk and to use the slot's per-CPU pages: with one store for both, except under
    /// [`ReaderProtocol::PerEntry`]. `None` if walks are stopped and it is not to wait.
    ///
    /// Under [`ReaderProtocol::Quiescent`] such a reader is never online: it is active for its walks instead.
    pub(crate) fn enter_slot(&mut self, when_stopped: WhenStopped) -> Option<SlotGuard<'_, S>> {
        let (critical_section, may_touch) = self.enter_slot_caches(when_stopped)?;
        // The guard owns the critical section if walks need it. Else this guard does, for the per-CPU pages.
        let (inner, outer) = if S::PROTOCOL == ReaderProtocol::CriticalSection {
            (Some(critical_section), None)
        } else {
            (None, Some(critical_section))
        };
        Some(SlotGuard { guard: self.guard(inner), _critical_section: outer, may_touch })
    }

    /// Enters only to use the slot's per-CPU pages, and so waits for no writer. `None` if they are revoked.
    pub(crate) fn enter_caches(&self) -> Option<CriticalSection<'_>> {
        self.enter_slot_caches(WhenStopped::GoOn)
            .and_then(|(critical_section, may_touch)| may_touch.then_some(critical_section))
    }

    /// The same, if nothing is requested of the reader: no stop, no grace period, no revocation.
    #[inline(always)]
    pub(crate) fn try_enter_caches(&self) -> Option<CriticalSection<'_>> {
        CriticalSection::try_enter_for_caches(self.slot.cache_handshake(S::PROTOCOL), self.light())
    }

    fn enter_slot_caches(&self, when_stopped: WhenStopped) -> Option<(CriticalSection<'_>, bool)> {
        CriticalSection::enter_for_caches(self.slot.cache_handshake(S::PROTOCOL), self.light(), when_stopped)
    }

    /// The same, with the stamp of the lists. A zone that was remembered at that stamp is the first of a walk within the
    /// critical section.
    #[inline(always)]
    pub(crate) fn try_enter_stamped(&self) -> Option<(CriticalSection<'_>, usize)> {
        let early = or_mutant!(0 => self.published.stamp.now(), "handle: stamp loaded before the flag");
        let critical_section = self.try_enter_caches()?;
        // Behind the flag and its barrier, so that `Published::synchronize` and drains wait for this operation if the
        // lists change after this load.
        let stamp = or_mutant!(self.published.stamp.now() => early, "handle: stamp loaded before the flag");
        let _ = early;
        Some((critical_section, stamp))
    }

    /// A guard for walks within a critical section of [`Reader::try_enter_caches`].
    #[inline(always)]
    pub(crate) fn guard_within<'g>(&'g self, _: &'g CriticalSection<'g>) -> Guard<'g, S> {
        // Under `PerEntry`, whose flag for walks is another one, the steps of the walk set it.
        self.guard(None)
    }

    /// Begins an operation of the handle that the reader is part of.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn in_use(&self) -> InUse<'p> {
        self.slot.in_use()
    }

    /// The address of its slot.
    pub(super) fn slot_address(&self) -> usize {
        core::ptr::from_ref(self.slot).addr()
    }

    /// Frees a slot that [`Reader::drop`] would not free, since the scheme needs none.
    pub(crate) fn release_own_slot(&mut self) {
        if S::PROTOCOL == ReaderProtocol::None {
            self.slot.release();
        }
    }
}

impl<S: Scheme, P: Platform> Drop for Reader<'_, S, P> {
    fn drop(&mut self) {
        match S::PROTOCOL {
            // A leaked guard leaves the reader active, and publishes would wait for it. No guard outlives its reader.
            ReaderProtocol::CriticalSection => self.slot.handshake().leave(),
            ReaderProtocol::Quiescent => self.slot.quiescent_state().offline(),
            // Its steps have ended: they borrow it, and are never leaked.
            ReaderProtocol::None | ReaderProtocol::PerEntry => (),
        }
        if S::PROTOCOL != ReaderProtocol::None {
            self.slot.release();
        }
    }
}

/// A reader within a critical section, where the scheme has one. Walks borrow it.
///
/// It does not outlive its reader, nor a walk its guard:
///
/// ```compile_fail,E0505
/// # use zonelist_core::publish::{Platform, Reader, Scheme};
/// fn outlives<S: Scheme, P: Platform>(mut reader: Reader<'_, S, P>) {
///     let guard = reader.enter();
///     drop(reader);
///     drop(guard);
/// }
/// ```
///
/// ```compile_fail,E0505
/// # use zonelist_core::{NodeId, publish::{Guard, Scheme}};
/// fn walks<S: Scheme>(guard: Guard<'_, S>, node: NodeId, filter: &S::Filter) {
///     let mut walk = guard.walk(node, filter);
///     drop(guard);
///     walk.next();
/// }
/// ```
#[derive(Debug)]
pub struct Guard<'g, S: Scheme + 'g> {
    /// Before the critical section: fields are dropped in order, and what is pinned may need the section to its end.
    pinned: S::Pinned<'g>,
    _critical_section: Option<CriticalSection<'g>>,
}

/// A reader that walks, and that may use its per-CPU pages.
pub(crate) struct SlotGuard<'g, S: Scheme + 'g> {
    /// Before the critical section, which what is pinned may need to its end.
    pub(crate) guard: Guard<'g, S>,
    _critical_section: Option<CriticalSection<'g>>,
    /// True if the per-CPU pages may be touched: they are not revoked.
    pub(crate) may_touch: bool,
}

impl<'g, S: Scheme> Guard<'g, S> {
    /// Begins a walk of a node's list, of the zonerefs that the filter admits.
    #[inline(always)]
    pub fn walk<'w>(&'w self, node: NodeId, filter: &'w S::Filter) -> S::Walk<'w> {
        S::walk(&self.pinned, node, filter)
    }

    /// Walks until `visit` breaks, and again, up to `tries` walks in all, when a walk to the end was torn.
    ///
    /// A zone may be visited in each of the walks, and under
    /// [`Guarantee::Racy`](super::Guarantee::Racy) twice in one.
    ///
    /// # Errors
    /// Every walk was torn.
    #[inline]
    pub fn find<T>(
        &self,
        node: NodeId,
        filter: &S::Filter,
        tries: NonZeroU32,
        mut visit: impl FnMut(Zoneref) -> ControlFlow<T>,
    ) -> Result<Option<T>, Torn> {
        for _ in 0..tries.get() {
            let mut walk = self.walk(node, filter);
            for zoneref in walk.by_ref() {
                if let ControlFlow::Break(found) = visit(zoneref) {
                    return Ok(Some(found));
                }
            }
            // Only at the end: what `visit` has found is returned whether the walk was torn or not.
            if !walk.must_retry() {
                return Ok(None);
            }
        }
        Err(Torn { tries })
    }
}
