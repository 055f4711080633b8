//! Readers: their slots, how many there are, and where they can be kept.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    PageAllocator, Pfn, Zone, ZoneId, ZoneKind,
    conformance::{Sample, basics},
    publish::{Published, ReaderError, ReaderSlots},
    static_reader_slots,
    stop_world::{StopWorld, StopWorldPreempted},
    sync::Spin,
    table::{Capacity, Slot, Slots},
    zone::Order,
};

use super::{
    ANY, node, preempted, stop_world,
    support::{Puppet, Sectioned, Snapshot},
    versions,
};

#[test]
fn a_reader_without_a_slot_gets_an_error_until_one_is_free() {
    let published = stop_world::<2>(Sample::CAPACITY);
    let (first, second) = (published.reader().unwrap(), published.reader().unwrap());
    for _ in 0..2 {
        assert_eq!(published.reader().unwrap_err(), ReaderError::NoSlot { slots: 2 });
    }
    drop(first);
    let third = published.reader().unwrap();
    assert_eq!(published.reader().unwrap_err(), ReaderError::NoSlot { slots: 2 });
    drop((second, third));
    assert!(published.reader().is_ok());

    let published = preempted::<1>(Sample::CAPACITY);
    let _only = published.reader().unwrap();
    assert_eq!(published.reader().unwrap_err(), ReaderError::NoSlot { slots: 1 });
}

#[test]
fn readers_that_no_writer_waits_for_need_no_slot() {
    let published: Published<_> = Published::with_slots(Puppet::<Snapshot>::new(), ReaderSlots::boxed(1));
    published.publish(&versions()[0]).unwrap();
    let filter = published.filter(&ANY);
    let mut readers: Vec<_> = (0..100).map(|_| published.reader().unwrap()).collect();
    let guards: Vec<_> = readers.iter_mut().map(|reader| reader.enter()).collect();
    assert!(guards.iter().all(|guard| guard.walk(node(), &filter).count() == 4));
}

#[test]
fn short_lived_readers_of_the_baseline_find_their_slots() {
    basics::short_lived_readers_find_their_slots(&stop_world::<1>(Sample::CAPACITY));
    basics::short_lived_readers_find_their_slots(&preempted::<1>(Sample::CAPACITY));
}

#[test]
fn no_slot_is_claimed_twice() {
    let published = stop_world::<2>(Sample::CAPACITY);
    let (active, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let Ok(reader) = published.reader() else {
                        refused.fetch_add(1, SeqCst);
                        thread::yield_now();
                        continue;
                    };
                    assert!(active.fetch_add(1, SeqCst) < 2, "three readers in two slots");
                    thread::yield_now();
                    active.fetch_sub(1, SeqCst);
                    drop(reader);
                }
            });
        }
    });
    println!("{} of 8000 found no slot", refused.load(SeqCst));
    assert_eq!([published.reader().is_ok(), published.reader().is_ok()], [true; 2]);
}

#[test]
fn two_readers_with_a_slot_each_are_active_at_once() {
    let published = stop_world::<2>(Sample::CAPACITY);
    published.publish(&versions()[0]).unwrap();
    let filter = published.filter(&ANY);
    let (mut one, mut other) = (published.reader().unwrap(), published.reader().unwrap());
    let (one, other) = (one.enter(), other.enter());
    assert!(one.walk(node(), &filter).eq(other.walk(node(), &filter)));
}

#[test]
fn a_leaked_guard_of_the_baseline_goes_with_its_reader() {
    basics::a_leaked_guard_goes_with_its_reader(&stop_world::<2>(Sample::CAPACITY));
    basics::a_leaked_guard_goes_with_its_reader(&preempted::<2>(Sample::CAPACITY));
}

#[test]
fn a_slot_is_not_lost_when_a_scheme_panics_for_a_reader() {
    static PANICS: AtomicBool = AtomicBool::new(true);
    let active =
        Puppet::<Sectioned> { on_local: Box::new(|| assert!(!PANICS.load(SeqCst), "no room")), ..Puppet::new() };
    let published: Published<_> = Published::with_slots(active, ReaderSlots::boxed(1));
    for _ in 0..3 {
        assert!(catch_unwind(AssertUnwindSafe(|| published.reader().map(drop))).is_err());
    }
    PANICS.store(false, SeqCst);
    drop(published.reader().unwrap());
    // A handle of an allocator claims its slot in the same way.
    PANICS.store(true, SeqCst);
    let id = ZoneId::new(node(), ZoneKind::Normal);
    let allocator = PageAllocator::boxed(
        published,
        vec![Zone::boxed(id, Pfn::range(0..512), Order::PAGEBLOCK, Spin::new()).unwrap()],
    )
    .unwrap();
    for _ in 0..3 {
        assert!(catch_unwind(AssertUnwindSafe(|| allocator.local().map(drop))).is_err());
    }
    PANICS.store(false, SeqCst);
    assert!(allocator.local().is_ok());
}

const WORDS: usize = Sample::CAPACITY.words();

#[test]
fn the_baseline_can_be_a_static() {
    static STOP_WORLD: Published<StopWorld<[Slot; WORDS]>> = Published::with_slots(
        StopWorld::new(Slots::in_array(Sample::CAPACITY).unwrap()),
        // SAFETY: the initializer of a static is evaluated once.
        unsafe { static_reader_slots!(2) },
    );
    static PREEMPTED: Published<StopWorldPreempted<[Slot; WORDS]>> = Published::with_slots(
        StopWorldPreempted::new(Slots::in_array(Sample::CAPACITY).unwrap()),
        // SAFETY: the initializer of a static is evaluated once.
        unsafe { static_reader_slots!(2) },
    );
    basics::shows_what_is_published(&STOP_WORLD);
    basics::shows_what_is_published(&PREEMPTED);
    // A reader of a static is `'static`: it can be sent to any thread, and dropped there.
    let reader = STOP_WORLD.reader().unwrap();
    thread::spawn(move || drop(reader)).join().unwrap();
}

#[test]
fn the_baseline_works_in_memory_given_to_it() {
    let capacity = Capacity::new(3, 4).unwrap();
    let words = Vec::leak((0..capacity.words()).map(|_| Slot::new()).collect());
    let table = Slots::in_place(words, capacity).unwrap();
    basics::shows_what_is_published(&Published::with_slots(StopWorld::new(table), ReaderSlots::boxed(1)));
}
