//! A reader's slot: by what it says there, and what is said to it, writers and readers keep apart.

use super::{
    Grace, Light,
    door::{Door, WhenStopped},
    turn::Turn,
};
use crate::{
    in_use::{Busy, InUse},
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
pub(crate) struct Seat {
    /// What keeps the reader and the scheme's writers apart.
    door: Door,
    /// What keeps it and drains of its page caches apart, if its door is not shut for the whole of an
    /// operation: [`Grace::Step`].
    drawer: Door,
    /// Where a reader says that it is between walks: [`Grace::Quiescent`].
    turn: Turn,
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

impl Seat {
    const_fn! {
        pub(crate) const fn new() -> Self {
            let (door, drawer, turn) = (Door::new(), Door::new(), Turn::new());
            let steps = unmodelled::AtomicUsize::new(0);
            Self { door, drawer, turn, claimed: AtomicU32::new(FREE), steps, busy: Busy::new() }
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
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// The door that guards what the reader keeps at its seat: one flag serves both wherever it can.
    #[inline(always)]
    pub(super) fn drawer(&self, grace: Grace) -> &Door {
        match grace {
            Grace::None | Grace::Section | Grace::Quiescent => &self.door,
            Grace::Step => &self.drawer,
        }
    }

    /// The count of steps under way, for their owner to change.
    #[inline(always)]
    pub(super) fn steps(&self) -> &unmodelled::AtomicUsize {
        &self.steps
    }

    #[inline(always)]
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Waits until the slot's page caches are touched by no handle. They must be revoked, and the heavy half be behind.
    ///
    /// A plain reader is not waited for, however long its guard: it keeps no pages. That is asked again each time,
    /// since the slot may change hands meanwhile. If a handle gets it then, the claim is either seen here,
    /// or came behind the heavy half, and then the handle sees that the caches are revoked.
    pub(super) fn wait_hands_off(&self, grace: Grace) {
        let mut backoff = Backoff::default();
        while self.is_handle() && !self.drawer(grace).has_hands_off() {
            backoff.wait();
        }
    }

    /// Whether a handle of an allocator has the slot.
    pub(super) fn is_handle(&self) -> bool {
        // Acquire: pairs with the release in `give_up`, so that what the last handle did to the caches is seen.
        self.claimed.load(Acquire) == HANDLE
    }

    /// Whether a handle was at the slot's page caches: for a child of a fork, where it can't go on.
    pub(super) fn has_dubious_caches(&self, grace: Grace) -> bool {
        self.claimed.load(Relaxed) == HANDLE && self.drawer(grace).may_touch_caches()
    }

    /// Takes back what anybody asks of the reader: for a child of a fork.
    pub(super) fn clear_requests(&self) {
        self.door.clear();
        self.drawer.clear();
    }

    /// Frees the slot of a reader that can't go on: for a child of a fork.
    pub(super) fn evict(&self) {
        self.door.leave();
        self.drawer.leave();
        self.turn.offline();
        self.steps.store(0, Relaxed);
        self.busy.clear();
        self.give_up();
    }
}

/// A slot that was claimed, for as long as no reader has it: given back when this goes, also out of a panic.
#[derive(Debug)]
pub(super) struct Claimed<'p>(&'p Seat);

impl<'p> Claimed<'p> {
    /// Claims a slot, if it is free.
    pub(super) fn new(seat: &'p Seat, claim: Claim) -> Option<Self> {
        seat.claim(claim).then(|| Self(seat))
    }

    pub(super) fn seat(&self) -> &'p Seat {
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
pub(crate) struct Sitting<'g>(&'g Door);

impl<'g> Sitting<'g> {
    #[inline(always)]
    pub(super) fn down(door: &'g Door, light: Light) -> Self {
        door.enter(light);
        Self(door)
    }

    /// Sits down, and says whether what is kept at the seat may be touched.
    #[inline(always)]
    pub(super) fn down_at_drawer(door: &'g Door, light: Light, when_stopped: WhenStopped) -> Option<(Self, bool)> {
        let mine = door.enter_drawer(light, when_stopped)?;
        Some((Self(door), mine))
    }

    /// Sits down if what is kept at the seat may be touched.
    #[inline(always)]
    pub(super) fn try_down_at_drawer(door: &'g Door, light: Light) -> Option<Self> {
        if door.try_enter_drawer(light) { Some(Self(door)) } else { None }
    }
}

impl Drop for Sitting<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.leave();
    }
}
