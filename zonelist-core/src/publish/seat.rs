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
    /// Whether the reader is inside; only its owner writes it.
    inside: AtomicU32,
    /// Whether it must stay outside; only writers write it.
    gate: AtomicU32,
    claimed: AtomicBool,
}

const OPEN: u32 = 0;
const CLOSED: u32 = 1;

impl Seat {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { inside: AtomicU32::new(0), gate: AtomicU32::new(OPEN), claimed: AtomicBool::new(false) }
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

    /// Sits down. Waits while the gate is closed.
    #[inline(always)]
    pub(super) fn enter(&self, light: Light) {
        if !fault("seat: reader unseen") {
            self.inside.store(1, Relaxed);
        }
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
        let mut backoff = Backoff::default();
        loop {
            self.leave();
            while self.gate.load(Relaxed) != OPEN {
                backoff.wait();
            }
            self.inside.store(1, Relaxed);
            light.barrier();
            if self.gate.load(Acquire) == OPEN {
                return;
            }
        }
    }

    /// Stands up.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // Release: pairs with the acquire in `wait_empty`, so that our loads are over before what is written next.
        self.inside.store(0, if fault("seat: left too early") { Relaxed } else { Release });
    }

    pub(super) fn close(&self) {
        self.gate.store(CLOSED, Relaxed);
    }

    pub(super) fn open(&self) {
        self.gate.store(OPEN, if fault("seat: opened too early") { Relaxed } else { Release });
    }

    /// Waits until nobody is inside. The gate must be closed and the heavy half behind.
    pub(super) fn wait_empty(&self) {
        let mut backoff = Backoff::default();
        while self.inside.load(Acquire) != 0 && !fault("seat: writer does not wait") {
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
        let _sitting = Sitting::down(self.seat, self.light);
        step()
    }
}

/// Leaves the seat when it goes, also out of a panic.
#[derive(Debug)]
pub(super) struct Sitting<'g>(&'g Seat);

impl<'g> Sitting<'g> {
    #[inline(always)]
    pub(super) fn down(seat: &'g Seat, light: Light) -> Self {
        seat.enter(light);
        Self(seat)
    }
}

impl Drop for Sitting<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.leave();
    }
}
