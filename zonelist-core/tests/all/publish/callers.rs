//! Callers' code that the library calls: conversions into lists, and walks that nest their steps.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Facts, PublishError, Published, ReadToken, ReaderProtocol, ReaderSlots, Scheme, Version, Walk, Writer},
    stop_world::StopWorld,
    table::{Capacity, Slot},
    zonelist::ZonelistsRef,
};

use super::{YIELDS, node, preempted, stop_world};

/// Runs a closure when it is converted into lists.
struct Converts<F>(F);

impl<F: FnOnce()> From<Converts<F>> for ZonelistsRef<'static> {
    fn from(Converts(meanwhile): Converts<F>) -> Self {
        meanwhile();
        ZonelistsRef::EMPTY
    }
}

/// No lock is held while a caller's type is converted into lists: the conversion may publish, walk, and panic.
#[test]
fn a_conversion_into_lists_may_publish_walk_and_panic() {
    fn anything<S: Scheme>(published: &Published<S>) {
        let again = |number: usize| {
            let filter = published.filter(&Request::up_to(zonelist_core::ZoneKind::Movable));
            assert_eq!(published.reader().unwrap().enter().walk(node(), &filter).count(), 0);
            assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Ok(Version::of(number)));
        };
        assert_eq!(published.publish(Converts(|| again(1))), Ok(Version::of(2)));
        assert_eq!(published.try_publish(Converts(|| again(3))), Ok(Version::of(4)));
        let panics = || published.publish(Converts(|| panic!("as a caller's code may")));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(published.try_publish(ZonelistsRef::EMPTY), Ok(Version::of(5)));
    }
    let capacity = Capacity::new(1, 1).unwrap();
    anything(&stop_world::<2>(capacity));
    anything(&preempted::<2>(capacity));
}

/// A scheme whose walks take one step, which has a step of a clone within.
#[derive(Debug)]
struct Nests(&'static Seen);

#[derive(Debug)]
struct Seen {
    /// True while a reader is within the outer step, after the inner one.
    within: AtomicBool,
    /// The number of stops that ran meanwhile.
    beside: AtomicUsize,
    enters: mpsc::SyncSender<()>,
    goes_on: AtomicBool,
}

#[derive(Clone, Debug)]
struct NestedSteps<'w>(ReadToken<'w, Nests>, &'static Seen);

impl Iterator for NestedSteps<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        let Self(token, seen) = self;
        // A clone, since steps of one token can't be nested: that does not compile.
        let mut another = token.clone();
        token.step(|| {
            another.step(|| ());
            seen.within.store(true, SeqCst);
            seen.enters.send(()).unwrap();
            while !seen.goes_on.load(SeqCst) {
                thread::yield_now();
            }
            seen.within.store(false, SeqCst);
        });
        None
    }
}

impl Walk for NestedSteps<'_> {}

impl Scheme for Nests {
    const FACTS: Facts = <StopWorld<Box<[Slot]>> as Scheme>::FACTS;
    const PROTOCOL: ReaderProtocol = ReaderProtocol::PerEntry;
    type Local = ();
    type Filter = ();
    type Pinned<'g> = NestedSteps<'g>;
    type Walk<'w> = NestedSteps<'w>;

    fn local(&self) {}

    fn filter(&self, _: &Request) {}

    fn pin<'g>(&'g self, (): &'g (), token: ReadToken<'g, Self>) -> NestedSteps<'g> {
        NestedSteps(token, self.0)
    }

    fn walk<'w, 'g: 'w>(pinned: &'w NestedSteps<'g>, _: NodeId, (): &'w ()) -> NestedSteps<'w> {
        pinned.clone()
    }

    fn publish(&self, _: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        writer.stop(|| _ = self.0.beside.fetch_add(self.0.within.load(SeqCst).into(), SeqCst))?;
        Ok(())
    }
}

#[test]
fn a_step_within_a_step_does_not_end_the_outer_one() {
    let (enters, is_within) = mpsc::sync_channel(1);
    let (within, goes_on) = (AtomicBool::new(false), AtomicBool::new(false));
    let seen: &Seen = Box::leak(Box::new(Seen { within, beside: AtomicUsize::new(0), enters, goes_on }));
    let published = &Published::with_slots(Nests(seen), ReaderSlots::boxed(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = published.reader().unwrap();
            assert_eq!(reader.enter().walk(node(), &()).count(), 0);
        });
        is_within.recv().unwrap();
        let publisher = scope.spawn(|| published.publish(ZonelistsRef::EMPTY));
        // Asserted below: a panic here would leave the reader in its step for ever.
        let waits = (0..YIELDS).all(|_| {
            thread::yield_now();
            !publisher.is_finished()
        });
        seen.goes_on.store(true, SeqCst);
        assert!(waits, "a publish stopped the world within a step");
        assert_eq!(publisher.join().unwrap(), Ok(Version::of(1)));
    });
    assert_eq!(seen.beside.load(SeqCst), 0, "a stop ran within a step");
}
