//! A reader's slot: by what it says there, and what is said to it, writers and readers keep apart.

use super::{
    Light, ReaderProtocol,
    handshake::{Handshake, WhenStopped},
    quiescent_state::QuiescentState,
};
use crate::{
    sync::in_use::{Busy, InUse},
    sync::{
        Backoff,
        atomic::{
            AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
        const_fn, unmodelled,
    },
};

/// A reader's slot, on cache lines of its own: 128 bytes, since CPUs fetch lines in pairs.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct ReaderSlot {
    /// What keeps the reader and the scheme's writers apart.
    handshake: Handshake,
    /// What keeps it and drains of its page caches apart, if its door is not shut for the whole of an
    /// operation: [`ReaderProtocol::PerEntry`].
    cache_handshake: Handshake,
    /// Where a reader says that it is between walks: [`ReaderProtocol::Quiescent`].
    quiescent_state: QuiescentState,
    /// Who has the slot: [`FREE`], [`READER`] or [`HANDLE`].
    claimed: AtomicU32,
    /// Steps of the reader that are under way, one within another; only its owner looks. No model explores it.
    steps: unmodelled::AtomicUsize,
    /// Whether an operation of the slot's handle is under way.
    busy: Busy,
}

/// Nobody has the slot.
const FREE: u32 = 0;
/// A plain reader has it, which never touches page caches.
const READER: u32 = 1;
/// A handle of an allocator has it, with the page caches of the slot.
const HANDLE: u32 = 2;

/// What a slot is claimed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Claim {
    /// Only to walk.
    Reader = READER,
    /// To walk, and to keep pages in the slot's caches.
    Handle = HANDLE,
}

impl ReaderSlot {
    const_fn! {
        pub(crate) const fn new() -> Self {
            let (handshake, cache_handshake, quiescent_state) = (Handshake::new(), Handshake::new(), QuiescentState::new());
            let steps = unmodelled::AtomicUsize::new(0);
            Self { handshake, cache_handshake, quiescent_state, claimed: AtomicU32::new(FREE), steps, busy: Busy::new() }
        }
    }

    /// Takes the slot for a reader, if it is free.
    fn claim(&self, claim: Claim) -> bool {
        // Acquire: pairs with the release in `give_up`, so that its last owner's stores are over.
        self.claimed.compare_exchange(FREE, claim as u32, Acquire, Relaxed).is_ok()
    }

    /// Gives the slot back.
    pub(super) fn give_up(&self) {
        self.claimed.store(FREE, Release);
    }

    /// Begins an operation of the slot's handle.
    #[inline(always)]
    #[track_caller]
    pub(super) fn in_use(&self) -> InUse<'_> {
        InUse::new(&self.busy, "a handle is used from within an operation of its own; expected another handle")
    }

    /// Whether somebody has the slot.
    pub(super) fn is_claimed(&self) -> bool {
        self.claimed.load(Relaxed) != FREE
    }

    #[inline(always)]
    pub(super) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The door that guards what the reader keeps at its seat: one flag serves both wherever it can.
    #[inline(always)]
    pub(super) fn cache_handshake(&self, grace: ReaderProtocol) -> &Handshake {
        match grace {
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

    /// Waits until the slot's page caches are touched by no handle. They must be revoked, and the heavy half be behind.
    ///
    /// A plain reader is not waited for, however long its guard: it keeps no pages. That is asked again each time,
    /// since the slot may change hands meanwhile. If a handle gets it then, the claim is either seen here,
    /// or came behind the heavy half, and then the handle sees that the caches are revoked.
    pub(super) fn wait_caches_released(&self, grace: ReaderProtocol) {
        let mut backoff = Backoff::default();
        while self.is_handle() && !self.cache_handshake(grace).has_released_caches() {
            backoff.wait();
        }
    }

    /// Whether a handle of an allocator has the slot.
    pub(super) fn is_handle(&self) -> bool {
        // Acquire: pairs with the release in `give_up`, so that what the last handle did to the caches is seen.
        self.claimed.load(Acquire) == HANDLE
    }

    /// Whether a handle was at the slot's page caches: for a child of a fork, where it can't go on.
    pub(super) fn has_dubious_caches(&self, grace: ReaderProtocol) -> bool {
        self.claimed.load(Relaxed) == HANDLE && self.cache_handshake(grace).may_touch_caches()
    }

    /// Takes back what anybody asks of the reader: for a child of a fork.
    pub(super) fn clear_requests(&self) {
        self.handshake.clear();
        self.cache_handshake.clear();
    }

    /// Frees the slot of a reader that can't go on: for a child of a fork.
    pub(super) fn evict(&self) {
        self.handshake.leave();
        self.cache_handshake.leave();
        self.quiescent_state.offline();
        self.steps.store(0, Relaxed);
        self.busy.clear();
        self.give_up();
    }
}

/// A slot that was claimed, for as long as no reader has it: given back when this goes, also out of a panic.
#[derive(Debug)]
pub(super) struct Claimed<'p>(&'p ReaderSlot);

impl<'p> Claimed<'p> {
    /// Claims a slot, if it is free.
    pub(super) fn new(seat: &'p ReaderSlot, claim: Claim) -> Option<Self> {
        seat.claim(claim).then(|| Self(seat))
    }

    pub(super) fn seat(&self) -> &'p ReaderSlot {
        self.0
    }

    /// From now on a reader has it, and gives it back.
    pub(super) fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Goes out when it goes, also out of a panic.
#[derive(Debug)]
pub(crate) struct CriticalSection<'g>(&'g Handshake);

impl<'g> CriticalSection<'g> {
    #[inline(always)]
    pub(super) fn down(door: &'g Handshake, light: Light) -> Self {
        door.enter(light);
        Self(door)
    }

    /// Sits down, and says whether what is kept at the seat may be touched.
    #[inline(always)]
    pub(super) fn enter_for_caches(
        door: &'g Handshake,
        light: Light,
        when_stopped: WhenStopped,
    ) -> Option<(Self, bool)> {
        let mine = door.enter_for_caches(light, when_stopped)?;
        Some((Self(door), mine))
    }

    /// Sits down if what is kept at the seat may be touched.
    #[inline(always)]
    pub(super) fn try_enter_for_caches(door: &'g Handshake, light: Light) -> Option<Self> {
        if door.try_enter_for_caches(light) { Some(Self(door)) } else { None }
    }
}

impl Drop for CriticalSection<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.leave();
    }
}
