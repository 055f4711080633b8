//! Grace periods: how a writer waits for readers.
//!
//! A grace period is a wait until every walk that began before it has ended. Walks that begin meanwhile are not waited
//! for:
//!
//! ```text
//!   start_grace_period, behind the swap      wait_grace_period, before the next swap
//!   -----------------------------------      ---------------------------------------------------------
//!   owe one round; two if one is owed        while a round is owed:
//!   critical sections:                           if each reader is idle, once, behind that heavy half:
//!       heavy half                                   nothing is owed
//!       if each reader is idle:                  or if each plain reader was in a quiescent state:
//!           nothing is owed                          flip the phase; one round less is owed
//!   quiescent states:                            else: a round
//!       if a round is owed already:
//!           try a round, without waiting     round
//!           if it does not end: return       ---------------------------------------------------------
//!       for each slot: request this phase    for each slot: request |= GRACE_PERIOD with this phase
//!                                            heavy half
//!                                            for each slot: wait until it is idle, or has acknowledged
//!                                                this phase (it became active after the request)
//!                                            clear the request; flip the phase; owe one round less
//! ```
//!
//! A reader that is idle behind a swap and a heavy half sees the swap when it is active again, so that it has no older
//! walk: a publish that finds each reader idle requests nothing of it, and most do.
//!
//! One round is enough if no reader could have acknowledged its request before the swap. That is not so if the request
//! of an earlier grace period still stands: a reader may have acknowledged it, and walk the table of before this swap.
//! Then the first round ends the earlier grace period, and the second, with the other phase, this one.
//!
//! A reader may load a request, sleep, and acknowledge it only after its round has ended. That late acknowledgement has
//! the other phase than the next round, which so does not take it for its own. The round after the next has the same
//! phase again, but begins only once the reader has acknowledged the next, which overwrites the late one:
//!
//! ```text
//!   round, phase 0: the reader, which has acknowledged 0, loads the request once more, and sleeps; the round ends
//!   round, phase 1: the reader stores its late 0, which does not count; then it acknowledges 1; the round ends
//!   round, phase 0: begins with 1 in the reader's word, or with the reader idle: its next 0 is of this round
//! ```

use super::{
    ReaderProtocol, WaitError, Writer,
    handshake::Phase,
    reader_slot::ReaderSlot,
    writer::{ClearRequests, wait},
};
use crate::sync::{
    atomic::{Ordering::SeqCst, fence},
    or_mutant,
};

/// The state of grace periods, from one writer to the next.
#[derive(Debug)]
pub(super) struct GracePeriods {
    phase: Phase,
    owed: Owed,
    /// True from the end of the last `start_grace_period` to the end of a round: a heavy half has passed behind it, so
    /// that a reader that is idle from then on has no walk of before; or quiescent states of this phase are requested.
    has_begun: bool,
}

/// The rounds to wait for until all walks from before the last [`Writer::start_grace_period`] have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owed {
    /// Nothing.
    Nothing,
    /// One: the acknowledgements of the current phase.
    OneRound,
    /// Two: the acknowledgements of the current phase, and those of the other. Readers may have acknowledged the
    /// current one before the last `start_grace_period`, and walk since.
    TwoRounds,
}

impl GracePeriods {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::FIRST, owed: Owed::Nothing, has_begun: false }
    }

    /// Requests of a new slot what every other slot is requested of: an acknowledgement of the grace period that is
    /// owed.
    pub(super) fn join(&self, slot: &ReaderSlot) {
        if self.owed != Owed::Nothing {
            slot.quiescent_state().request_grace_period(self.phase);
        }
    }
}

impl Writer<'_> {
    /// Starts a grace period: a wait for all walks of now. [`Writer::wait_grace_period`] waits for its end.
    ///
    /// A scheme calls it behind its swap, so that each reader that acknowledges it has seen the swap. Waits for
    /// nothing: readers of [`ReaderProtocol::Quiescent`] acknowledge it in their next quiescent state, and under
    /// [`ReaderProtocol::CriticalSection`] it ends at once if no reader is active just now. If the barrier pair fails,
    /// the grace period does not end, and the next call that has to wait for it reports the error.
    ///
    /// A second start before the end of the first is right, and costs another grace period: readers may have
    /// acknowledged the first already, and walk again.
    pub fn start_grace_period(&mut self) {
        let periods = &mut *self.grace_periods;
        let again = or_mutant!(periods.owed != Owed::Nothing => false, "grace period: an old acknowledgement counts");
        periods.owed = if again { Owed::TwoRounds } else { Owed::OneRound };
        periods.has_begun = false;
        if self.protocol == ReaderProtocol::Quiescent {
            self.request_quiescent_states(again);
            return;
        }
        // Pairs with the light half in `Handshake::enter` and its siblings: a reader that we load as idle behind it sees
        // the swap when it enters.
        match or_mutant!(self.heavy() => Ok(()), "grace period: idle without a barrier") {
            Ok(()) => {
                self.grace_periods.has_begun = true;
                // If no reader is active, the grace period ends here, and the next writer has nothing to wait for.
                self.end_if_idle();
            }
            Err(error) => self.defer(error),
        }
    }

    /// Starts a grace period under [`ReaderProtocol::Quiescent`].
    fn request_quiescent_states(&mut self, again: bool) {
        if again {
            // If all readers have acknowledged the grace period before, this one can start at once. If the barrier pair
            // fails, the version is visible already, so that the publish has succeeded.
            self.round(false).unwrap_or_else(|error| self.defer(error));
            if self.grace_periods.owed == Owed::TwoRounds {
                return;
            }
        }
        let phase = self.grace_periods.phase;
        // All slots: a reader that claims one later acknowledges this in its first quiescent state.
        self.slots.iter().for_each(|slot| slot.quiescent_state().request_grace_period(phase));
        self.grace_periods.has_begun = true;
    }

    /// Leaves the error of a heavy half to a later call.
    fn defer(&mut self, error: WaitError) {
        if let WaitError::Barrier(error) = error {
            self.unreported = Some(error);
        }
    }

    /// Ends all grace periods that are owed if each reader is idle, once, behind the heavy half of the last start.
    fn end_if_idle(&mut self) -> bool {
        let idle = |slot: &ReaderSlot| or_mutant!(slot.handshake().is_idle() => true, "grace period: not idle");
        let over = self.grace_periods.has_begun && self.visited.slots(self.slots).all(idle);
        if over {
            self.grace_periods.owed = Owed::Nothing;
        }
        over
    }

    /// Under [`ReaderProtocol::Quiescent`], where no handle of an allocator has a slot: waits until each reader was in a
    /// quiescent state since the one grace period that is owed began, or is offline. `false` if that has to be a round.
    ///
    /// The requests are those of the start. Runs no heavy half: a reader that comes online runs a fence.
    fn await_quiescent_states(&mut self) -> Result<bool, WaitError> {
        let visit = self.visited.slots(self.slots);
        let is_plain = |slot: &ReaderSlot| or_mutant!(!slot.is_handle() => true, "grace period: handle unseen");
        let periods = &self.grace_periods;
        if periods.owed != Owed::OneRound || !periods.has_begun || !visit.all(is_plain) {
            return Ok(false);
        }
        // SeqCst: pairs with the fence in `QuiescentState::online`. Either we load that the reader is online, or it loads
        // our request, and sees the swap.
        or_mutant!(fence(SeqCst) => (), "grace period: no fence");
        let phase = self.grace_periods.phase;
        visit.try_for_each(|slot| self.wait(|| slot.quiescent_state().has_acknowledged(phase)))?;
        self.round_is_over();
        Ok(true)
    }

    /// A round has ended: the next has the other phase.
    fn round_is_over(&mut self) {
        let periods = &mut *self.grace_periods;
        periods.phase = periods.phase.next();
        periods.has_begun = false;
        periods.owed = match periods.owed {
            Owed::TwoRounds => Owed::OneRound,
            Owed::OneRound | Owed::Nothing => Owed::Nothing,
        };
    }

    /// Returns once every walk has ended that began before the last [`Writer::start_grace_period`], also one of an
    /// earlier publish.
    ///
    /// Delays no reader, and is not delayed by a stream of short walks: a reader that enters meanwhile acknowledges
    /// that its walk is a new one. Covers walks under [`ReaderProtocol::CriticalSection`] and
    /// [`ReaderProtocol::Quiescent`] only. A scheme calls it before its swap, since a publish must not fail behind the
    /// swap.
    ///
    /// # Errors
    /// Such a walk may still go on, and the publish is a [`Published::try_publish`](super::Published::try_publish); or
    /// the barrier pair failed.
    pub fn wait_grace_period(&mut self) -> Result<(), WaitError> {
        while self.grace_periods.owed != Owed::Nothing {
            let over = match self.protocol {
                ReaderProtocol::Quiescent => self.await_quiescent_states()?,
                ReaderProtocol::None | ReaderProtocol::PerEntry | ReaderProtocol::CriticalSection => self.end_if_idle(),
            };
            if !over {
                self.round(self.may_block)?;
            }
        }
        Ok(())
    }

    /// Returns once every walk that began before the call has ended: a whole grace period, for the same walks as
    /// [`Writer::wait_grace_period`]. Waits for readers whatever the call that publishes.
    ///
    /// # Errors
    /// The barrier pair failed: some walk may go on.
    pub fn synchronize(&mut self) -> Result<(), WaitError> {
        if self.grace_periods.owed != Owed::Nothing {
            // Readers that have acknowledged this phase may have begun a walk since.
            self.round(true)?;
        }
        // If the barrier pair fails or panics, readers may have acknowledged all the same, and walk across the next
        // swap. So this round is owed from now on: a grace period that starts behind that swap needs another phase.
        or_mutant!(
            self.grace_periods.owed = Owed::OneRound => (),
            "synchronize: an acknowledgement of a failed round counts"
        );
        self.round(true)?;
        // All walks from before the call have ended, and so all from before any `start_grace_period`.
        self.grace_periods.owed = Owed::Nothing;
        // Under `PerEntry` operations have a handshake of their own, which took no part.
        self.waited_for_operations = self.protocol != ReaderProtocol::PerEntry;
        Ok(())
    }

    /// Returns once every operation of an allocator's handle that began before the call has ended, unless
    /// [`Writer::synchronize`] has waited for them already.
    ///
    /// A scheme's own grace period need not cover them: a handle that remembers its first zone enters its slot, and does
    /// not walk.
    pub(super) fn wait_for_operations(&mut self) -> Result<(), WaitError> {
        if self.waited_for_operations {
            return Ok(());
        }
        if self.protocol != ReaderProtocol::PerEntry {
            return self.synchronize();
        }
        // An operation acknowledges by the handshake of its per-CPU pages. It may acknowledge the last of these rounds late,
        // whose phase the first of the next ones does not have: so two make up a grace period.
        self.round_of_caches(Phase::FIRST)?;
        self.round_of_caches(Phase::FIRST.next())
    }

    /// As `round`, for the handshakes of per-CPU pages under [`ReaderProtocol::PerEntry`], which no other round uses.
    fn round_of_caches(&self, phase: Phase) -> Result<(), WaitError> {
        let visit = self.visited.slots(self.slots);
        let _clear = ClearRequests::<true>(visit);
        visit.for_each(|slot| slot.cache_handshake(self.protocol).request_grace_period(phase));
        // Pairs with the light half in `Handshake::try_enter_for_caches` and `enter_for_caches`, as in `round`.
        self.heavy()?;
        visit.try_for_each(|slot| wait(true, || slot.cache_handshake(self.protocol).has_acknowledged(phase)))
    }

    /// Requests the current phase, and waits until every reader has acknowledged it; without `may_block`, looks once.
    /// Then the other phase is next.
    fn round(&mut self, may_block: bool) -> Result<(), WaitError> {
        let phase = self.grace_periods.phase;
        let quiescent = self.protocol == ReaderProtocol::Quiescent;
        let visit = self.visited.slots(self.slots);
        let clear = ClearRequests::<false>(visit);
        visit.for_each(|slot| {
            if quiescent {
                slot.quiescent_state().request_grace_period(phase);
            }
            // Also under `Quiescent`: a handle with per-CPU pages is active for each operation instead of online.
            slot.handshake().request_grace_period(phase);
        });
        // Pairs with the light half in `Handshake::enter` and `QuiescentState::online`: behind it a reader loads the
        // request and sees the swap, or we load that it is active or online.
        or_mutant!(self.heavy()? => (), "grace period: no barrier");
        let acknowledged = |slot: &ReaderSlot| {
            or_mutant!(
                slot.handshake().has_acknowledged(phase)
                    && (!quiescent || slot.quiescent_state().has_acknowledged(phase)) => true,
                "grace period: not waited for"
            )
        };
        visit.try_for_each(|slot| wait(may_block, || acknowledged(slot)))?;
        drop(clear);
        self.round_is_over();
        Ok(())
    }
}
