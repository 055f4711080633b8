//! Flags for Dekker-style exclusion between one reader and those that need something of it.
//!
//! The reader stores that it is inside, passes the light half of the barrier pair, and loads the
//! request word; where that is not 0 it *answers*. Publishers and drains set bits of the request word,
//! run the heavy half, and look at the answer:
//!
//! ```text
//!   request | set by, under         | a reader that sees it                     | is waited for until it is
//!   --------|-----------------------|-------------------------------------------|--------------------------
//!   STOP    | publish, writer lock  | stays outside; goes on if it does not walk | outside, or NO_WALK
//!   GRACE_PERIOD   | publish, writer lock  | goes in, and answers the question's bits   | outside, or has answered
//!   REVOKED | drain, drain lock     | goes in without the slot's page caches     | outside, or REVOKED
//! ```
//!
//! Publishers and drains do not share a lock, so each sets and clears its own bits by read-modify-write,
//! and an answer carries the bits of both: an answer for one alone would take back what the reader has
//! told the other. A reader's fast path is one load, whatever it may be asked.

use super::Light;
use crate::sync::{
    Backoff,
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, or_mutant,
};

/// What a publish asks of every reader: "have you been outside since the last swap?" One of two, by
/// turns, so that an answer to the one before is none to this.
///
/// A reader may read a question, sleep, and answer it late. Such an answer can only be taken for one
/// to the question after the next, and there is none before the reader has answered the next one,
/// or gone out: the writer changes the question only once everybody has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Phase(pub(super) u32);

impl Phase {
    pub(super) const FIRST: Self = Self(GRACE_PERIOD);

    pub(super) fn next(self) -> Self {
        or_mutant!(Self(self.0 ^ PHASE) => self, "phase: never the next")
    }
}

/// The two words of one reader slot.
#[derive(Debug)]
pub(super) struct Handshake {
    /// Whether the reader is inside, and what it has answered; only its owner writes it.
    active: AtomicU32,
    /// What is asked of the reader; publishers and drains write it, each its own bits.
    request: AtomicU32,
}

/// Nothing is asked, or the reader is outside.
const NOTHING: u32 = 0;

/// Of a request: no walk may begin. Of an answer: the reader is inside.
const STOP: u32 = 1;
const ACTIVE: u32 = 1;
/// Of a request: the slot's page caches are somebody else's for now. Of an answer: they are not touched.
const REVOKED: u32 = 2;
/// Of a request: a grace period waits. Of an answer: the reader came in behind that question.
const GRACE_PERIOD: u32 = 4;
/// Which of the two questions it is.
const PHASE: u32 = 8;
/// Of an answer: the reader does not walk, so that nobody need stop it.
const NO_WALK: u32 = 16;

/// The bits of a request that an answer repeats.
const ACKNOWLEDGED: u32 = REVOKED | GRACE_PERIOD_BITS;
/// The bits of a question.
const GRACE_PERIOD_BITS: u32 = GRACE_PERIOD | PHASE;

/// What one that goes in does while walks are stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhenStopped {
    /// Waits outside: it walks.
    Wait,
    /// Goes in all the same: it only touches the slot's page caches.
    GoOn,
    /// Goes out again: it walks, and must not wait.
    GiveUp,
}

impl Handshake {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { active: AtomicU32::new(NOTHING), request: AtomicU32::new(NOTHING) }
        }
    }

    /// Goes in, to walk. Waits while walks are stopped, but for no drain: one that goes in by this does not touch
    /// the slot's page caches.
    #[inline(always)]
    pub(super) fn enter(&self, light: Light) {
        self.set_active();
        // Pairs with the heavy half in `Writer::stop` and `Writer::wait_grace_period`: either the writer sees us
        // inside, or we see its request, and all that it wrote before.
        light.barrier();
        // Acquire: pairs with the release in `open`, so that we see all that was written behind the gate.
        if or_mutant!(self.request.load(Acquire) != NOTHING => false, "reader: request unseen") {
            self.acknowledge(light, WhenStopped::Wait);
        }
    }

    /// Answers what is asked, and says whether the slot's page caches may be touched; `None` if it is not inside.
    #[cold]
    #[inline(never)]
    fn acknowledge(&self, light: Light, when_stopped: WhenStopped) -> Option<bool> {
        loop {
            // Acquire: where a question is asked, this shows us the swap that it is about, so that what we walk
            // from here on is not what the writer waits for. Pairs with the release in `ask`; and with that in
            // `open` and `lend`, for those that come behind other bits by read-modify-writes, which keep it.
            let request = self.request.load(Acquire);
            let mut answer = ACTIVE | request & ACKNOWLEDGED;
            if request & STOP != 0 {
                match when_stopped {
                    WhenStopped::Wait => {
                        self.wait_outside(light);
                        continue;
                    }
                    WhenStopped::GiveUp => {
                        self.leave();
                        return None;
                    }
                    WhenStopped::GoOn => answer |= NO_WALK,
                }
            }
            // Release: pairs with the acquire in `has_acknowledged`, so that our walks before are over, and with that
            // in `has_released_caches`, so that what we did to the caches before is seen. A light half that is a fence
            // says so already; models by membarrier, where it is none, see this.
            self.active.store(answer, Release);
            return Some(request & REVOKED == 0);
        }
    }

    /// Goes out until walks are no longer stopped, and in again.
    fn wait_outside(&self, light: Light) {
        let mut backoff = Backoff::default();
        self.leave();
        while self.request.load(Relaxed) & STOP != 0 {
            backoff.wait();
        }
        self.active.store(ACTIVE, Relaxed);
        // As in `enter`.
        light.barrier();
    }

    /// Goes in if nothing at all is asked, and says whether it did: then the slot's page caches may be touched.
    #[inline(always)]
    pub(super) fn try_enter_for_caches(&self, light: Light) -> bool {
        self.set_active();
        // Pairs with the heavy half in `Published::revoke_caches`, in `Writer::stop` and in `Writer::wait_grace_period`.
        light.barrier();
        // Acquire: pairs with the release in `lend`, so that we see what the drain left, and with that in `open`.
        let free = or_mutant!(self.request.load(Acquire) == NOTHING => true, "caches: revocation unseen");
        if !free {
            self.leave();
        }
        free
    }

    /// Goes in, and says whether the slot's page caches may be touched; `None` if it did not go in. Waits for no drain.
    #[inline(never)]
    pub(super) fn enter_for_caches(&self, light: Light, when_stopped: WhenStopped) -> Option<bool> {
        if self.try_enter_for_caches(light) {
            return Some(true);
        }
        self.set_active();
        light.barrier();
        self.acknowledge(light, when_stopped)
    }

    #[inline(always)]
    fn set_active(&self) {
        or_mutant!(self.active.store(ACTIVE, Relaxed) => (), "reader: entry unseen");
    }

    /// Goes out.
    #[inline(always)]
    pub(super) fn leave(&self) {
        // Release: pairs with the acquire in `has_left`, `has_released_caches` and `has_acknowledged`, so that
        // our loads are over before what is written next.
        self.active.store(NOTHING, Release);
    }

    /// Stops walks. Relaxed: the heavy half that follows makes it seen, or the reader seen.
    pub(super) fn stop(&self) {
        self.request.fetch_or(STOP, Relaxed);
    }

    /// Asks a question.
    pub(super) fn request_grace_period(&self, phase: Phase) {
        // Release: pairs with the acquire in `answer`, where a reader goes in on the strength of
        // this very store, and has to see the swap before.
        or_mutant!(
            _ = self.request.fetch_or(phase.0, Release) => self.request.store(phase.0, Release),
            "request: a grace period ends a revocation"
        );
    }

    /// Takes back all that a publish asks.
    pub(super) fn clear_publish_request(&self) {
        // Release: pairs with the acquire in `enter` and `answer`.
        or_mutant!(
            _ = self.request.fetch_and(!(STOP | GRACE_PERIOD_BITS), Release) => self.request.store(NOTHING, Release),
            "request: a publish ends a revocation"
        );
    }

    /// Takes the slot's page caches from its reader. Relaxed: as in `stop`; what a reader has to see that
    /// goes in by this store was released by the one before, and read-modify-writes keep that.
    pub(super) fn revoke(&self) {
        or_mutant!(
            _ = self.request.fetch_or(REVOKED, Relaxed) => self.request.store(REVOKED, Release),
            "request: a revocation ends a publish's request"
        );
    }

    /// Gives them back.
    pub(super) fn lend(&self) {
        // Release: pairs with the acquire in `try_enter_for_caches` and `answer`, so that the reader sees what we left.
        or_mutant!(
            _ = self.request.fetch_and(!REVOKED, Release) => self.request.store(NOTHING, Release),
            "request: the end of a revocation ends a publish's request"
        );
    }

    /// Whether the reader is outside, or came in behind the question. It must have been asked, and the heavy half
    /// be behind.
    pub(super) fn has_acknowledged(&self, phase: Phase) -> bool {
        let active = self.active.load(Acquire);
        active == NOTHING || active & GRACE_PERIOD_BITS == phase.0
    }

    /// Whether the reader is outside, or does not walk. Walks must be stopped, and the heavy half be behind.
    #[inline]
    pub(super) fn has_left(&self) -> bool {
        let active = self.active.load(Acquire);
        or_mutant!(active == NOTHING || active & NO_WALK != 0 => true, "stop: writer does not wait")
    }

    /// Whether the reader is outside, or does not touch the slot's page caches. They must be revoked, and the heavy
    /// half be behind.
    pub(super) fn has_released_caches(&self) -> bool {
        let active = self.active.load(Acquire);
        or_mutant!(active == NOTHING || active & REVOKED != 0 => true, "caches: drain does not wait")
    }

    /// Whether the reader is inside, and may be at the slot's page caches: for a child of a fork, where it can't go on.
    pub(super) fn may_touch_caches(&self) -> bool {
        let active = self.active.load(Acquire);
        active != NOTHING && active & REVOKED == 0
    }

    /// Takes back all that anybody asks: for a child of a fork, where those who asked are no more.
    pub(super) fn clear(&self) {
        self.request.store(NOTHING, Release);
    }
}
