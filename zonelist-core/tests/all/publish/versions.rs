//! Versions: numbered, refused, and published one at a time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, mpsc::sync_channel},
    thread,
};

use zonelist_core::{
    conformance::{Sample, Unreliable, basics},
    publish::{Parts, PublishError, Published, ReaderSlots, Version},
    stop_world::{StopWorld, StopWorldPreempted},
    table::{Capacity, Slots},
};

use super::{
    ANY, meanwhile, node, preempted, stop_world,
    support::{Puppet, Sectioned, Snapshot},
    versions,
};

/// Room for all but the largest version.
const SMALL: Capacity = Capacity::new(3, 3).unwrap();

#[test]
fn readers_of_the_baseline_see_what_is_published() {
    basics::shows_what_is_published(&stop_world::<1>(Sample::CAPACITY));
    basics::shows_what_is_published(&preempted::<1>(Sample::CAPACITY));
}

#[test]
fn a_scheme_behind_a_lock_is_a_scheme() {
    basics::shows_what_is_published(&Published::with_slots(Puppet::<Snapshot>::new(), ReaderSlots::boxed(1)));
    basics::concurrent_publishers_lose_no_version(&Published::with_slots(
        Puppet::<Snapshot>::new(),
        ReaderSlots::boxed(1),
    ));
    basics::a_cursor_goes_on_from_where_it_stood(&Published::with_slots(
        Puppet::<Snapshot>::new(),
        ReaderSlots::boxed(1),
    ));
}

#[test]
fn concurrent_publishers_of_the_baseline_lose_no_version() {
    basics::concurrent_publishers_lose_no_version(&stop_world::<1>(Sample::CAPACITY));
    basics::concurrent_publishers_lose_no_version(&preempted::<1>(Sample::CAPACITY));
}

#[test]
fn what_does_not_fit_the_baseline_is_not_published() {
    basics::what_does_not_fit_is_not_published(&stop_world::<1>(SMALL));
    basics::what_does_not_fit_is_not_published(&preempted::<1>(SMALL));
}

#[test]
fn a_failed_barrier_under_the_baseline_is_reported() {
    macro_rules! reported {
        ($scheme:ident) => {
            let published: Published<_, Parts<Unreliable>> =
                Published::with_platform($scheme::new(Slots::boxed(Sample::CAPACITY)), ReaderSlots::boxed(2));
            assert_eq!(basics::a_failed_barrier_is_reported(&published), 24, "one a publish");
        };
    }
    reported!(StopWorld);
    reported!(StopWorldPreempted);
    let published: Published<_, Parts<Unreliable>> =
        Published::with_platform(StopWorld::new(Slots::boxed(Sample::CAPACITY)), ReaderSlots::boxed(1));
    basics::a_failed_barrier_retires_nothing(&published);
}

#[test]
fn a_publish_that_does_not_wait_for_another_returns_busy() {
    let (entered, has_entered) = sync_channel(0);
    let (resume, may_resume) = sync_channel(0);
    let may_resume = Mutex::new(may_resume);
    let held_up = Puppet::<Snapshot>::on_publish(move |writer| {
        if writer.version() == Version::of(1) {
            entered.send(()).unwrap();
            may_resume.lock().unwrap().recv().unwrap();
        }
        Ok(())
    });
    let published: Published<_> = Published::with_slots(held_up, ReaderSlots::boxed(1));
    let lists = versions();
    thread::scope(|scope| {
        let first = scope.spawn(|| published.publish(&lists[0]));
        has_entered.recv().unwrap();
        assert_eq!(published.try_publish(&lists[1]), Err(PublishError::Busy));
        assert_eq!(published.try_publish(&lists[1]), Err(PublishError::Busy));
        resume.send(()).unwrap();
        assert_eq!(first.join().unwrap(), Ok(Version::of(1)));
    });
    assert_eq!(published.try_publish(&lists[1]), Ok(Version::of(2)));
}

#[test]
fn a_publish_that_waits_for_a_reader_keeps_others_busy() {
    let (entered, has_entered) = sync_channel(1);
    let published: Published<_> = Published::with_slots(
        Puppet::<Sectioned>::on_publish(move |writer| {
            entered.send(()).unwrap();
            Ok(writer.stop(|| ())?)
        }),
        ReaderSlots::boxed(1),
    );
    let lists = versions();
    let mut reader = published.reader().unwrap();
    thread::scope(|scope| {
        let guard = reader.enter();
        let first = scope.spawn(|| published.publish(&lists[0]));
        has_entered.recv().unwrap();
        meanwhile(|| published.try_publish(&lists[1]) == Err(PublishError::Busy), "a publish ended within a walk");
        drop(guard);
        assert_eq!(first.join().unwrap(), Ok(Version::of(1)));
    });
}

#[test]
fn a_panic_in_a_publish_releases_the_lock_and_clears_the_stop() {
    for within_stop in [false, true] {
        let published: Published<_> = Published::with_slots(
            Puppet::<Sectioned>::on_publish(move |writer| match (writer.version().number(), within_stop) {
                (2, true) => writer.stop(|| panic!("within a publish"))?,
                (2, false) => panic!("within a publish"),
                _ => Ok(()),
            }),
            ReaderSlots::boxed(1),
        );
        let lists = versions();
        let mut reader = published.reader().unwrap();
        let filter = published.filter(&ANY);
        published.publish(&lists[0]).unwrap();
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| published.publish(&lists[1]))).is_err());
            assert_eq!(reader.enter().walk(node(), &filter).count(), 4, "readers enter, and see the version before");
            assert!(catch_unwind(AssertUnwindSafe(|| published.try_publish(&lists[1]))).is_err(), "not busy");
            published.synchronize().unwrap();
        }
    }
}

#[test]
fn a_version_that_a_scheme_refuses_takes_no_number() {
    let error =
        PublishError::Capacity(zonelist_core::table::CapacityError { needed: Sample::CAPACITY, capacity: SMALL });
    let tries = Mutex::new(0);
    let picky = Puppet::<Snapshot>::on_publish(move |writer| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        if *tries % 2 == 1 {
            return Err(error);
        }
        assert_eq!(writer.version().number(), *tries / 2);
        Ok(())
    });
    let published: Published<_> = Published::with_slots(picky, ReaderSlots::boxed(1));
    for number in 1..5 {
        assert_eq!(published.publish(&versions()[0]), Err(error));
        assert_eq!(published.publish(&versions()[0]), Ok(Version::of(number)));
    }
}
