//! What a scheme can do to readers while it publishes.

use super::{
    Grace, PublishError, Version,
    seat::{Question, Seat},
};
use crate::sync::{Backoff, fault};

/// The writer's powers over readers, held by one at a time.
#[derive(Debug)]
pub struct Writer<'p> {
    pub(super) seats: &'p [Seat],
    pub(super) grace: Grace,
    pub(super) heavy: fn(),
    pub(super) version: Version,
    pub(super) asking: &'p mut Asking,
    /// Whether whoever publishes would wait for readers.
    pub(super) patient: bool,
}

/// What readers are asked, from one writer to the next.
#[derive(Debug)]
pub(super) struct Asking {
    question: Question,
    /// Whether it has been asked, and not everybody was seen to have answered.
    open: bool,
}

impl Asking {
    pub(super) const fn new() -> Self {
        Self { question: Question::FIRST, open: false }
    }
}

impl Writer<'_> {
    /// The number of the version that is being published.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Does something while no reader is in its seat, and none gets in: closes every gate, waits
    /// until all have left, opens again.
    ///
    /// Every walk under [`Grace::Section`] that began before has then ended. A reader that never
    /// leaves blocks it for ever.
    pub fn stop<R>(&mut self, alone: impl FnOnce() -> R) -> R {
        self.seats.iter().for_each(|seat| seat.door().close());
        let _open = Open(self.seats);
        if !fault("stop: no barrier") {
            // Pairs with the light half in `Door::enter` and `Door::enter_drawer`.
            (self.heavy)();
        }
        self.seats.iter().for_each(|seat| seat.door().wait_empty());
        alone()
    }

    /// Asks readers to tell the writer when the walks of now have ended; [`Writer::settle`] waits for that.
    ///
    /// A scheme calls it behind its swap, so that whoever answers has seen that. Waits for nobody:
    /// readers of [`Grace::Quiescent`] answer in their own time, and of [`Grace::Section`] it is seen
    /// whether one is inside just now.
    pub fn ask(&mut self) {
        self.asking.open = true;
        if self.grace == Grace::Quiescent {
            self.seats.iter().for_each(|seat| seat.turn().ask(self.asking.question));
        } else {
            // Where nobody is, the next writer need not ask again.
            let _ = self.round(false);
        }
    }

    /// Sees to it that every walk has ended that began before the last [`Writer::ask`].
    ///
    /// Holds no reader up, and no stream of short walks holds it up: who goes into its seat
    /// meanwhile says there that it is a new walk. Knows of walks under [`Grace::Section`] and
    /// [`Grace::Quiescent`] only.
    ///
    /// # Errors
    /// Such a walk may still go on, and whoever called [`Published::try_publish`](super::Published::try_publish)
    /// would not wait.
    pub fn settle(&mut self) -> Result<(), PublishError> {
        if self.asking.open { self.round(self.patient) } else { Ok(()) }
    }

    /// Returns once every walk that began before the call has ended: a grace period, as
    /// [`Writer::settle`] knows of them. Waits whatever it takes.
    pub fn synchronize(&mut self) {
        if self.asking.open {
            // Who has answered this question may have begun a walk since.
            let _ = self.round(true);
        }
        let _ = self.round(true);
    }

    /// Asks the question until everybody has answered; if `patient` is false, once.
    fn round(&mut self, patient: bool) -> Result<(), PublishError> {
        let question = self.asking.question;
        let quiescent = self.grace == Grace::Quiescent;
        for seat in self.seats {
            if quiescent {
                seat.turn().ask(question);
            }
            // Also where readers are on line: those who keep something at their seat go in and out.
            seat.door().ask(question);
        }
        let open = Open(self.seats);
        if !fault("settle: no barrier") {
            // Pairs with the light half in `Door::enter` and `Turn::online`.
            (self.heavy)();
        }
        let answered = |seat: &Seat| {
            seat.door().has_answered(question) && (!quiescent || seat.turn().has_answered(question))
                || fault("settle: nobody waits")
        };
        for seat in self.seats {
            let mut backoff = Backoff::default();
            while !answered(seat) {
                if !patient {
                    return Err(PublishError::Busy);
                }
                backoff.wait();
            }
        }
        drop(open);
        *self.asking = Asking { question: question.next(), open: false };
        Ok(())
    }
}

/// Opens all gates when it goes, also out of a panic.
struct Open<'p>(&'p [Seat]);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|seat| seat.door().open());
    }
}
