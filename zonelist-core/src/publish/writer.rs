//! What a scheme can do to readers while it publishes: stop walks, and wait for grace periods.
//!
//! A grace period is a wait until every walk that began before it has ended. Walks that begin meanwhile are not waited
//! for:
//!
//! ```text
//!   start_grace_period, behind the swap      round, until a publish needs its end
//!   -----------------------------------      ---------------------------------------------------------
//!   if a round is owed:                      for each slot: request |= GRACE_PERIOD with this phase
//!       owe two rounds                       heavy half
//!       try a round, without waiting         for each slot: wait until it is idle, or has acknowledged
//!       if it does not end: return               this phase (it became active after the request)
//!   owe one round                            clear the request; flip the phase; owe one round less
//!   try it, or only request it (Quiescent)
//! ```
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

use super::{BarrierError, ReaderProtocol, Version, handshake::Phase, reader_slot::ReaderSlot, stamp::Stamp};
use crate::{
    chunks::Chunks,
    sync::{Backoff, or_mutant},
};

/// What a scheme can do to readers, given to one publish at a time.
#[derive(Debug)]
pub struct Writer<'p> {
    pub(super) slots: &'p Chunks<'static, ReaderSlot>,
    pub(super) protocol: ReaderProtocol,
    pub(super) heavy: fn() -> Result<(), BarrierError>,
    pub(super) version: Version,
    pub(super) grace_periods: &'p mut GracePeriods,
    /// True if the publish may wait for readers.
    pub(super) may_block: bool,
    /// The stamp of the lists, with the writers' copy of its number.
    pub(super) stamp: (&'p Stamp, &'p mut usize),
    /// True from [`Writer::changing`] on.
    pub(super) is_changing: bool,
    /// True if all operations of handles that had begun before the call have ended.
    pub(super) waited_for_operations: bool,
    /// The error of a heavy half that no call has reported yet.
    pub(super) unreported: Option<BarrierError>,
}

/// The state of grace periods, from one writer to the next.
#[derive(Debug)]
pub(super) struct GracePeriods {
    phase: Phase,
    owed: Owed,
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
        Self { phase: Phase::FIRST, owed: Owed::Nothing }
    }

    /// Requests of a new slot what every other slot is requested of: an acknowledgement of the grace period that is
    /// owed.
    pub(super) fn join(&self, slot: &ReaderSlot) {
        if self.owed != Owed::Nothing {
            slot.quiescent_state().request_grace_period(self.phase);
        }
    }
}

/// Why a writer could not wait for readers. Its requests are cleared, and readers go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// A walk goes on, and the caller does not wait for it.
    #[error("a walk goes on, and the caller does not wait; expected none, or a caller that does")]
    Busy,
    /// The barrier pair failed, now or behind the swap of an earlier publish: walks may go on unseen.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// This process is the child of a fork that cut a publish short, or left a walk behind that never ends: see
    /// [`Published::after_fork`](super::Published::after_fork).
    #[error("a fork has left a publish or a walk behind; expected neither to be under way then")]
    Forked,
}

impl Writer<'_> {
    /// The number of the version that is being published; in [`Reclaim::synchronize`](super::Reclaim::synchronize), of
    /// the last one.
    ///
    /// If the publish fails, or panics, the next has the same number, whatever readers have seen of it meanwhile. So a
    /// number by which walks find out that they were torn, or that says which memory is spare, must not be made of
    /// this: a scheme counts by itself what it has written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Announces that from now on the call changes what walks show: see
    /// [`Changes::Announced`](super::Changes::Announced). A second call changes nothing, nor does any call under
    /// [`Changes::FromTheCall`](super::Changes::FromTheCall), which has announced it already.
    ///
    /// Costs a store and a release fence. To be called before the first store that a walk could load, and behind all
    /// waits for readers. If it is called later, a reader may remember a zone with which no version begins.
    pub fn changing(&mut self) {
        if !self.is_changing {
            let (stamp, kept) = &mut self.stamp;
            stamp.begin(kept);
            self.is_changing = true;
        }
    }

    /// The end of what [`Writer::changing`] has announced, if it has. It counts also if the publish has `failed`.
    pub(super) fn changed(&mut self, failed: bool) {
        let _ = failed;
        if self.is_changing {
            let (stamp, kept) = &mut self.stamp;
            or_mutant!(
                stamp.end(kept) => if failed { stamp.take_back(kept) } else { stamp.end(kept) },
                "stamp: a failed publish does not count"
            );
        }
    }

    /// Calls `alone` while no reader walks, and announces it as [`changing`](Self::changing) does: requests a stop, waits
    /// until each is idle or active without a walk, and clears the request after.
    ///
    /// Every walk under [`ReaderProtocol::CriticalSection`] that began before has then ended. A reader that never ends
    /// its walk blocks it for ever. `alone` may panic; it must not walk, nor wait for anything that a reader holds.
    ///
    /// # Errors
    /// `alone` was not called: a walk goes on and the publish is a
    /// [`Published::try_publish`](super::Published::try_publish), or the barrier pair failed. Walks are not stopped any
    /// more.
    pub fn stop<R>(&mut self, alone: impl FnOnce() -> R) -> Result<R, WaitError> {
        let _clear = ClearRequests::<false>(self.slots);
        self.slots.iter().for_each(|slot| slot.handshake().stop());
        // Pairs with the light half in `enter`, `try_enter_for_caches`, `enter_for_caches` and `wait_outside`: behind
        // it a reader loads the stop, or we load that it is active.
        or_mutant!(self.heavy()? => (), "stop: no barrier");
        self.slots.iter().try_for_each(|slot| self.wait(|| slot.handshake().has_left()))?;
        // Behind the wait, so that readers remember their first zones until it is over.
        self.changing();
        Ok(alone())
    }

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
        if or_mutant!(self.grace_periods.owed != Owed::Nothing => false, "grace period: an old acknowledgement counts")
        {
            self.grace_periods.owed = Owed::TwoRounds;
            // If all readers have acknowledged the grace period before, this one can start at once.
            self.try_round();
            if self.grace_periods.owed == Owed::TwoRounds {
                return;
            }
        }
        self.grace_periods.owed = Owed::OneRound;
        if self.protocol == ReaderProtocol::Quiescent {
            let phase = self.grace_periods.phase;
            self.slots.iter().for_each(|slot| slot.quiescent_state().request_grace_period(phase));
        } else {
            // If no reader is active, the grace period ends here, and the next writer has nothing to wait for.
            self.try_round();
        }
    }

    /// One round that does not wait. If the barrier pair fails, the error is kept for a later call: the version is
    /// visible already, so that the publish has succeeded.
    fn try_round(&mut self) {
        if let Err(WaitError::Barrier(error)) = self.round(false) {
            self.unreported = Some(error);
        }
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
            self.round(self.may_block)?;
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
        let _clear = ClearRequests::<true>(self.slots);
        let handshakes = || self.slots.iter().map(|slot| slot.cache_handshake(self.protocol));
        handshakes().for_each(|handshake| handshake.request_grace_period(phase));
        // Pairs with the light half in `Handshake::try_enter_for_caches` and `enter_for_caches`, as in `round`.
        self.heavy()?;
        handshakes().try_for_each(|handshake| wait(true, || handshake.has_acknowledged(phase)))
    }

    /// Requests the current phase, and waits until every reader has acknowledged it; without `may_block`, looks once.
    /// Then the other phase is next.
    fn round(&mut self, may_block: bool) -> Result<(), WaitError> {
        let phase = self.grace_periods.phase;
        let quiescent = self.protocol == ReaderProtocol::Quiescent;
        let clear = ClearRequests::<false>(self.slots);
        self.slots.iter().for_each(|slot| {
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
        self.slots.iter().try_for_each(|slot| wait(may_block, || acknowledged(slot)))?;
        drop(clear);
        let owed = match self.grace_periods.owed {
            Owed::TwoRounds => Owed::OneRound,
            Owed::OneRound | Owed::Nothing => Owed::Nothing,
        };
        *self.grace_periods = GracePeriods { phase: phase.next(), owed };
        Ok(())
    }

    /// Runs the heavy half.
    fn heavy(&self) -> Result<(), WaitError> {
        let ordered = (self.heavy)();
        or_mutant!(ordered? => (), "writer: a failed barrier passes");
        Ok(())
    }

    fn wait(&self, done: impl Fn() -> bool) -> Result<(), WaitError> {
        wait(self.may_block, done)
    }
}

/// Waits until `done` is true; without `may_block`, calls it once.
fn wait(may_block: bool, done: impl Fn() -> bool) -> Result<(), WaitError> {
    let mut backoff = Backoff::default();
    while !done() {
        if !may_block {
            return Err(WaitError::Busy);
        }
        backoff.wait();
    }
    Ok(())
}

/// Clears a publish's requests at all slots when it is dropped, also out of a panic: of the readers' handshakes, or of
/// those of per-CPU pages.
struct ClearRequests<'p, const CACHES: bool>(&'p Chunks<'static, ReaderSlot>);

impl<const CACHES: bool> Drop for ClearRequests<'_, CACHES> {
    #[inline]
    fn drop(&mut self) {
        self.0.iter().for_each(|slot| match CACHES {
            false => slot.handshake().clear_publish_request(),
            true => slot.cache_handshake(ReaderProtocol::PerEntry).clear_publish_request(),
        });
    }
}
