//! The stamp of published lists: a number that changes before and after each change of the lists.
//!
//! ```text
//!   publish, under the writer lock          reader, with a first zone that it remembers
//!   -------------------------------         ----------------------------------------------------------
//!   stamp := next odd number                if stamp = remembered stamp: the remembered zone
//!   release fence                           s := stamp (acquire)
//!   change the lists                        zone := the first zone of a walk
//!   stamp := next even number (release)     acquire fence
//!                                           if there is a zone, and the walk is not torn:
//!                                               remember it with s, or if s is odd with s - 1, which is over
//! ```
//!
//! A walk that follows an even number `s` sees all of the publish that ended with `s`: release and acquire. If it sees a
//! store of the next publish, its fence and that publish's make every later load of the stamp give another number. So an
//! equal number, loaded later, shows that the zone is the first of just that version, whatever the scheme guarantees.

use crate::sync::{
    atomic::Ordering::{Acquire, Relaxed, Release},
    const_fn, or_mutant,
};

#[cfg(not(loom))]
use crate::sync::atomic::{AtomicUsize as Word, fence};
#[cfg(loom)]
pub(crate) use explored::explore_stamps;
#[cfg(loom)]
use explored::{Word, fence};

/// The number of completed and begun changes of the lists: odd while they change.
///
/// On cache lines of its own, so that nothing but a publish takes it from the readers' caches. Written under the writer
/// lock, whose holder keeps a copy of the number. It never returns to a number: behind the last it stays odd, and readers
/// remember nothing any more. A word of 32 bits has numbers for 2^31 publishes.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stamp(Word);

/// An even number that no stamp has: that of nothing remembered.
pub(crate) const NOTHING_REMEMBERED: usize = usize::MAX - 1;

/// The odd number that a stamp keeps once it has no other.
const LAST: usize = usize::MAX;

impl Stamp {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self(Word::new(0))
        }
    }

    /// The number now: compared with one of before, or remembered by [`remembered_at`].
    #[inline(always)]
    pub(super) fn now(&self) -> usize {
        // Acquire: pairs with the release in `end`, so that a walk behind this load sees all of that publish.
        self.0.load(Acquire)
    }

    /// The lists begin to change. `kept` is the writers' own copy of the number, which they do not load back. An odd
    /// number, as a publish that panicked has left it, is not used again.
    pub(super) fn begin(&self, kept: &mut usize) {
        *kept = if *kept >= NOTHING_REMEMBERED - 3 { LAST } else { (*kept + 1) | 1 };
        or_mutant!(self.0.store(*kept, Relaxed) => (), "stamp: only after the change");
        or_mutant!(=> self.0.store(*kept + 1, Release), "stamp: only before the change");
        // Release: pairs with the acquire fence behind the walks. A walk that saw a store behind this fence makes its
        // reader load this number, or a later one.
        fence(Release);
    }

    /// The lists have changed, since [`begin`](Self::begin).
    pub(super) fn end(&self, kept: &mut usize) {
        if *kept != LAST {
            *kept += 1;
            // Release: pairs with the acquire in `now`, so that a walk behind that sees all of the change.
            self.0.store(*kept, Release);
        }
    }

    /// A change was cut short by a fork, and no other follows: odd for good.
    pub(super) fn abandon(&self) {
        self.0.store(LAST, Relaxed);
    }

    /// A failed change does not count: a mutant.
    #[cfg(loom)]
    pub(super) fn take_back(&self, kept: &mut usize) {
        *kept -= 1;
        self.0.store(*kept, Release);
    }
}

/// The number with which a zone is remembered whose walk began at this number. Of an odd one it is the even one before,
/// to which the stamp never returns: what was walked amid a change is not used.
#[inline(always)]
pub(crate) fn remembered_at(stamp: usize) -> usize {
    or_mutant!(stamp & !1 => stamp, "first zone: remembered amid a change")
}

/// Orders the loads of a walk before every later load of the stamp. Behind the walk, before what it shows is remembered.
#[inline(always)]
pub(crate) fn order_walks() {
    // Acquire: pairs with the release fence in `begin`.
    fence(Acquire);
}

/// The stamp under loom: explored in the models of remembered zones alone. In all others, where handles remember too, it
/// is a plain word: its steps would take interleavings from what those models are about.
#[cfg(loom)]
mod explored {
    use std::cell::Cell;

    use crate::sync::{
        atomic::{self, AtomicUsize, Ordering},
        unmodelled,
    };

    std::thread_local! {
        /// All threads of a model run on one thread of the system.
        static EXPLORED: Cell<bool> = const { Cell::new(false) };
    }

    /// Explores the stamps that this thread's models make from here on, or does not.
    pub(crate) fn explore_stamps(whether: bool) {
        EXPLORED.set(whether);
    }

    #[derive(Debug)]
    pub(super) struct Word {
        explored: Option<AtomicUsize>,
        plain: unmodelled::AtomicUsize,
    }

    impl Word {
        #[track_caller]
        pub(super) fn new(number: usize) -> Self {
            let plain = unmodelled::AtomicUsize::new(number);
            Self { explored: EXPLORED.get().then(|| AtomicUsize::new(number)), plain }
        }

        #[track_caller]
        pub(super) fn load(&self, ordering: Ordering) -> usize {
            match &self.explored {
                Some(word) => word.load(ordering),
                None => self.plain.load(unmodelled::Ordering::SeqCst),
            }
        }

        #[track_caller]
        pub(super) fn store(&self, number: usize, ordering: Ordering) {
            match &self.explored {
                Some(word) => word.store(number, ordering),
                None => self.plain.store(number, unmodelled::Ordering::SeqCst),
            }
        }
    }

    #[track_caller]
    pub(super) fn fence(ordering: Ordering) {
        if EXPLORED.get() {
            atomic::fence(ordering);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// True if the lists did not change when the stamp had this number.
    fn is_settled(stamp: usize) -> bool {
        remembered_at(stamp) == stamp
    }

    #[test]
    fn a_stamp_never_returns_to_a_number() {
        let (stamp, mut kept) = (Stamp::new(), 0);
        assert!(is_settled(stamp.now()));
        stamp.begin(&mut kept);
        let odd = stamp.now();
        assert!(!is_settled(odd));
        // A publish that panicked left it odd.
        stamp.begin(&mut kept);
        assert!(stamp.now() > odd && !is_settled(stamp.now()));
        stamp.end(&mut kept);
        assert!(is_settled(stamp.now()));
        stamp.abandon();
        assert!(!is_settled(stamp.now()));
    }

    #[test]
    fn behind_the_last_number_nothing_is_remembered() {
        // Publishes that end, and publishes that panic, in any sequence.
        for panics in 0..1_u32 << 8 {
            let (stamp, mut kept) = (Stamp::new(), NOTHING_REMEMBERED - 8);
            for publish in 0..8 {
                let before = kept;
                stamp.begin(&mut kept);
                assert!(!is_settled(stamp.now()) && (kept > before || kept == LAST));
                if panics >> publish & 1 == 0 {
                    stamp.end(&mut kept);
                }
                assert_ne!(stamp.now(), NOTHING_REMEMBERED, "{panics:b}, publish {publish}");
            }
            assert_eq!(stamp.now(), LAST);
        }
    }
}
