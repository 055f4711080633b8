//! The stamp of published lists: a number that changes before and after each change of the lists.
//!
//! ```text
//!   publish, under the writer lock          reader, with a first zone that it remembers
//!   -------------------------------         ----------------------------------------------------------
//!   stamp := next odd number                if stamp = remembered stamp: the remembered zone
//!   release fence                           s := stamp (acquire)
//!   change the lists                        zone := the first zone of a walk
//!   stamp := next even number (release)     acquire fence
//!                                           if s is even, zone is one, and the walk is not torn: remember s and zone
//! ```
//!
//! A walk that follows an even number `s` sees all of the publish that ended with `s`: release and acquire. If it sees a
//! store of the next publish, its fence and that publish's make every later load of the stamp give another number. So an
//! equal number, loaded later, shows that the zone is the first of just that version, whatever the scheme guarantees.

use crate::sync::{
    atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
        fence,
    },
    const_fn, or_mutant,
};

/// The number of completed and begun changes of the lists: odd while they change.
///
/// On cache lines of its own, so that nothing but a publish takes it from the readers' caches. Written under the writer
/// lock, whose holder keeps a copy of the number. It never returns to a number: behind the last it stays odd, and readers remember nothing any more. A word of 32
/// bits has numbers for 2^31 publishes.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stamp(AtomicUsize);

/// An even number that no stamp has: that of nothing remembered.
pub(crate) const NOTHING_REMEMBERED: usize = usize::MAX - 1;

/// The odd number that a stamp keeps once it has no other.
const LAST: usize = usize::MAX;

impl Stamp {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self(AtomicUsize::new(0))
        }
    }

    /// The number now. Compared with one of before; remembered only if [`is_settled`].
    #[inline(always)]
    pub(super) fn now(&self) -> usize {
        // Acquire: pairs with the release in `end`, so that a walk behind this load sees all of that publish.
        self.0.load(Acquire)
    }

    /// The lists begin to change. `kept` is the writers' own copy of the number, which they do not load back. An odd
    /// number, as a publish that panicked has left it, is not used again.
    pub(super) fn begin(&self, kept: &mut usize) {
        *kept = if *kept >= NOTHING_REMEMBERED - 2 { LAST } else { (*kept + 1) | 1 };
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

/// True if the lists did not change when the stamp had this number.
#[inline(always)]
pub(crate) const fn is_settled(stamp: usize) -> bool {
    stamp % 2 == 0
}

/// Orders the loads of a walk before every later load of the stamp. Behind the walk, or in front of the load.
#[inline(always)]
pub(crate) fn order_walks() {
    // Acquire: pairs with the release fence in `begin`.
    fence(Acquire);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
        let (stamp, mut kept) = (Stamp::new(), NOTHING_REMEMBERED - 6);
        for _ in 0..6 {
            stamp.begin(&mut kept);
            assert!(!is_settled(stamp.now()));
            stamp.end(&mut kept);
            assert_ne!(stamp.now(), NOTHING_REMEMBERED);
        }
        assert_eq!(stamp.now(), LAST);
    }
}
