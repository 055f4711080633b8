//! A reader's handle, and the guard that it walks under.

use core::{num::NonZeroU32, ops::ControlFlow};

use super::{
    Barrier, Light, ReadToken, ReaderProtocol, Scheme, Walk,
    handshake::WhenStopped,
    reader_slot::{Claimed, CriticalSection, ReaderSlot},
};
use crate::{NodeId, Zoneref, sync::in_use::InUse};

/// The handle of one registered thread or CPU. Gives its seat back when dropped.
///
/// Entering borrows it mutably, so that a guard within a guard does not compile:
///
/// ```compile_fail,E0499
/// # use zonelist_core::publish::{Barrier, Reader, Scheme};
/// fn nested<S: Scheme, B: Barrier>(mut reader: Reader<'_, S, B>) {
///     let outer = reader.enter();
///     let inner = reader.enter();
///     drop((outer, inner));
/// }
/// ```
///
/// And so that no walk goes on across a quiescent point, or off line:
///
/// ```compile_fail,E0499
/// # use zonelist_core::{NodeId, publish::{Barrier, Reader, Scheme}};
/// fn across<S: Scheme, B: Barrier>(mut reader: Reader<'_, S, B>, node: NodeId, filter: &S::Filter) {
///     let guard = reader.enter();
///     let mut walk = guard.walk(node, filter);
///     walk.next();
///     reader.quiescent();
///     walk.next();
/// }
/// ```
///
/// ```compile_fail,E0499
/// # use zonelist_core::publish::{Barrier, Reader, Scheme};
/// fn off_line<S: Scheme, B: Barrier>(mut reader: Reader<'_, S, B>) {
///     let guard = reader.enter();
///     reader.offline(|| drop(guard));
/// }
/// ```
#[derive(Debug)]
pub struct Reader<'p, S: Scheme, B: Barrier> {
    scheme: &'p S,
    slot: &'p ReaderSlot,
    local: S::Local,
    /// What the handle keeps of the barrier pair: nothing where the light half is known at compile time.
    kept: B::Kept,
}

/// Why there is no handle for another reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// All seats are taken.
    #[error("all {slots} reader slots are taken; expected fewer readers at a time, or more `READERS`")]
    NoSlot {
        /// How many there are.
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
    /// How many walks there were.
    pub tries: NonZeroU32,
}

impl<'p, S: Scheme, B: Barrier> Reader<'p, S, B> {
    /// A reader at a slot that was claimed for it, or that it only refers to, if the scheme's readers need none.
    pub(super) fn new(scheme: &'p S, seat: &'p ReaderSlot, claimed: Option<Claimed<'p>>) -> Self {
        let reader = Self { scheme, slot: seat, local: scheme.local(), kept: B::kept() };
        claimed.into_iter().for_each(Claimed::keep);
        reader
    }

    #[inline(always)]
    fn light(&self) -> Light {
        B::light(self.kept)
    }

    /// Enters, for one or more walks. Where the scheme pins a version, all of them see the same one.
    #[inline(always)]
    pub fn enter(&mut self) -> Guard<'_, S> {
        let critical_section = match S::PROTOCOL {
            ReaderProtocol::CriticalSection => Some(CriticalSection::down(self.slot.handshake(), self.light())),
            ReaderProtocol::None | ReaderProtocol::PerEntry | ReaderProtocol::Quiescent => None,
        };
        self.guard(critical_section)
    }

    /// Says that no walk of this reader is under way: a quiescent point, of which the type system
    /// makes sure.
    ///
    /// Under [`ReaderProtocol::Quiescent`] publishes wait for one of each reader, so a reader owes one
    /// between any two publishes: in the loop that walks, or on the way out of the kernel. A load
    /// and a store to the reader's own cache line. Under any other, nothing.
    #[inline(always)]
    pub fn quiescent(&mut self) {
        if S::PROTOCOL == ReaderProtocol::Quiescent {
            self.slot.quiescent_state().quiescent();
        }
    }

    /// Does something during which no publish waits for this reader: sleeping, or waiting for
    /// somebody who publishes. Under any [`ReaderProtocol`] but [`ReaderProtocol::Quiescent`] none does anyway.
    pub fn offline<R>(&mut self, meanwhile: impl FnOnce() -> R) -> R {
        /// On line again, also out of a panic.
        struct Back<'r, 'p, S: Scheme, B: Barrier>(&'r Reader<'p, S, B>);
        impl<S: Scheme, B: Barrier> Drop for Back<'_, '_, S, B> {
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

    /// From now on a publish waits for the reader's quiescent points.
    pub(super) fn online(&self) {
        if S::PROTOCOL == ReaderProtocol::Quiescent {
            self.slot.quiescent_state().online(self.light());
        }
    }

    #[inline(always)]
    fn guard<'g>(&'g self, critical_section: Option<CriticalSection<'g>>) -> Guard<'g, S> {
        Guard {
            pinned: self.scheme.pin(&self.local, ReadToken::new(self.slot, self.light())),
            _critical_section: critical_section,
        }
    }

    /// Enters with what is kept at the seat: under one flag, but for a scheme that leaves its seat between zonerefs.
    /// `None` where walks are stopped and it is not to wait.
    ///
    /// Under [`ReaderProtocol::Quiescent`] such a reader is never on line: the seat it takes tells of its walks.
    pub(crate) fn enter_slot(&mut self, when_stopped: WhenStopped) -> Option<SlotGuard<'_, S>> {
        let (critical_section, mine) = self.enter_slot_caches(when_stopped)?;
        let (inner, outer) = if S::PROTOCOL == ReaderProtocol::CriticalSection {
            (Some(critical_section), None)
        } else {
            (None, Some(critical_section))
        };
        Some(SlotGuard { guard: self.guard(inner), _critical_section: outer, mine })
    }

    /// The same, unless somebody has borrowed what is kept there, or has the readers stopped.
    #[inline(always)]
    pub(crate) fn try_enter_slot(&mut self) -> Option<SlotGuard<'_, S>> {
        let critical_section = self.try_enter_caches()?;
        let (inner, outer) = match S::PROTOCOL {
            ReaderProtocol::CriticalSection => (Some(critical_section), None),
            ReaderProtocol::None | ReaderProtocol::PerEntry | ReaderProtocol::Quiescent => {
                (None, Some(critical_section))
            }
        };
        Some(SlotGuard { guard: self.guard(inner), _critical_section: outer, mine: true })
    }

    /// Only for what is kept at the seat: no walk, so that it waits for nobody. `None` if that may not be touched:
    /// somebody has borrowed it.
    pub(crate) fn sit(&self) -> Option<CriticalSection<'_>> {
        self.enter_slot_caches(WhenStopped::GoOn).and_then(|(critical_section, mine)| mine.then_some(critical_section))
    }

    /// The same, if nothing at all is asked of the reader.
    #[inline(always)]
    pub(crate) fn try_enter_caches(&self) -> Option<CriticalSection<'_>> {
        CriticalSection::try_enter_for_caches(self.slot.cache_handshake(S::PROTOCOL), self.light())
    }

    fn enter_slot_caches(&self, when_stopped: WhenStopped) -> Option<(CriticalSection<'_>, bool)> {
        CriticalSection::enter_for_caches(self.slot.cache_handshake(S::PROTOCOL), self.light(), when_stopped)
    }

    /// Begins an operation of the handle that the reader is part of.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn in_use(&self) -> InUse<'p> {
        self.slot.in_use()
    }

    /// Where its slot is.
    pub(super) fn slot_address(&self) -> usize {
        core::ptr::from_ref(self.slot).addr()
    }

    /// Gives up a seat that [`Reader::drop`] would not, since the scheme needs none.
    pub(crate) fn give_up_own(&mut self) {
        if S::PROTOCOL == ReaderProtocol::None {
            self.slot.give_up();
        }
    }
}

impl<S: Scheme, B: Barrier> Drop for Reader<'_, S, B> {
    fn drop(&mut self) {
        match S::PROTOCOL {
            // A guard that was leaked leaves the slot as if it were inside; none outlives its reader.
            ReaderProtocol::CriticalSection => self.slot.handshake().leave(),
            ReaderProtocol::Quiescent => self.slot.quiescent_state().offline(),
            // Its steps have ended: they borrow it, and are never leaked.
            ReaderProtocol::None | ReaderProtocol::PerEntry => (),
        }
        if S::PROTOCOL != ReaderProtocol::None {
            self.slot.give_up();
        }
    }
}

/// A reader inside. Walks borrow it.
#[derive(Debug)]
pub struct Guard<'g, S: Scheme + 'g> {
    /// Before the seat: fields are dropped in order, and what is pinned may need the seat to the end.
    pinned: S::Pinned<'g>,
    _critical_section: Option<CriticalSection<'g>>,
}

/// A reader inside that keeps something at its seat.
pub(crate) struct SlotGuard<'g, S: Scheme + 'g> {
    /// Before the seat, as what is pinned is in it.
    pub(crate) guard: Guard<'g, S>,
    _critical_section: Option<CriticalSection<'g>>,
    /// Whether what it keeps may be touched: nobody has borrowed it.
    pub(crate) mine: bool,
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
            if !walk.must_retry() {
                return Ok(None);
            }
        }
        Err(Torn { tries })
    }
}
