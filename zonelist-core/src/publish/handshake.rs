//! Two words for Dekker-style exclusion between one reader and the writers.
//!
//! The reader stores that it is *active*, passes the light half of the barrier pair, and loads the *request* word. If
//! that is not 0, the reader *acknowledges* it, or becomes idle again and tries the slow path. Publishes and drains set
//! bits of the request word, run the heavy half, and load the active word:
//!
//! ```text
//!   request       | set by, under         | a reader that loads it                      | is waited for until it is
//!   --------------|-----------------------|---------------------------------------------|---------------------------
//!   STOP          | publish, writer lock  | if it is going to walk: is idle until then  | idle, or active with NO_WALK
//!   LATE          | the slot's new owner  | the same                                    | nothing: it does not walk yet
//!   GRACE_PERIOD  | publish, writer lock  | is active, and acknowledges phase and bit   | idle, or has acknowledged
//!   REVOKED       | drain, drain lock     | is active without the slot's per-CPU pages  | idle, or active with REVOKED
//! ```
//!
//! Publishes and drains do not share a lock. So each sets and clears its own bits by read-modify-write, and an
//! acknowledgement repeats the bits of both: with those of one alone it would take back what the reader has
//! acknowledged to the other. A reader's fast path is one load, whatever is requested.

use super::Light;
use crate::sync::{
    Backoff,
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_fn, or_mutant,
};

/// The bits by which a grace period is requested: one of two values in turn, so that an acknowledgement of the last
/// grace period does not count for this one.
///
/// A reader may load a request, sleep, and acknowledge it late. A late acknowledgement has the phase of the grace
/// period after the next. That one does not begin before the reader has acknowledged the next one or was idle, since
/// the phase changes only once every reader has. So a late acknowledgement is never taken for a newer one.
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
    /// Whether the reader is active, and which requests it has acknowledged. Written by the slot's owner only.
    active: AtomicU32,
    /// What publishes and drains request of the reader; each writes its own bits.
    request: AtomicU32,
}

/// No request; or the reader is idle.
const NOTHING: u32 = 0;

/// In a request: no walk may begin.
const STOP: u32 = 1;
/// In a request: no walk may begin. Of a slot whose owner was registered while walks were stopped already.
const LATE: u32 = 32;
/// In an active word: the reader is active.
const ACTIVE: u32 = 1;
/// In a request: a drain has the use of the slot's per-CPU pages. In an active word: the reader does not touch them.
const REVOKED: u32 = 2;
/// In a request: a grace period waits. In an active word: the reader became active after that grace period began.
const GRACE_PERIOD: u32 = 4;
/// The phase of the grace period.
const PHASE: u32 = 8;
/// In an active word: the reader does not walk, so that a stop does not wait for it.
const NO_WALK: u32 = 16;
/// An active word: the reader is idle, and waits until walks are no longer stopped.
const WAITING: u32 = 32;

/// True if this active word is that of an idle reader.
#[inline(always)]
const fn is_idle(active: u32) -> bool {
    active & !WAITING == NOTHING
}

/// The bits of a request by which walks are stopped.
const STOPPED: u32 = STOP | LATE;
/// The bits of a request that an acknowledgement repeats.
const ACKNOWLEDGED: u32 = REVOKED | GRACE_PERIOD_BITS;
/// The bits of a grace period.
const GRACE_PERIOD_BITS: u32 = GRACE_PERIOD | PHASE;

/// What a reader does that enters while walks are stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhenStopped {
    /// Waits while idle: it is going to walk.
    Wait,
    /// Becomes active all the same: it only touches the slot's per-CPU pages.
    GoOn,
    /// Becomes idle again: it is going to walk, and must not wait.
    GiveUp,
}

impl Handshake {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self { active: AtomicU32::new(NOTHING), request: AtomicU32::new(NOTHING) }
        }
    }

    /// Enters, to walk. Waits while walks are stopped, and for no drain: a reader that enters by this does not touch
    /// the slot's per-CPU pages.
    #[inline(always)]
    pub(super) fn enter(&self, light: Light) {
        self.set_active();
        // Pairs with the heavy half in `Writer::stop` and `Writer::round`: either the writer loads that we are active,
        // or we load its request, and see all that it wrote before.
        light.barrier();
        // Acquire: pairs with the release in `clear_publish_request`, so that we see what was written while walks were
        // stopped.
        if or_mutant!(self.request.load(Acquire) != NOTHING => false, "reader: request unseen") {
            self.acknowledge(light, WhenStopped::Wait);
        }
    }

    /// Acknowledges the requests. Returns whether the slot's per-CPU pages may be touched; `None` if the reader stays
    /// idle.
    #[cold]
    #[inline(never)]
    fn acknowledge(&self, light: Light, when_stopped: WhenStopped) -> Option<bool> {
        loop {
            // Acquire: pairs with the release in `request_grace_period`. We see the swap before it, so that what we
            // walk from here on is not what the writer waits for. Pairs also with `clear_publish_request` and `lend`,
            // whose release sequences continue through the read-modify-writes of other bits.
            let request = self.request.load(Acquire);
            let mut acknowledged = ACTIVE | request & ACKNOWLEDGED;
            if request & STOPPED != 0 {
                match when_stopped {
                    WhenStopped::Wait => {
                        self.wait_outside(light);
                        continue;
                    }
                    WhenStopped::GiveUp => {
                        self.leave();
                        return None;
                    }
                    WhenStopped::GoOn => acknowledged |= NO_WALK,
                }
            }
            // Release: pairs with the acquire in `has_acknowledged`, so that our walks before are over, and in
            // `has_released_caches`, so that our accesses to the per-CPU pages before are seen. A light half that is a
            // fence orders both already; with membarrier, where it is none, only this does.
            self.active.store(acknowledged, Release);
            return Some(request & REVOKED == 0);
        }
    }

    /// Is idle until walks are no longer stopped, and active again.
    fn wait_outside(&self, light: Light) {
        let mut backoff = Backoff::default();
        self.become_idle(WAITING);
        while self.request.load(Relaxed) & STOPPED != 0 {
            backoff.wait();
        }
        self.active.store(ACTIVE, Relaxed);
        // Pairs with the heavy half in `Writer::stop` and `Writer::round`, for the store before, as in `enter`.
        light.barrier();
    }

    /// Enters if nothing is requested. If true, the slot's per-CPU pages may be touched.
    #[inline(always)]
    pub(super) fn try_enter_for_caches(&self, light: Light) -> bool {
        self.set_active();
        // Pairs with the heavy half in `Revoked::revoke`, `Writer::stop` and `Writer::round`: either they load that we
        // are active, or we load their request.
        light.barrier();
        // Acquire: pairs with the release in `lend`, so that we see what the drain left, and in
        // `clear_publish_request`.
        let free = or_mutant!(self.request.load(Acquire) == NOTHING => true, "caches: revocation unseen");
        if !free {
            self.leave();
        }
        free
    }

    /// Enters. Returns whether the slot's per-CPU pages may be touched; `None` if the reader stays idle. Waits for no
    /// drain.
    #[inline(never)]
    pub(super) fn enter_for_caches(&self, light: Light, when_stopped: WhenStopped) -> Option<bool> {
        if self.try_enter_for_caches(light) {
            return Some(true);
        }
        // Idle in between: the store is made again, and ordered before the load of the request by the same pair.
        self.set_active();
        light.barrier();
        self.acknowledge(light, when_stopped)
    }

    #[inline(always)]
    fn set_active(&self) {
        or_mutant!(self.active.store(ACTIVE, Relaxed) => (), "reader: entry unseen");
    }

    /// Becomes idle.
    #[inline(always)]
    pub(super) fn leave(&self) {
        self.become_idle(NOTHING);
    }

    #[inline(always)]
    fn become_idle(&self, idle: u32) {
        // Release: pairs with the acquire in `has_left`, `has_released_caches` and `has_acknowledged`, so that our
        // accesses are over before what the writer or drain does next.
        self.active.store(idle, Release);
    }

    /// True if the reader has waited for a stop that is over, and has not noticed yet.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn is_held_up(&self) -> bool {
        // Relaxed: a hint.
        self.active.load(Relaxed) == WAITING && self.request.load(Relaxed) & STOPPED == 0
    }

    /// Stops walks. Relaxed: behind the heavy half that follows, the reader loads this, or the writer loads that the
    /// reader is active.
    pub(super) fn stop(&self) {
        self.request.fetch_or(STOP, Relaxed);
    }

    /// Stops walks at a slot that the publish has not visited: see [`Visited`](super::visited::Visited).
    pub(super) fn stop_late(&self) {
        // Acquire: pairs with the release in `clear_publish_request`. If that was before, we see that the stop is over.
        self.request.fetch_or(or_mutant!(LATE => STOP, "registration: takes back the next stop"), Acquire);
    }

    /// Takes back [`stop_late`](Self::stop_late).
    pub(super) fn clear_late(&self) {
        // Relaxed: only the slot's owner, whose own store this is, waits for it.
        self.request.fetch_and(!or_mutant!(LATE => STOP, "registration: takes back the next stop"), Relaxed);
    }

    /// True if nothing is requested.
    #[cfg(loom)]
    pub(super) fn is_clear(&self) -> bool {
        self.request.load(Relaxed) == NOTHING
    }

    /// Requests an acknowledgement of this phase.
    pub(super) fn request_grace_period(&self, phase: Phase) {
        // Release: pairs with the acquire in `acknowledge`: a reader that becomes active because of this very store has
        // to see the swap before it.
        or_mutant!(
            _ = self.request.fetch_or(phase.0, Release) => self.request.store(phase.0, Release),
            "request: a grace period ends a revocation"
        );
    }

    /// Clears what a publish has requested.
    pub(super) fn clear_publish_request(&self) {
        // Release: pairs with the acquire in `enter`, `try_enter_for_caches` and `acknowledge`.
        or_mutant!(
            _ = self.request.fetch_and(!(STOPPED | GRACE_PERIOD_BITS), Release) => self.request.store(NOTHING, Release),
            "request: a publish ends a revocation"
        );
    }

    /// Takes the use of the slot's per-CPU pages from its owner. Relaxed: behind the heavy half that follows, the owner
    /// loads this, or the drain loads that the owner is active. It is a read-modify-write, so that it continues the
    /// release sequence of a store before it, which `acknowledge` may need.
    pub(super) fn revoke(&self) {
        or_mutant!(
            _ = self.request.fetch_or(REVOKED, Relaxed) => self.request.store(REVOKED, Release),
            "request: a revocation ends a publish's request"
        );
    }

    /// Gives the use of the slot's per-CPU pages back to its owner.
    pub(super) fn lend(&self) {
        // Release: pairs with the acquire in `try_enter_for_caches` and `acknowledge`, so that the owner sees what the
        // drain has left.
        or_mutant!(
            _ = self.request.fetch_and(!REVOKED, Release) => self.request.store(NOTHING, Release),
            "request: the end of a revocation ends a publish's request"
        );
    }

    /// True if the reader is idle, or became active after this grace period began. To be called after the request and
    /// the heavy half.
    pub(super) fn has_acknowledged(&self, phase: Phase) -> bool {
        // Acquire: pairs with the release in `leave` and `acknowledge`: the walks that are waited for are over.
        let active = self.active.load(Acquire);
        is_idle(active) || active & GRACE_PERIOD_BITS == phase.0
    }

    /// True if the reader is idle. To be called after a heavy half behind what walks of now have to see.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        // Acquire: pairs with the release in `leave`: the walks before are over.
        is_idle(self.active.load(Acquire))
    }

    /// True if the reader is idle, or does not walk. To be called after `stop` and the heavy half.
    #[inline]
    pub(super) fn has_left(&self) -> bool {
        // Acquire: pairs with the release in `leave` and `acknowledge`: the reader's loads are over before the table is
        // rewritten.
        let active = self.active.load(Acquire);
        or_mutant!(is_idle(active) || active & NO_WALK != 0 => true, "stop: writer does not wait")
    }

    /// True if the owner is idle, or does not touch the slot's per-CPU pages. To be called after `revoke` and the heavy
    /// half.
    pub(super) fn has_released_caches(&self) -> bool {
        // Acquire: pairs with the release in `leave` and `acknowledge`: the drain sees what the owner did to the pages.
        let active = self.active.load(Acquire);
        or_mutant!(is_idle(active) || active & REVOKED != 0 => true, "caches: drain does not wait")
    }

    /// True if the owner may be amid an access to the slot's per-CPU pages: for a child of a fork, where the owner
    /// can't continue.
    pub(super) fn may_touch_caches(&self) -> bool {
        let active = self.active.load(Acquire);
        !is_idle(active) && active & REVOKED == 0
    }

    /// Clears all requests: for a child of a fork, where the threads that made them are gone.
    pub(super) fn clear(&self) {
        self.request.store(NOTHING, Release);
    }
}
