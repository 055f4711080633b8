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
    /// Where a reader says that it is between walks: [`Grace::Quiescent`].
    turn: Turn,
    claimed: AtomicBool,
}

impl Seat {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { door: Door::new(), drawer: Door::new(), turn: Turn::new(), claimed: AtomicBool::new(false) }
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
            Grace::None | Grace::Section | Grace::Quiescent => &self.door,
            Grace::Step => &self.drawer,
        }
    }

    #[inline(always)]
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }
}

/// What a writer asks of every reader: "have you been outside since the last swap?" One of two, by
/// turns, so that an answer to the one before is none to this.
///
/// A reader may read a question, sleep, and answer it late. Such an answer can only be taken for one
/// to the question after the next, and there is none before the reader has answered the next one,
/// or gone out: the writer changes the question only once everybody has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Question(u32);

impl Question {
    /// Like the other, it is none of the words that a door or a turn otherwise knows.
    pub(super) const FIRST: Self = Self(4);

    pub(super) fn next(self) -> Self {
        if fault("question: never another") { self } else { Self(self.0 ^ 1) }
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

    /// Goes in. Waits while the gate is closed; whoever does not touch what is kept at the seat waits
    /// for nobody who has borrowed that.
    #[inline(always)]
    pub(super) fn enter(&self, light: Light) {
        self.say_inside();
        // Pairs with the heavy half in `Writer::stop` and `Writer::settle`: either the writer sees us
        // inside, or we see its gate, and all that it wrote before.
        light.barrier();
        // Acquire: pairs with the release in `open`, so that we see all that was written behind the gate.
        if self.gate.load(Acquire) != OPEN && !fault("seat: gate unseen") {
            self.enter_slowly(light);
        }
    }

    /// Says what the gate wants to hear, and whether what is kept at the seat may be touched.
    #[cold]
    #[inline(never)]
    fn enter_slowly(&self, light: Light) -> bool {
        loop {
            match self.gate.load(Acquire) {
                OPEN => return true,
                BORROWED => {
                    // Release: pairs with the acquire in `wait_hands_off`, so that what we did before is seen.
                    self.inside.store(HANDS_OFF, Release);
                    return false;
                }
                CLOSED => {
                    let mut backoff = Backoff::default();
                    self.leave();
                    while self.gate.load(Relaxed) == CLOSED {
                        backoff.wait();
                    }
                    self.inside.store(INSIDE, Relaxed);
                    light.barrier();
                }
                question => {
                    // The acquire load has shown us the swap that the question is about, so that what we
                    // walk from here on is not what the writer waits for. Release: pairs with the acquire
                    // in `has_answered`, so that our walks before are over. (A light half that is a fence
                    // says so already, which is why no model sees it.)
                    self.inside.store(question, Release);
                    return true;
                }
            }
        }
    }

    /// Goes in if what is kept at the seat may be touched, and says whether it did.
    #[inline(always)]
    pub(super) fn try_enter_drawer(&self, light: Light) -> bool {
        self.say_inside();
        // Pairs with the heavy half in `Published::borrow_drawers`, in `Writer::stop` and in `Writer::settle`.
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
        self.enter_slowly(light)
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
        // Release: pairs with the acquire in `wait_empty`, `wait_hands_off` and `has_answered`, so that
        // our loads are over before what is written next.
        self.inside.store(OUTSIDE, Release);
    }

    pub(super) fn close(&self) {
        self.gate.store(CLOSED, Relaxed);
    }

    pub(super) fn borrow(&self) {
        // Release: pairs with the acquire in `enter_drawer`, where a reader goes in on the strength of
        // this very store, and has to see what was written behind the gate before.
        self.gate.store(BORROWED, Release);
    }

    pub(super) fn ask(&self, question: Question) {
        // Release: pairs with the acquire in `enter_slowly`, where a reader goes in on the strength of
        // this very store, and has to see the swap before.
        self.gate.store(question.0, Release);
    }

    /// Whether nobody is inside, or only one who came in behind the question. It must have been
    /// asked, and the heavy half be behind.
    pub(super) fn has_answered(&self, question: Question) -> bool {
        let inside = self.inside.load(Acquire);
        inside == OUTSIDE || inside == question.0
    }

    pub(super) fn open(&self) {
        self.gate.store(OPEN, Release);
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
        // Who has answered a question goes on with its hands where they were.
        let hands_on = |inside| inside != OUTSIDE && inside != HANDS_OFF;
        while hands_on(self.inside.load(Acquire)) && !fault("drawer: borrower does not wait") {
            backoff.wait();
        }
    }
}

/// Two words by which a reader that is always inside says when it is between walks.
#[derive(Debug)]
pub(super) struct Turn {
    /// What the writer asks; only writers write it, one at a time.
    asked: AtomicU32,
    /// The last question that the reader has answered; only its owner writes it.
    answered: AtomicU32,
}

const OFFLINE: u32 = 0;
/// Online, and has answered nothing yet. As a question: nobody has asked.
const ONLINE: u32 = 1;

impl Turn {
    const_fn! {
        const fn new() -> Self {
            Self { asked: AtomicU32::new(ONLINE), answered: AtomicU32::new(OFFLINE) }
        }
    }

    /// Begins to walk whenever it likes.
    pub(super) fn online(&self, light: Light) {
        if !fault("turn: reader unseen") {
            self.answered.store(ONLINE, Relaxed);
        }
        // Pairs with the heavy half in `Writer::settle`: either the writer sees us online, or we see
        // its swap.
        light.barrier();
        self.quiescent();
    }

    /// Says that no walk is under way.
    #[inline(always)]
    pub(super) fn quiescent(&self) {
        // Acquire: pairs with the release in `ask`: our next walk sees the swap that the question is about.
        let asked = self.asked.load(Acquire);
        // Release: pairs with the acquire in `has_answered`, so that our walks before are over.
        self.answered.store(asked, Release);
    }

    /// Begins no walk until it is online again.
    pub(super) fn offline(&self) {
        // Release: as in `quiescent`.
        self.answered.store(OFFLINE, Release);
    }

    pub(super) fn ask(&self, question: Question) {
        // Release: pairs with the acquire in `quiescent`.
        self.asked.store(question.0, Release);
    }

    /// Whether the reader is offline, or was between walks since the question. The heavy half must be behind.
    pub(super) fn has_answered(&self, question: Question) -> bool {
        let answered = self.answered.load(Acquire);
        answered == OFFLINE || answered == question.0
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
