//! In the child of a fork, a grace period ends or reports that it can't.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use zonelist_core::{
    Request,
    ZoneKind::Movable,
    publish::{NotRetired, Published, ReaderSlots, Reclaim, WaitError},
    stop_world::StopWorld,
    table::Slot,
};
use zonelist_epoch::{ArcSwap, AsymmetricEpoch, EpochSwap, Qsbr};
use zonelist_schemes::Buildable;

use super::{
    super::setup::{CAPACITY, NODE, lists},
    forked,
};

/// A walk of another thread never ends in the child. A grace period either knows from the reader's slot that the walk
/// is over, or reports that it can't end.
#[test]
fn a_grace_period_in_a_child_ends_or_reports_that_it_can_not() {
    fn retires<S: Buildable + Reclaim>(left_behind: bool) -> usize {
        let published: &'static Published<S> =
            Box::leak(Box::new(Published::with_slots(S::build(CAPACITY), ReaderSlots::boxed(4))));
        published.publish(&lists(true)).unwrap();
        let mut reader = published.reader().unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (within, is_within) = mpsc::channel();
            if left_behind {
                let over = &over;
                scope.spawn(move || {
                    let mut reader = published.reader().unwrap();
                    let guard = reader.enter();
                    within.send(()).unwrap();
                    while !over.load(Relaxed) {
                        thread::yield_now();
                    }
                    drop(guard);
                });
                is_within.recv().unwrap();
            }
            let losses = forked(|| {
                // SAFETY: this is the child of a fork outside of any call; the other reader is never used again.
                let losses = unsafe { published.after_fork(&[reader.id()]) };
                let mut refused = 0;
                for both in [false, true] {
                    reader.quiescent();
                    published.publish(&lists(both)).map_err(|_| 1)?;
                    reader.quiescent();
                    match reader.offline(|| published.retire("garbage")) {
                        Ok(()) => (),
                        Err(NotRetired { value: "garbage", error: WaitError::Forked }) => refused += 1,
                        Err(_) => return Err(2),
                    }
                    if reader.enter().walk(NODE, &published.filter(&Request::up_to(Movable))).count() == 0 {
                        return Err(3);
                    }
                    reader.quiescent();
                }
                Ok([usize::from(losses.publish), refused, 0])
            });
            over.store(true, Relaxed);
            assert_eq!(losses[0], 0);
            losses[1]
        })
    }
    for left_behind in [false, true] {
        let ends = [
            retires::<StopWorld<Box<[Slot]>>>(left_behind),
            retires::<AsymmetricEpoch>(left_behind),
            retires::<Qsbr>(left_behind),
        ];
        assert_eq!(ends, [0; 3], "these schemes know from the slots which readers exist");
        let reported = [retires::<EpochSwap>(left_behind), retires::<ArcSwap>(left_behind)];
        assert_eq!(reported, [if left_behind { 2 } else { 0 }; 2], "these schemes can't know that a walk is over");
    }
}
