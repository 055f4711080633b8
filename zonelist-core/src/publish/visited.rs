//! The reader slots that a publish visits: those from the first one to the last that was ever claimed.
//!
//! ```text
//!   registration, behind the claim of slot n       publish, under the writer lock
//!   -----------------------------------------      ------------------------------------------------
//!   count := max(count, n + 1)                     if it stops walks: stopping := true
//!   if stopping:                                   visited := count          (read-modify-write)
//!       slot n: request |= LATE                    for each visited slot: request |= ..., and so on
//!       if not stopping: request &= !LATE          if it stops walks: stopping := false
//!                                                      visited := count      (read-modify-write)
//!                                                  for each visited slot: request &= !(... | LATE)
//! ```
//!
//! Either side changes `count` by a read-modify-write, so that one of the two is first:
//!
//! - The registration: the publish visits the slot.
//! - The publish: the registration sees all that the publish did before, a swap of versions as well as `stopping`. After a
//!   swap its walks are over the new version, so that no grace period has to wait for them. In a stop it requests of
//!   itself what the publish would have: LATE is as STOP, in a bit of its own, so that it can take it back without taking
//!   back the STOP of the next publish.
//!
//! LATE is cleared once: by the publish, if its clearing finds it. Else the registration's read-modify-write of the
//! request follows the clearing, and so sees that the stop is over; if it sees the next stop instead, that one clears it.
//!
//! A registration waits for nothing, and a walk pays nothing. The count never shrinks.

use super::reader_slot::ReaderSlot;
use crate::{
    chunks::Chunks,
    sync::{
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{self, AcqRel, Acquire, Relaxed, Release},
        },
        const_fn, or_mutant,
    },
};

/// The number of slots that a publish visits, and whether walks are stopped.
///
/// Under loom it is explored in the models whose readers come and go. In all others a publish visits every slot: these
/// steps would take interleavings from what those models are about.
#[derive(Debug)]
pub(super) struct Visited {
    /// The number of the last slot that was ever claimed, and 1.
    count: AtomicUsize,
    /// True from the begin of a stop to its end. Written under the writer lock.
    stopping: AtomicBool,
    #[cfg(loom)]
    is_explored: bool,
}

impl Visited {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self {
                count: AtomicUsize::new(0),
                stopping: AtomicBool::new(false),
                #[cfg(loom)]
                is_explored: explored::are_registrations(),
            }
        }
    }

    /// Publishes visit the slot of this number from now on. Called by the slot's new owner, before it walks.
    pub(super) fn join(&self, number: usize, slot: &ReaderSlot) {
        #[cfg(loom)]
        if !self.is_explored {
            return;
        }
        // AcqRel: pairs with `now`. If that is first, we see what its publish did before.
        or_mutant!(_ = self.count.fetch_max(number + 1, AcqRel) => (), "registration: slot not visited");
        if or_mutant!(self.is_stopping() => false, "registration: stop unseen") {
            let handshake = slot.handshake();
            handshake.stop_late();
            // Behind `stop_late`, which acquires what a publish released that has cleared the request.
            if or_mutant!(!self.is_stopping() => false, "registration: stopped for good") {
                handshake.clear_late();
            }
        }
    }

    fn is_stopping(&self) -> bool {
        // Acquire: pairs with the release in `end_stop`. If the stop is over, we see what was written in it.
        self.stopping.load(Acquire)
    }

    /// The number of slots that were claimed until now. Under the writer lock.
    fn now(&self) -> usize {
        #[cfg(loom)]
        if !self.is_explored {
            return usize::MAX;
        }
        // AcqRel: pairs with `join`. A registration that is first is counted. One that is not sees what we did before.
        or_mutant!(self.count.fetch_or(0, AcqRel) => self.count.load(Acquire), "registration: neither is first")
    }

    /// The slots to visit for a grace period: of a reader that is in none of them, all walks begin behind the swap.
    pub(super) fn slots<'p>(&self, slots: &'p Chunks<'static, ReaderSlot>) -> Visit<'p> {
        Visit::of(slots, self.now())
    }

    /// The same for a stop of walks, which also reaches readers that are registered meanwhile.
    pub(super) fn stop<'p>(&self, slots: &'p Chunks<'static, ReaderSlot>) -> Visit<'p> {
        // Relaxed: before the read-modify-write in `now`.
        self.set_stopping(true, Relaxed);
        self.slots(slots)
    }

    /// The stop is over: the slots whose requests have to be cleared.
    pub(super) fn end_stop<'p>(&self, slots: &'p Chunks<'static, ReaderSlot>) -> Visit<'p> {
        // Release: pairs with the acquire in `is_stopping`.
        self.set_stopping(false, Release);
        self.slots(slots)
    }

    fn set_stopping(&self, stopping: bool, ordering: Ordering) {
        #[cfg(loom)]
        if !self.is_explored {
            return;
        }
        self.stopping.store(stopping, ordering);
    }

    /// No walk is stopped any more: for a child of a fork, which clears all requests.
    pub(super) fn clear(&self) {
        self.stopping.store(false, Relaxed);
    }
}

/// The slots of one visit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit<'p> {
    /// Those in the first chunk: mostly all.
    first: &'p [ReaderSlot],
    /// The number of others.
    others: usize,
    slots: &'p Chunks<'static, ReaderSlot>,
}

impl<'p> Visit<'p> {
    fn of(slots: &'p Chunks<'static, ReaderSlot>, count: usize) -> Self {
        let first = slots.first();
        let first = first.get(..count).unwrap_or(first);
        Self { first, others: count - first.len(), slots }
    }

    /// Calls `visit` with each slot.
    pub(super) fn for_each(self, mut visit: impl FnMut(&'p ReaderSlot)) {
        self.first.iter().for_each(&mut visit);
        if self.others > 0 {
            self.others().for_each(visit);
        }
    }

    /// Calls `visit` with each slot, up to the first error.
    pub(super) fn try_for_each<E>(self, mut visit: impl FnMut(&'p ReaderSlot) -> Result<(), E>) -> Result<(), E> {
        self.first.iter().try_for_each(&mut visit)?;
        if self.others > 0 { self.others().try_for_each(visit) } else { Ok(()) }
    }

    /// True if it is so of each slot.
    pub(super) fn all(self, is_so: impl Fn(&'p ReaderSlot) -> bool) -> bool {
        self.first.iter().all(&is_so) && (self.others == 0 || self.others().all(is_so))
    }

    fn others(self) -> impl Iterator<Item = &'p ReaderSlot> {
        self.slots.iter().skip(self.first.len()).take(self.others)
    }
}

#[cfg(loom)]
pub(crate) use explored::explore_registrations;

#[cfg(loom)]
mod explored {
    use std::cell::Cell;

    std::thread_local! {
        /// All threads of a model run on one thread of the system.
        static EXPLORED: Cell<bool> = const { Cell::new(false) };
    }

    /// Explores the registrations of what this thread's models publish from here on, or does not.
    pub(crate) fn explore_registrations(whether: bool) {
        EXPLORED.set(whether);
    }

    pub(super) fn are_registrations() -> bool {
        EXPLORED.get()
    }
}
