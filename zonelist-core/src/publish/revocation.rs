//! Taking away what readers keep at their slots.

use super::{Barrier, BarrierError, Published, Scheme, reader_slot::ReaderSlot};
use crate::sync::{
    or_mutant,
    unmodelled::{
        AtomicUsize,
        Ordering::{Relaxed, Release, SeqCst},
        fence,
    },
};

impl<S: Scheme, B: Barrier, const READERS: usize> Published<S, B, READERS> {
    /// Borrows what readers keep at these slots: hands each slot's number to `borrow` while its
    /// reader, who goes on, keeps its hands off.
    ///
    /// Waits for operations of handles that have begun, and for another drain; for no publish and no walk of a
    /// plain reader. With nothing wanted it neither waits nor runs the heavy half of the barrier pair.
    pub(crate) fn revoke_caches(
        &self,
        wanted: impl Fn(usize) -> bool,
        mut borrow: impl FnMut(usize),
    ) -> Result<(), BarrierError> {
        if !(0..READERS).any(&wanted) {
            return Ok(());
        }
        self.drains.with(|()| {
            let mut revoked = Revoked::take(self, wanted)?;
            for number in 0..READERS {
                if revoked.set[number] {
                    self.seats[number].wait_caches_released(S::PROTOCOL);
                    let at = Emptying::new(&self.emptying, number);
                    borrow(number);
                    drop(at);
                    revoked.lend(number);
                }
            }
            Ok(())
        })
    }

    /// Reports a heavy half that failed behind the swap of a publish, once.
    pub(crate) fn report_failure(&self) -> Result<(), BarrierError> {
        self.trouble.report_failure()
    }

    /// Has the next call that publishes, retires or drains report what this one can't.
    #[cfg(feature = "alloc")]
    pub(crate) fn put_off_report(&self, error: super::WaitError) {
        if let super::WaitError::Barrier(error) = error {
            self.trouble.note(error);
        }
    }

    pub(super) fn seats(&self) -> &[ReaderSlot; READERS] {
        &self.seats
    }

    /// The slot whose caches a drain was at; from now on there is none.
    pub(super) fn take_emptying(&self) -> Option<usize> {
        self.emptying.swap(0, Relaxed).checked_sub(1)
    }
}

/// Slots whose caches are revoked. Lent again when this goes: also behind a heavy half that failed, and out of a panic.
#[derive(Debug)]
pub(super) struct Revoked<'p, S: Scheme, B: Barrier, const READERS: usize> {
    published: &'p Published<S, B, READERS>,
    set: [bool; READERS],
}

impl<'p, S: Scheme, B: Barrier, const READERS: usize> Revoked<'p, S, B, READERS> {
    /// Revokes the caches of the slots wanted; who is at them has to be waited for. With the drain lock held.
    fn take(published: &'p Published<S, B, READERS>, wanted: impl Fn(usize) -> bool) -> Result<Self, BarrierError> {
        let mut revoked = Self { published, set: [false; READERS] };
        // Asked once a slot: what it keeps changes under us. Free slots and those of plain readers are revoked
        // like all others, since they may change hands before we are done.
        for number in (0..READERS).filter(|&number| wanted(number)) {
            if or_mutant!(false => !published.seats[number].is_handle(), "caches: a plain reader's slot not revoked") {
                continue;
            }
            revoked.set[number] = true;
            published.seats[number].cache_handshake(S::PROTOCOL).revoke();
        }
        // Pairs with the light half in `Handshake::try_enter_for_caches` and `Handshake::enter_for_caches`.
        let ordered = or_mutant!(B::heavy() => Ok(()), "caches: no barrier");
        or_mutant!(ordered? => (), "caches: a failed barrier passes");
        Ok(revoked)
    }

    /// Revokes all caches, and waits until nobody is at them. With the drain lock held.
    pub(super) fn all(published: &'p Published<S, B, READERS>) -> Result<Self, BarrierError> {
        let revoked = Self::take(published, |_| true)?;
        published.seats.iter().for_each(|seat| seat.wait_caches_released(S::PROTOCOL));
        Ok(revoked)
    }

    fn lend(&mut self, number: usize) {
        self.set[number] = false;
        self.published.seats[number].cache_handshake(S::PROTOCOL).lend();
    }

    pub(super) fn published(&self) -> &'p Published<S, B, READERS> {
        self.published
    }
}

impl<S: Scheme, B: Barrier, const READERS: usize> Drop for Revoked<'_, S, B, READERS> {
    fn drop(&mut self) {
        (0..READERS).filter(|&number| self.set[number]).for_each(|number| {
            self.published.seats[number].cache_handshake(S::PROTOCOL).lend();
        });
    }
}

/// The slot whose caches a drain is at, for a child of a fork to know of: a number more than the slot's, or 0.
#[derive(Debug)]
struct Emptying<'p>(&'p AtomicUsize);

impl<'p> Emptying<'p> {
    fn new(at: &'p AtomicUsize, number: usize) -> Self {
        at.store(number + 1, Relaxed);
        // A fork stops this thread somewhere in the order of its stores: this one is before those to the caches.
        fence(SeqCst);
        Self(at)
    }
}

impl Drop for Emptying<'_> {
    fn drop(&mut self) {
        // Release: behind those to the caches.
        self.0.store(0, Release);
    }
}
