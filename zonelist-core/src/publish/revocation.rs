//! The revocation of per-CPU pages: a drain gets the use of pages that other CPUs keep, while their owners go on.
//!
//! An owner uses its per-CPU pages within two stores to its own slot, and never by an atomic read-modify-write:
//!
//! ```text
//!   owner, each operation                        drain, under the drain lock
//!   ---------------------------------------      -----------------------------------------------------
//!   active := ACTIVE                             for each slot wanted: request |= REVOKED
//!   light half                                   heavy half
//!   if request has REVOKED:                      for each slot wanted:
//!       active := ACTIVE | REVOKED                   wait until active is idle or has REVOKED,
//!       go on without the per-CPU pages              or the slot has no handle
//!   else:                                            move the per-CPU pages to their zones
//!       use the per-CPU pages                        request &= !REVOKED
//!   active := idle
//! ```
//!
//! The light and the heavy half order the store before the load on either side. So an owner that loads no REVOKED is
//! seen active by the drain, which waits for it; and an owner that the drain does not see active loads REVOKED, and
//! leaves the pages alone. Which pages a drain has moved is seen by the owner through the release that clears REVOKED.

use super::{Barrier, BarrierError, Platform, Published, Scheme};
use crate::sync::{
    or_mutant,
    unmodelled::{
        AtomicUsize,
        Ordering::{Relaxed, Release, SeqCst},
        fence,
    },
};

impl<S: Scheme, P: Platform> Published<S, P> {
    /// Calls `use_caches` with the number of each wanted slot, while the slot's owner does not use its per-CPU pages.
    /// The owner goes on without them.
    ///
    /// Waits for operations of handles that have begun, and for another drain; for no publish and no walk of a plain
    /// reader. If no slot is wanted, it neither waits nor runs the heavy half of the barrier pair.
    pub(crate) fn revoke_caches(
        &self,
        wanted: impl Fn(usize) -> bool,
        mut use_caches: impl FnMut(usize),
    ) -> Result<(), BarrierError> {
        let slots = self.slots.len();
        // Without a slot, the drain lock is needed all the same: a slot that is added behind it is of a handle that sees
        // what this caller did before.
        if or_mutant!(slots > 0 => true, "caches: a new slot comes unseen") && !(0..slots).any(&wanted) {
            return Ok(());
        }
        self.drains.with(|()| {
            let revoked = Revoked::revoke(self, wanted)?;
            for (number, slot) in self.slots.iter().enumerate() {
                if slot.is_revoked() {
                    slot.wait_caches_released(S::PROTOCOL);
                    let marked = Emptying::new(&self.emptying, number);
                    use_caches(number);
                    drop(marked);
                    // Each slot is lent at once: its owner need not wait for the drain of all others.
                    slot.lend(S::PROTOCOL);
                }
            }
            drop(revoked);
            Ok(())
        })
    }

    /// Reports a heavy half that failed behind the swap of a publish, once.
    pub(crate) fn report_failure(&self) -> Result<(), BarrierError> {
        self.sticky_error.report_failure()
    }

    /// Leaves an error that this call can't report to the next call that publishes, retires or drains.
    #[cfg(feature = "alloc")]
    pub(crate) fn defer_report(&self, error: super::WaitError) {
        if let super::WaitError::Barrier(error) = error {
            self.sticky_error.note(error);
        }
    }

    /// The slot whose per-CPU pages a drain was moving, which is forgotten.
    pub(super) fn take_emptying(&self) -> Option<usize> {
        self.emptying.swap(0, Relaxed).checked_sub(1)
    }
}

/// Slots whose per-CPU pages are revoked, as each slot notes. They are lent again when this is dropped: also after a heavy
/// half that failed, and out of a panic.
#[derive(Debug)]
pub(super) struct Revoked<'p, S: Scheme, P: Platform>(&'p Published<S, P>);

impl<'p, S: Scheme, P: Platform> Revoked<'p, S, P> {
    /// Revokes the per-CPU pages of the wanted slots. Their owners may still use them, and have to be waited for. The
    /// caller holds the drain lock.
    fn revoke(published: &'p Published<S, P>, wanted: impl Fn(usize) -> bool) -> Result<Self, BarrierError> {
        let revoked = Self(published);
        // `wanted` is called once a slot, since its answer may change. Free slots and those of plain readers are
        // revoked like all others: a handle may claim them before the drain ends.
        for (_, slot) in published.slots.iter().enumerate().filter(|&(number, _)| wanted(number)) {
            if or_mutant!(false => !slot.is_handle(), "caches: a plain reader's slot not revoked") {
                continue;
            }
            slot.revoke(S::PROTOCOL);
        }
        // Pairs with the light half in `Handshake::try_enter_for_caches` and `Handshake::enter_for_caches`: behind it
        // an owner loads REVOKED, or we load that it is active.
        let ordered = or_mutant!(P::Barrier::heavy() => Ok(()), "caches: no barrier");
        or_mutant!(ordered? => (), "caches: a failed barrier passes");
        Ok(revoked)
    }

    /// Revokes all per-CPU pages, and waits until no owner uses them. The caller holds the drain lock.
    pub(super) fn all(published: &'p Published<S, P>) -> Result<Self, BarrierError> {
        let revoked = Self::revoke(published, |_| true)?;
        published.slots.iter().for_each(|slot| slot.wait_caches_released(S::PROTOCOL));
        Ok(revoked)
    }

    pub(super) fn published(&self) -> &'p Published<S, P> {
        self.0
    }
}

impl<S: Scheme, P: Platform> Drop for Revoked<'_, S, P> {
    fn drop(&mut self) {
        self.0.slots.iter().for_each(|slot| slot.lend(S::PROTOCOL));
    }
}

/// The mark at the slot whose per-CPU pages a drain is moving, for a child of a fork: the slot's number and 1, or 0.
#[derive(Debug)]
struct Emptying<'p>(&'p AtomicUsize);

impl<'p> Emptying<'p> {
    fn new(mark: &'p AtomicUsize, number: usize) -> Self {
        mark.store(number + 1, Relaxed);
        // A fork cuts this thread at one point of the order of its stores. This store is before those to the pages.
        fence(SeqCst);
        Self(mark)
    }
}

impl Drop for Emptying<'_> {
    fn drop(&mut self) {
        // Release: this store is behind those to the pages. It pairs with no load: the child of a fork has one thread.
        self.0.store(0, Release);
    }
}
