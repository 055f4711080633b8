//! A scheme that fails or panics in the middle of an operation: all is undone.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use zonelist_core::{
    Capacity, Slots, StopWorld, ZoneId, ZoneKind,
    hotplug::{Errno, FramesError, OnlineTo, Operation, RunningMachine},
    publish::{FullFence, PublishError, Published},
};

use super::{Hook, Ledger, Told, node, offline, online, running, state, support::Puppet, zone};

/// Publishes so many versions, then refuses or panics.
fn failing(after: usize, panics: bool) -> Puppet<super::Snapshot> {
    let publishes = AtomicUsize::new(0);
    Puppet::on_publish(move |_| match publishes.fetch_add(1, SeqCst) {
        n if n != after => Ok(()),
        _ if panics => panic!("a scheme's own bug"),
        _ => Err(PublishError::Busy),
    })
}

#[test]
fn a_publish_that_fails_undoes_the_operation() {
    for operation in [online(10, OnlineTo::Movable), Operation::AddNode(node(2))] {
        let running = running(failing(1, false), Ledger::default());
        let before = running.state();
        assert_eq!(running.apply(&operation).unwrap_err().errno(), Errno::Busy);
        assert_eq!(running.state(), before);
        assert_eq!(running.frames().hook.told(), [], "pages that came were not given");
        running.apply(&operation).unwrap();
    }
}

#[test]
fn pages_that_were_taken_are_given_back() {
    for panics in [false, true] {
        let running = running(failing(2, panics), Ledger::default());
        running.apply(&online(10, OnlineTo::Movable)).unwrap();
        let before = running.state();
        let result = catch_unwind(AssertUnwindSafe(|| running.apply(&offline(10))));
        assert_eq!(result.is_err(), panics);
        assert_eq!(running.state(), before);
        let movable = zone(1, ZoneKind::Movable);
        let (take, give) = (Told::Take(movable, 10), Told::Give(movable, 10));
        assert_eq!(running.frames().hook.told(), [give.clone(), take, give]);
        running.apply(&offline(10)).unwrap();
    }
}

#[test]
fn a_panic_of_a_scheme_undoes_the_operation() {
    let running = running(failing(1, true), ());
    let before = running.state();
    let result = catch_unwind(AssertUnwindSafe(|| running.apply(&online(10, OnlineTo::Movable))));
    assert!(result.is_err());
    assert_eq!(running.state(), before);
    running.apply(&online(10, OnlineTo::Movable)).unwrap();
}

/// An allocator that panics while it moves a page.
#[derive(Debug, Default)]
struct Panics(Arc<AtomicUsize>);

impl Hook for Panics {
    fn take(&self, _: ZoneId, _: std::ops::Range<u64>) -> Result<(), FramesError> {
        assert_ne!(self.0.fetch_add(1, SeqCst), 0, "an owner's own bug");
        Ok(())
    }
}

#[test]
fn a_panic_of_the_allocator_leaves_the_machine_as_it_was() {
    let running = running(Puppet::new(), Panics::default());
    let before = running.state();
    assert!(catch_unwind(AssertUnwindSafe(|| running.apply(&offline(2)))).is_err());
    assert_eq!(running.state(), before);
    running.apply(&offline(2)).unwrap();
}

#[test]
fn lists_that_do_not_fit_are_no_memory() {
    let room = Capacity::of(state().lists().lists());
    let published: Published<_, FullFence, 1> = Published::new(StopWorld::new(Slots::boxed(room)));
    let running = RunningMachine::new(state(), published).unwrap();
    let before = running.state();
    let error = running.apply(&online(10, OnlineTo::Movable)).unwrap_err();
    assert_eq!((error.errno(), running.state()), (Errno::Nomem, before), "{error}");

    let small: Published<_, FullFence, 1> = Published::new(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())));
    assert!(matches!(RunningMachine::new(state(), small), Err(PublishError::Capacity(_))));
    assert!((state().capacity().zones(), state().capacity().nodes()) == (16, 4));
}
