//! A reader's slot: the words by which one registered reader and the writers communicate.

use super::{
    Light, ReaderProtocol,
    handshake::{Handshake, WhenStopped},
    quiescent_state::QuiescentState,
};
use crate::{
    chunks::{Chunked, Link},
    locking::in_use::{Busy, InUse},
    sync::{
        Backoff,
        atomic::{
            AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
        const_fn, unmodelled,
    },
};

/// The memory of a reader slot: the words by which one registered reader and the writers communicate.
///
/// On cache lines of its own: 128 bytes, since CPUs fetch lines in pairs. See
/// [`ReaderSlots::borrowed`](super::ReaderSlots::borrowed).
#[repr(align(128))]
#[derive(Debug)]
pub struct ReaderSlot {
    /// Excludes the reader and the scheme's writers.
    handshake: Handshake,
    /// Excludes the owner and drains of its per-CPU pages under [`ReaderProtocol::PerEntry`], where the reader is not
    /// active for the whole of an operation. Else `handshake` does both.
    cache_handshake: Handshake,
    /// Reports quiescent states: [`ReaderProtocol::Quiescent`].
    quiescent_state: QuiescentState,
    /// The kind of owner: [`FREE`], [`READER`] or [`HANDLE`].
    claimed: AtomicU32,
    /// Steps of the reader that are under way, one within another. Accessed by the slot's owner only, and not modelled.
    steps: unmodelled::AtomicUsize,
    /// True while an operation of the slot's handle is under way.
    busy: Busy,
    /// True while a drain has revoked the slot's per-CPU pages. Accessed under the drain lock only, and not modelled.
    revoked: unmodelled::AtomicBool,
    /// In the first slot of a chunk: the next chunk.
    next: Link<Self>,
}

impl Chunked for ReaderSlot {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

impl Default for ReaderSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// The slot has no owner.
const FREE: u32 = 0;
/// The owner is a plain reader, which never touches per-CPU pages.
const READER: u32 = 1;
/// The owner is a handle of an allocator, which uses the per-CPU pages of the slot.
const HANDLE: u32 = 2;

/// What a slot is claimed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Claim {
    /// Only to walk.
    Reader = READER,
    /// To walk, and to use the slot's per-CPU pages.
    Handle = HANDLE,
}

impl ReaderSlot {
    const_fn! {
        /// A slot without an owner. All bytes are 0, so that a static of slots is in `.bss`.
        #[must_use]
        pub const fn new() -> Self {
            let (handshake, cache_handshake) = (Handshake::new(), Handshake::new());
            let quiescent_state = QuiescentState::new();
            let steps = unmodelled::AtomicUsize::new(0);
            let claimed = AtomicU32::new(FREE);
            let (busy, revoked, next) = (Busy::new(), unmodelled::AtomicBool::new(false), Link::new());
            Self { handshake, cache_handshake, quiescent_state, claimed, steps, busy, revoked, next }
        }
    }

    /// Claims the slot, if it is free.
    fn claim(&self, claim: Claim) -> bool {
        // Acquire: pairs with the release in `release`, so that the last owner's stores to the slot are before ours.
        self.claimed.compare_exchange(FREE, claim as u32, Acquire, Relaxed).is_ok()
    }

    /// Frees the slot.
    pub(super) fn release(&self) {
        // Release: pairs with the acquire in `claim` and `is_handle`.
        self.claimed.store(FREE, Release);
    }

    /// Begins an operation of the slot's handle.
    #[inline(always)]
    #[track_caller]
    pub(super) fn in_use(&self) -> InUse<'_> {
        InUse::new(&self.busy, "a handle is used from within an operation of its own; expected another handle")
    }

    /// True if the slot has an owner.
    pub(super) fn is_claimed(&self) -> bool {
        // Relaxed: only the child of a fork calls this, which has one thread.
        self.claimed.load(Relaxed) != FREE
    }

    #[inline(always)]
    pub(super) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// Excludes the owner and drains of its per-CPU pages. The reader's own handshake does where the reader is active
    /// for the whole of an operation, so that an operation pays for one.
    #[inline(always)]
    pub(super) fn cache_handshake(&self, protocol: ReaderProtocol) -> &Handshake {
        match protocol {
            ReaderProtocol::None | ReaderProtocol::CriticalSection | ReaderProtocol::Quiescent => &self.handshake,
            ReaderProtocol::PerEntry => &self.cache_handshake,
        }
    }

    /// The count of steps under way, for their owner to change.
    #[inline(always)]
    pub(super) fn steps(&self) -> &unmodelled::AtomicUsize {
        &self.steps
    }

    #[inline(always)]
    pub(super) fn quiescent_state(&self) -> &QuiescentState {
        &self.quiescent_state
    }

    /// Takes the use of the slot's per-CPU pages from its owner, under the drain lock.
    pub(super) fn revoke(&self, protocol: ReaderProtocol) {
        self.revoked.store(true, Relaxed);
        self.cache_handshake(protocol).revoke();
    }

    /// True if a drain has revoked the slot's per-CPU pages. For the holder of the drain lock.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Relaxed)
    }

    /// Gives the use of the slot's per-CPU pages back to its owner, if a drain has revoked it. Under the drain lock.
    pub(super) fn lend(&self, protocol: ReaderProtocol) {
        if self.revoked.swap(false, Relaxed) {
            self.cache_handshake(protocol).lend();
        }
    }

    /// Waits until no handle touches the slot's per-CPU pages. To be called after `revoke` and the heavy half.
    ///
    /// A plain reader is not waited for, however long its guard lives: it has no pages. The kind of owner is loaded
    /// each time, since the slot may change owners meanwhile. Of a handle that claims the slot later, either the claim
    /// is seen here, or its first load of the request sees REVOKED, as the barrier pair guarantees.
    pub(super) fn wait_caches_released(&self, protocol: ReaderProtocol) {
        let mut backoff = Backoff::default();
        // A plain reader may be active without REVOKED for as long as its guard lives.
        while self.is_handle() && !self.cache_handshake(protocol).has_released_caches() {
            backoff.wait();
        }
    }

    /// True if the owner is a handle of an allocator.
    pub(super) fn is_handle(&self) -> bool {
        // Acquire: pairs with the release in `release`, so that what the last handle did to the per-CPU pages is seen.
        self.claimed.load(Acquire) == HANDLE
    }

    /// True if a handle may be amid an access to the slot's per-CPU pages: for a child of a fork, where the handle
    /// can't continue.
    pub(super) fn may_have_torn_caches(&self, protocol: ReaderProtocol) -> bool {
        self.claimed.load(Relaxed) == HANDLE && self.cache_handshake(protocol).may_touch_caches()
    }

    /// Clears all requests to the reader: for a child of a fork.
    pub(super) fn clear_requests(&self) {
        self.revoked.store(false, Relaxed);
        self.handshake.clear();
        self.cache_handshake.clear();
    }

    /// Resets and frees the slot of a reader that can't continue: for a child of a fork.
    pub(super) fn reset(&self) {
        // To the state of `new`, but for the requests, which `clear_requests` clears. The slot is free last.
        self.handshake.leave();
        self.cache_handshake.leave();
        // A registration may have been amid it, also where the fork was prepared.
        self.handshake.clear_late();
        self.quiescent_state.offline();
        self.steps.store(0, Relaxed);
        self.busy.clear();
        self.release();
    }
}

/// A claimed slot without a reader yet. Frees the slot when it is dropped, also out of a panic.
#[derive(Debug)]
pub(super) struct Claimed<'p>(&'p ReaderSlot);

impl<'p> Claimed<'p> {
    /// Claims a slot, if it is free.
    pub(super) fn new(slot: &'p ReaderSlot, claim: Claim) -> Option<Self> {
        slot.claim(claim).then(|| Self(slot))
    }

    pub(super) fn slot(&self) -> &'p ReaderSlot {
        self.0
    }

    /// Leaves the slot to a reader, which frees it.
    pub(super) fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A reader that is active. Idle again when this is dropped, also out of a panic.
#[derive(Debug)]
pub(crate) struct CriticalSection<'g>(&'g Handshake);

impl<'g> CriticalSection<'g> {
    #[inline(always)]
    pub(super) fn enter(handshake: &'g Handshake, light: Light) -> Self {
        handshake.enter(light);
        Self(handshake)
    }

    /// Enters. Returns also whether the slot's per-CPU pages may be touched.
    #[inline(always)]
    pub(super) fn enter_for_caches(
        handshake: &'g Handshake,
        light: Light,
        when_stopped: WhenStopped,
    ) -> Option<(Self, bool)> {
        let may_touch = handshake.enter_for_caches(light, when_stopped)?;
        Some((Self(handshake), may_touch))
    }

    /// Enters if the slot's per-CPU pages may be touched and nothing else is requested.
    #[inline(always)]
    pub(super) fn try_enter_for_caches(handshake: &'g Handshake, light: Light) -> Option<Self> {
        if handshake.try_enter_for_caches(light) { Some(Self(handshake)) } else { None }
    }
}

impl Drop for CriticalSection<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.leave();
    }
}
