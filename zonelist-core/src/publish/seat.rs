//! A reader's seat: by what it says there, and what is said to it, writers and readers keep apart.

use core::marker::PhantomData;

use super::{Grace, Light, Scheme};
use crate::sync::{
    Backoff,
    atomic::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, fault,
};

/// A seat, on cache lines of its own: 128 bytes, since CPUs fetch lines in pairs.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct Seat {
    /// What keeps the reader and the scheme's writers apart.
    door: Door,
    /// What keeps it and those apart who take away what it keeps at its seat, if its door is not
    /// shut for the whole of an operation: [`Grace::Step`].
    drawer: Door,
    claimed: AtomicBool,
}

impl Seat {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { door: Door::new(), drawer: Door::new(), claimed: AtomicBool::new(false) }
        }
    }

    /// Takes the seat for a reader, if it is free.
    pub(super) fn claim(&self) -> bool {
        // Acquire: pairs with the release in `give_up`, so that its last owner's stores are over.
        self.claimed.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    pub(super) fn give_up(&self) {
        self.claimed.store(false, Release);
    }

    #[inline(always)]
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// The door that guards what the reader keeps at its seat: one flag serves both wherever it can.
    #[inline(always)]
    pub(super) fn drawer(&self, grace: Grace) -> &Door {
        match grace {
            Grace::None | Grace::Section => &self.door,
            Grace::Step => &self.drawer,
        }
    }
}

/// Two words by which one who goes in and out keeps clear of those who need him outside.
#[derive(Debug)]
pub(super) struct Door {
    /// Whether the reader is inside; only its owner writes it.
    inside: AtomicU32,
    /// Whether it must stay outside, or keep its hands off; only writers write it, one at a time.
    gate: AtomicU32,
}

const OUTSIDE: u32 = 0;
const INSIDE: u32 = 1;
/// Inside, but does not touch what it keeps at its seat.
const HANDS_OFF: u32 = 2;

const OPEN: u32 = 0;
const CLOSED: u32 = 1;
/// The reader may go in, but what it keeps at its seat is somebody else's for now.
const BORROWED: u32 = 2;

impl Door {
    const_fn! {
        const fn new() -> Self {
            Self { inside: AtomicU32::new(OUTSIDE), gate: AtomicU32::new(OPEN) }
        }
    }

    /// Goes in. Waits while the gate is closed.
    #[inline(always)]
    pub(super) fn enter(&self, light: Light) {
        self.say_inside();
        // Pairs with the heavy half in `close_and_wait`: either the writer sees us inside, or we see its gate.
        light.barrier();
        // Acquire: pairs with the release in `open`, so that we see all that was written behind the gate.
        if self.gate.load(Acquire) != OPEN && !fault("seat: gate unseen") {
            self.wait_outside(light);
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_outside(&self, light: Light) {
        while !self.try_again(light, |gate| gate != OPEN) {}
    }

    /// Goes out, waits while the gate `forbids` it to be inside, and goes in: whether the gate is open then.
    fn try_again(&self, light: Light, forbids: impl Fn(u32) -> bool) -> bool {
        let mut backoff = Backoff::default();
        self.leave();
        while forbids(self.gate.load(Relaxed)) {
            backoff.wait();
        }
        self.inside.store(INSIDE, Relaxed);
        light.barrier();
        self.gate.load(Acquire) == OPEN
    }

    /// Goes in if what is kept at the seat may be touched, and says whether it did.
    #[inline(always)]
    pub(super) fn try_enter_drawer(&self, light: Light) -> bool {
        self.say_inside();
        // Pairs with the heavy half in `Published::borrow_drawers` and in `Writer::stop`.
        light.barrier();
        // Acquire: pairs with the release in `open`, so that we see what the borrower left.
        let open = self.gate.load(Acquire) == OPEN || fault("drawer: borrower unseen");
        if !open {
            self.leave();
        }
        open
    }

    /// Goes in, and says whether what is kept at the seat may be touched. Waits for no one who has
    /// only borrowed that.
    #[inline(never)]
    pub(super) fn enter_drawer(&self, light: Light) -> bool {
        if self.try_enter_drawer(light) {
            return true;
        }
        self.say_inside();
        light.barrier();
        loop {
            match self.gate.load(Acquire) {
                OPEN => return true,
                BORROWED => {
                    // Release: pairs with the acquire in `wait_hands_off`, so that what we did before is seen.
                    self.inside.store(HANDS_OFF, Release);
                    return false;
                }
                _ => {
                    self.try_again(light, |gate| gate == CLOSED);
                }
            }
        }
    }

    #[inline(always)]
    fn say_inside(&self) {
        if !fault("seat: reader unseen") {
            self.inside.store(INSIDE, Relaxed);
        }
    }

    /// Goes out.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // Release: pairs with the acquire in `wait_empty` and `wait_hands_off`, so that our loads
        // are over before what is written next.
        self.inside.store(OUTSIDE, if fault("seat: left too early") { Relaxed } else { Release });
    }

    pub(super) fn close(&self) {
        self.gate.store(CLOSED, Relaxed);
    }

    pub(super) fn borrow(&self) {
        // Release: pairs with the acquire in `enter_drawer`, where a reader goes in on the strength of
        // this very store, and has to see what was written behind the gate before.
        self.gate.store(BORROWED, if fault("drawer: borrowed too early") { Relaxed } else { Release });
    }

    pub(super) fn open(&self) {
        self.gate.store(OPEN, if fault("seat: opened too early") { Relaxed } else { Release });
    }

    /// Waits until nobody is inside. The gate must be closed and the heavy half behind.
    pub(super) fn wait_empty(&self) {
        let mut backoff = Backoff::default();
        while self.inside.load(Acquire) != OUTSIDE && !fault("seat: writer does not wait") {
            backoff.wait();
        }
    }

    /// Waits until nobody is inside but with hands off. The gate must say so and the heavy half be behind.
    pub(super) fn wait_hands_off(&self) {
        let mut backoff = Backoff::default();
        while self.inside.load(Acquire) == INSIDE && !fault("drawer: borrower does not wait") {
            backoff.wait();
        }
    }
}

/// Proof that a reader of this very scheme is where the scheme's [`Scheme::GRACE`] wants it.
///
/// Only this crate makes one. It is branded with the scheme's type, since a scheme that wraps
/// another could otherwise hand its own token to it.
#[derive(Debug)]
pub struct At<'g, S> {
    seat: &'g Seat,
    light: Light,
    scheme: PhantomData<fn(S)>,
}

impl<S> Clone for At<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for At<'_, S> {}

impl<'g, S: Scheme> At<'g, S> {
    #[inline(always)]
    pub(super) fn new(seat: &'g Seat, light: Light) -> Self {
        Self { seat, light, scheme: PhantomData }
    }

    /// Does one step of a walk with the seat taken, and leaves it again: for [`Grace::Step`] only.
    ///
    /// Waits while a writer has the readers stopped.
    #[inline]
    pub fn step<R>(&self, step: impl FnOnce() -> R) -> R {
        const { assert!(matches!(S::GRACE, Grace::Step), "a seat that is taken for the whole guard is not taken again") };
        let _sitting = Sitting::down(self.seat.door(), self.light);
        step()
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
    pub(super) fn down_at_drawer(door: &'g Door, light: Light) -> (Self, bool) {
        let mine = door.enter_drawer(light);
        (Self(door), mine)
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
