//! A scheme or allocator that fails or panics within an operation: the operation is rolled back.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use zonelist_core::{
    Pfn, ZoneId, ZoneKind,
    hotplug::{Errno, OnlineTo, Operation, ProviderError, RunningMachine},
    publish::{PublishError, Published, ReaderSlots},
    stop_world::StopWorld,
    table::{Capacity, Slots},
};

use super::{Call, CallLog, Hook, node, offline, online, running, state, support::Puppet, zone};

/// A scheme whose publish number `after` fails or panics.
fn failing(after: usize, panics: bool) -> Puppet<super::Snapshot> {
    let publishes = AtomicUsize::new(0);
    Puppet::on_publish(move |_| match publishes.fetch_add(1, SeqCst) {
        n if n != after => Ok(()),
        _ if panics => panic!("a fault of the scheme"),
        _ => Err(PublishError::Busy),
    })
}

#[test]
fn a_failed_publish_rolls_the_operation_back() {
    for operation in [online(10, OnlineTo::Movable), Operation::AddNode(node(2))] {
        let running = running(failing(1, false), CallLog::default());
        let before = running.state();
        assert_eq!(running.apply(&operation).unwrap_err().errno(), Errno::Busy);
        assert_eq!(running.state(), before);
        assert_eq!(running.provider().hook.calls(), [], "the pages were not made available");
        running.apply(&operation).unwrap();
    }
}

#[test]
fn isolated_pages_are_available_again_after_a_rollback() {
    for panics in [false, true] {
        let running = running(failing(2, panics), CallLog::default());
        running.apply(&online(10, OnlineTo::Movable)).unwrap();
        let before = running.state();
        let result = catch_unwind(AssertUnwindSafe(|| running.apply(&offline(10))));
        assert_eq!(result.is_err(), panics);
        assert_eq!(running.state(), before);
        let movable = zone(1, ZoneKind::Movable);
        let (isolate, finish) = (Call::Isolate(movable, 10), Call::FinishOnline(movable, 10));
        assert_eq!(running.provider().hook.calls(), [finish.clone(), isolate, finish]);
        running.apply(&offline(10)).unwrap();
    }
}

#[test]
fn a_panic_of_the_scheme_rolls_the_operation_back() {
    let running = running(failing(1, true), ());
    let before = running.state();
    let result = catch_unwind(AssertUnwindSafe(|| running.apply(&online(10, OnlineTo::Movable))));
    assert!(result.is_err());
    assert_eq!(running.state(), before);
    running.apply(&online(10, OnlineTo::Movable)).unwrap();
}

/// An allocator that panics while it migrates a page.
#[derive(Debug, Default)]
struct Panics(Arc<AtomicUsize>);

impl Hook for Panics {
    fn isolate(&self, _: ZoneId, _: std::ops::Range<Pfn>) -> Result<(), ProviderError> {
        assert_ne!(self.0.fetch_add(1, SeqCst), 0, "a fault of the page's user");
        Ok(())
    }
}

#[test]
fn a_panic_of_the_allocator_leaves_the_machine_unchanged() {
    let running = running(Puppet::new(), Panics::default());
    let before = running.state();
    assert!(catch_unwind(AssertUnwindSafe(|| running.apply(&offline(2)))).is_err());
    assert_eq!(running.state(), before);
    running.apply(&offline(2)).unwrap();
}

#[test]
fn lists_beyond_the_capacity_are_enomem() {
    let room = Capacity::of(state().lists().lists());
    let published: Published<_> = Published::with_slots(StopWorld::new(Slots::boxed(room)), ReaderSlots::boxed(1));
    let running = RunningMachine::new(state(), published).unwrap();
    let before = running.state();
    let error = running.apply(&online(10, OnlineTo::Movable)).unwrap_err();
    assert_eq!((error.errno(), running.state()), (Errno::Nomem, before), "{error}");

    let small: Published<_> =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 1).unwrap())), ReaderSlots::boxed(1));
    assert!(matches!(RunningMachine::new(state(), small), Err(PublishError::Capacity(_))));
    assert!((state().capacity().zones(), state().capacity().nodes()) == (16, 4));
}
