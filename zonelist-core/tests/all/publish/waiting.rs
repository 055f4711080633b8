//! What waits for what: writers for active readers, readers for a stop to end, retiring for walks.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
        mpsc::sync_channel,
    },
    thread,
    time::Duration,
};

use zonelist_core::{
    conformance::{Sample, basics},
    publish::{Published, ReaderSlots, Writer},
};

use super::{
    ANY, meanwhile, node, preempted, stop_world,
    support::{Puppet, Sectioned},
    versions,
};

#[test]
fn a_publish_under_stop_world_waits_for_an_active_reader() {
    let published = stop_world::<2>(Sample::CAPACITY);
    let lists = versions();
    published.publish(&lists[0]).unwrap();
    let filter = published.filter(&ANY);
    let mut reader = published.reader().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = reader.enter();
        let (starts, has_started) = sync_channel(0);
        let (done, published, lists) = (&done, &published, &lists);
        let publisher = scope.spawn(move || {
            starts.send(()).unwrap();
            published.publish(&lists[1]).unwrap();
            done.store(true, SeqCst);
        });
        has_started.recv().unwrap();
        meanwhile(
            || guard.walk(node(), &filter).count() == 4 && !done.load(SeqCst),
            "a publish did not wait for an active reader",
        );
        drop(guard);
        publisher.join().unwrap();
    });
    assert_eq!(reader.enter().walk(node(), &filter).count(), 3);
}

#[test]
fn a_publish_under_stop_world_preempted_does_not_wait_for_a_reader_between_two_zonerefs() {
    let published = preempted::<1>(Sample::CAPACITY);
    published.publish(&versions()[0]).unwrap();
    let filter = published.filter(&ANY);
    let mut reader = published.reader().unwrap();
    let guard = reader.enter();
    let mut walk = guard.walk(node(), &filter);
    assert!(walk.next().is_some());
    // On the reader's own thread: a publish that waited for the reader would never return.
    published.publish(&versions()[1]).unwrap();
    assert_eq!(walk.count(), 2, "the first of three zones has moved into a slot that the walk has passed");
}

#[test]
fn readers_wait_while_walks_are_stopped() {
    let (stopped, has_stopped) = sync_channel(0);
    let (resume, may_resume) = sync_channel(0);
    let may_resume = Mutex::new(may_resume);
    let published: Published<_> = Published::with_slots(
        Puppet::<Sectioned>::on_publish(move |writer| {
            writer.stop(|| {
                stopped.send(()).unwrap();
                may_resume.lock().unwrap().recv().unwrap();
            })?;
            Ok(())
        }),
        ReaderSlots::boxed(2),
    );
    // One reader is registered before the stop, the other during it.
    let registered = published.reader().unwrap();
    let active = [const { AtomicBool::new(false) }; 2];
    thread::scope(|scope| {
        let publisher = scope.spawn(|| published.publish(&versions()[0]));
        has_stopped.recv().unwrap();
        let readers = [registered, published.reader().unwrap()];
        let entering = readers.into_iter().zip(&active).map(|(mut reader, active)| {
            scope.spawn(move || {
                let _guard = reader.enter();
                active.store(true, SeqCst);
            })
        });
        let entering: Vec<_> = entering.collect();
        meanwhile(|| active.iter().all(|active| !active.load(SeqCst)), "a reader entered while walks were stopped");
        resume.send(()).unwrap();
        publisher.join().unwrap().unwrap();
        entering.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert!(active.iter().all(|active| active.load(SeqCst)));
}

#[test]
fn no_reader_is_active_while_the_world_is_stopped() {
    let active = std::sync::Arc::new([const { AtomicBool::new(false) }; 2]);
    let seen = std::sync::Arc::clone(&active);
    let published: Published<_> = Published::with_slots(
        Puppet::<Sectioned>::on_publish(move |writer| {
            Ok(writer.stop(|| assert!(seen.iter().all(|active| !active.load(SeqCst)), "a reader is active"))?)
        }),
        ReaderSlots::boxed(2),
    );
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for active in active.iter() {
            scope.spawn(|| {
                let mut reader = published.reader().unwrap();
                while !over.load(SeqCst) {
                    let _guard = reader.enter();
                    active.store(true, SeqCst);
                    thread::yield_now();
                    active.store(false, SeqCst);
                }
            });
        }
        let publishes = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..500 {
                published.publish(&versions()[0]).unwrap();
                thread::yield_now();
            }
        }));
        over.store(true, SeqCst);
        publishes.unwrap();
    });
}

#[test]
fn a_panic_within_a_guard_leaves_the_slot_free() {
    let published = stop_world::<1>(Sample::CAPACITY);
    let mut reader = published.reader().unwrap();
    let within = catch_unwind(AssertUnwindSafe(|| {
        let _guard = reader.enter();
        panic!("within a guard");
    }));
    assert!(within.is_err());
    // This would wait for ever for an active reader.
    published.publish(&versions()[0]).unwrap();
    let taken = catch_unwind(AssertUnwindSafe(|| {
        let mut reader = reader;
        let _guard = reader.enter();
        panic!("with the reader and all");
    }));
    assert!(taken.is_err());
    published.publish(&versions()[1]).unwrap();
    assert!(published.reader().is_ok(), "another reader can claim the only slot");
}

#[test]
fn stop_world_retires_when_walks_that_began_before_have_ended() {
    basics::retiring_waits_for_walks_that_began_before(&stop_world::<1>(Sample::CAPACITY));
}

/// A stop lets the readers go on that the last one held up: else a publisher without a pause leaves them hardly a moment.
#[test]
fn publishes_without_a_pause_let_readers_pass() {
    const STOPS: usize = 50;
    let (walks, at_stops) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (walked, stops) = (Arc::clone(&walks), Arc::clone(&at_stops));
    let stops = move |writer: &mut Writer<'_>| {
        writer.stop(|| {
            stops.lock().unwrap().push(walked.load(Relaxed));
            // Long enough for the reader to come and sleep.
            thread::sleep(Duration::from_millis(2));
        })?;
        Ok(())
    };
    let published = Published::with_slots(Puppet::<Sectioned>::on_publish(stops), ReaderSlots::boxed(1));
    let (filter, ended) = (published.filter(&ANY), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = published.reader().unwrap();
            while !ended.load(Relaxed) {
                reader.enter().walk(node(), &filter).count();
                walks.fetch_add(1, Relaxed);
            }
        });
        (0..STOPS).for_each(|_| _ = published.publish(&versions()[0]).unwrap());
        ended.store(true, Relaxed);
    });
    let at_stops = at_stops.lock().unwrap();
    let passed = at_stops.windows(2).filter(|two| two[0] < two[1]).count();
    assert!(passed > STOPS / 2, "the reader walked between {passed} of {STOPS} stops");
}
