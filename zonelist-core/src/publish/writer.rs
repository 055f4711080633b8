//! What a scheme can do to readers while it publishes.

use super::{BarrierError, ReaderProtocol, Version, handshake::Phase, reader_slot::ReaderSlot};
use crate::sync::{Backoff, or_mutant};

/// The writer's powers over readers, held by one at a time.
#[derive(Debug)]
pub struct Writer<'p> {
    pub(super) slots: &'p [ReaderSlot],
    pub(super) grace: ReaderProtocol,
    pub(super) heavy: fn() -> Result<(), BarrierError>,
    pub(super) version: Version,
    pub(super) grace_periods: &'p mut GracePeriods,
    /// Whether whoever publishes would wait for readers.
    pub(super) may_block: bool,
    /// A heavy half that failed, and that no call has reported yet.
    pub(super) unreported: Option<BarrierError>,
}

/// What readers are asked, from one writer to the next.
#[derive(Debug)]
pub(super) struct GracePeriods {
    phase: Phase,
    owed: Owed,
}

/// What has to be waited for until all walks from before the last [`Writer::start_grace_period`] have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owed {
    /// Nothing.
    Nothing,
    /// The answers to the question that is asked.
    Answers,
    /// Those, and then the answers to another question: readers may have answered the first before the last `ask`, and
    /// have begun to walk since.
    AnswersTwice,
}

impl GracePeriods {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::FIRST, owed: Owed::Nothing }
    }
}

/// Why a writer could not wait for readers. Readers are asked nothing any more, and go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// A walk goes on, and the caller would not wait for it.
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
    /// The number of the version that is being published; in [`Reclaim::synchronize`](super::Reclaim::synchronize), of the
    /// last one.
    ///
    /// If the publish fails, or panics, the next has the same number, whatever readers have seen of it meanwhile. So a
    /// number by which walks find out that they were torn, or that says which memory is spare, must not be made of this: a
    /// scheme counts by itself what it has written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Does something while no reader is in its seat, and none gets in: closes every gate, waits
    /// until all have left, opens again.
    ///
    /// Every walk under [`ReaderProtocol::CriticalSection`] that began before has then ended. A reader that never
    /// leaves blocks it for ever. `alone` may panic; it must not walk, nor wait for anything that a reader holds.
    ///
    /// # Errors
    /// `alone` was not called: a walk goes on and whoever called
    /// [`Published::try_publish`](super::Published::try_publish) would not wait, or the barrier pair failed. The
    /// gates are open again.
    pub fn stop<R>(&mut self, alone: impl FnOnce() -> R) -> Result<R, WaitError> {
        let _open = Open(self.slots);
        self.slots.iter().for_each(|seat| seat.handshake().stop());
        // Pairs with the light half in `Handshake::enter` and `Handshake::enter_for_caches`.
        or_mutant!(self.heavy()? => (), "stop: no barrier");
        for seat in self.slots {
            self.wait(|| seat.handshake().has_left())?;
        }
        Ok(alone())
    }

    /// Asks readers to tell the writer when the walks of now have ended; [`Writer::wait_grace_period`] waits for that.
    ///
    /// A scheme calls it behind its swap, so that each reader that answers has seen that. Waits for nothing:
    /// readers of [`ReaderProtocol::Quiescent`] answer in their own time, and of [`ReaderProtocol::CriticalSection`] it is seen
    /// whether one is inside just now. If the barrier pair fails, that stays open, and the next call that
    /// would have to wait for it says so.
    ///
    /// To ask again before that is settled is right, and costs a grace period more: readers may have answered already,
    /// and walk again, so that `settle` then waits for their answers to this question and to another one.
    pub fn start_grace_period(&mut self) {
        if or_mutant!(self.grace_periods.owed != Owed::Nothing => false, "grace period: an old acknowledgement counts")
        {
            self.grace_periods.owed = Owed::AnswersTwice;
            // If all have answered the question before, this one can be asked at once.
            self.try_round();
            if self.grace_periods.owed == Owed::AnswersTwice {
                return;
            }
        }
        self.grace_periods.owed = Owed::Answers;
        if self.grace == ReaderProtocol::Quiescent {
            self.slots.iter().for_each(|seat| seat.quiescent_state().request_grace_period(self.grace_periods.phase));
        } else {
            // Where no reader is inside, the next writer need not ask again.
            self.try_round();
        }
    }

    /// One round that waits for nothing. If the barrier pair fails, that is noted: the version is visible already, so that
    /// the publish has succeeded.
    fn try_round(&mut self) {
        if let Err(WaitError::Barrier(error)) = self.round(false) {
            self.unreported = Some(error);
        }
    }

    /// Sees to it that every walk has ended that began before the last [`Writer::start_grace_period`], however often that was called and
    /// by whichever publish.
    ///
    /// Holds no reader up, and no stream of short walks holds it up: who goes into its seat
    /// meanwhile says there that it is a new walk. Knows of walks under [`ReaderProtocol::CriticalSection`] and
    /// [`ReaderProtocol::Quiescent`] only. A scheme calls it before its swap: behind that, a publish must not fail.
    ///
    /// # Errors
    /// Such a walk may still go on, and whoever called [`Published::try_publish`](super::Published::try_publish)
    /// would not wait; or the barrier pair failed.
    pub fn wait_grace_period(&mut self) -> Result<(), WaitError> {
        while self.grace_periods.owed != Owed::Nothing {
            self.round(self.may_block)?;
        }
        Ok(())
    }

    /// Returns once every walk that began before the call has ended: a grace period, as
    /// [`Writer::wait_grace_period`] knows of them. Waits whatever it takes.
    ///
    /// # Errors
    /// The barrier pair failed: some walk may go on.
    pub fn synchronize(&mut self) -> Result<(), WaitError> {
        if self.grace_periods.owed != Owed::Nothing {
            // Readers that have answered this question may have begun a walk since.
            self.round(true)?;
        }
        // If the barrier pair fails or panics, readers may have answered all the same, and go on to walk across the next swap:
        // this question must be settled before, or what is asked behind the swap is another one.
        or_mutant!(
            self.grace_periods.owed = Owed::Answers => (),
            "synchronize: an acknowledgement of a failed round counts"
        );
        self.round(true)?;
        // All walks from before the call, and so from before any `ask`.
        self.grace_periods.owed = Owed::Nothing;
        Ok(())
    }

    /// Asks the question until every reader has answered; if `patient` is false, once. Then another question is next.
    fn round(&mut self, patient: bool) -> Result<(), WaitError> {
        let phase = self.grace_periods.phase;
        let quiescent = self.grace == ReaderProtocol::Quiescent;
        let open = Open(self.slots);
        for seat in self.slots {
            if quiescent {
                seat.quiescent_state().request_grace_period(phase);
            }
            // Also where readers are on line: those who keep something at their seat go in and out.
            seat.handshake().request_grace_period(phase);
        }
        // Pairs with the light half in `Handshake::enter` and `QuiescentState::online`.
        or_mutant!(self.heavy()? => (), "grace period: no barrier");
        let acknowledged = |slot: &ReaderSlot| {
            or_mutant!(
                slot.handshake().has_acknowledged(phase)
                    && (!quiescent || slot.quiescent_state().has_acknowledged(phase)) => true,
                "grace period: not waited for"
            )
        };
        for seat in self.slots {
            wait(patient, || acknowledged(seat))?;
        }
        drop(open);
        let owed = match self.grace_periods.owed {
            Owed::AnswersTwice => Owed::Answers,
            Owed::Answers | Owed::Nothing => Owed::Nothing,
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

/// Waits until something is done, if `patient`.
fn wait(patient: bool, done: impl Fn() -> bool) -> Result<(), WaitError> {
    let mut backoff = Backoff::default();
    while !done() {
        if !patient {
            return Err(WaitError::Busy);
        }
        backoff.wait();
    }
    Ok(())
}

/// Opens all gates when it goes, also out of a panic.
struct Open<'p>(&'p [ReaderSlot]);

impl Drop for Open<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.iter().for_each(|seat| seat.handshake().clear_publish_request());
    }
}
