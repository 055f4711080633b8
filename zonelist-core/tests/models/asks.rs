//! Models of a scheme of one's own that asks readers behind each swap, and waits for the answers before it writes over what a
//! walk may read: an answer to one question is none to the next.

use std::sync::Arc;

use zonelist_core::{
    NodeId, Request, Slot, StopWorld, ZonelistsRef, Zoneref,
    conformance::models::{Bound, NODE, explore},
    publish::{
        Barrier, Facts, FullFence, PublishError, Published, ReadToken, Reader, ReaderProtocol, Reclaim, Scheme,
        WaitError, Walk, Writer,
    },
    sync::{
        Track,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
};

use super::drains::FailsOnce;

/// Three pieces of memory, of which walks read the current one.
#[derive(Debug)]
struct AsksTwice<const QUIESCENT: bool> {
    memory: [Track; 3],
    current: AtomicUsize,
    /// Of each version, the piece that it is written to, and whether it waits before: for the third alone, which is written
    /// over the first, or for each.
    places: [(usize, bool); 3],
}

const ASKS_TWICE: [(usize, bool); 3] = [(1, false), (2, false), (1, true)];
const ASKS_ONCE: [(usize, bool); 3] = [(1, true), (0, true), (1, true)];

/// Reads the memory of its version twice.
#[derive(Clone, Debug)]
struct Reads<'w>(&'w Track);

impl Iterator for Reads<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.0.read();
        None
    }
}

impl Walk for Reads<'_> {}

impl<const QUIESCENT: bool> Scheme for AsksTwice<QUIESCENT> {
    const FACTS: Facts = <StopWorld<Box<[Slot]>> as Scheme>::FACTS;
    const PROTOCOL: ReaderProtocol =
        if QUIESCENT { ReaderProtocol::Quiescent } else { ReaderProtocol::CriticalSection };
    type Local = ();
    type Filter = ();
    type Pinned<'g> = &'g Track;
    type Walk<'w> = Reads<'w>;

    fn local(&self) {}

    fn filter(&self, _: &Request) {}

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Track {
        // Acquire: pairs with the release in `publish`.
        &self.memory[self.current.load(Acquire)]
    }

    fn walk<'w, 'g: 'w>(memory: &'w &'g Track, _: NodeId, (): &'w ()) -> Reads<'w> {
        Reads(memory)
    }

    fn publish(&self, _: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let (place, waits) = self.places[writer.version().number() - 1];
        if waits {
            writer.wait_grace_period()?;
        }
        self.memory[place].write();
        // Release: pairs with the acquire in `pin`.
        self.current.store(place, Release);
        writer.start_grace_period();
        Ok(())
    }
}

impl<const QUIESCENT: bool> Reclaim for AsksTwice<QUIESCENT> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}

fn published<const QUIESCENT: bool, B: Barrier>(
    places: [(usize, bool); 3],
) -> Arc<Published<AsksTwice<QUIESCENT>, B, 1>> {
    let (memory, current) = (core::array::from_fn(|_| Track::new()), AtomicUsize::new(0));
    Arc::new(Published::new(AsksTwice { memory, current, places }))
}

fn walks<const QUIESCENT: bool, B: Barrier>(reader: &mut Reader<'_, AsksTwice<QUIESCENT>, B>) {
    let guard = reader.enter();
    let mut walk = guard.walk(NodeId::new(NODE).unwrap(), &());
    assert_eq!((walk.next(), walk.next()), (None, None));
    drop(guard);
    reader.quiescent();
}

/// Two walks of a reader, beside three publishes. The last is tried before it is waited for, and what fails is done again.
fn beside_three_publishes<const QUIESCENT: bool, B: Barrier>() {
    let published = published::<QUIESCENT, B>(ASKS_TWICE);
    let mut reader = published.reader().expect("a slot");
    let publisher = loom::thread::spawn({
        let published = Arc::clone(&published);
        move || {
            for _ in 0..2 {
                while published.publish(ZonelistsRef::EMPTY).is_err() {}
            }
            if published.try_publish(ZonelistsRef::EMPTY).is_err() {
                while published.publish(ZonelistsRef::EMPTY).is_err() {}
            }
        }
    });
    walks(&mut reader);
    walks(&mut reader);
    drop(reader);
    publisher.join().expect("it publishes");
}

#[test]
fn an_old_answer_of_a_reader_inside_is_none_to_the_next_question() {
    explore("asks twice: section", Bound::Preemptions(2), beside_three_publishes::<false, FullFence>);
}

#[test]
fn an_old_quiescent_point_is_no_answer_to_the_next_question() {
    explore("asks twice: quiescent", Bound::Preemptions(2), beside_three_publishes::<true, FullFence>);
}

/// What could not be asked is asked again, and waited for.
#[test]
fn a_question_that_failed_is_asked_again() {
    explore("asks twice: section, failing", Bound::Preemptions(2), beside_three_publishes::<false, FailsOnce>);
    explore("asks twice: quiescent, failing", Bound::Preemptions(2), beside_three_publishes::<true, FailsOnce>);
}

/// A walk of a reader that may have answered a question before it, beside a `synchronize` that fails and two publishes, of which
/// the second is written over what the walk reads.
fn beside_a_synchronize_that_fails<const QUIESCENT: bool>() {
    let published = published::<QUIESCENT, FailsOnce>(ASKS_ONCE);
    let mut reader = published.reader().expect("a slot");
    let publisher = loom::thread::spawn({
        let published = Arc::clone(&published);
        move || {
            assert!(published.synchronize().is_err(), "the first heavy half fails");
            for _ in 0..2 {
                while published.publish(ZonelistsRef::EMPTY).is_err() {}
            }
        }
    });
    reader.quiescent();
    walks(&mut reader);
    drop(reader);
    publisher.join().expect("it publishes");
}

#[test]
fn an_answer_to_a_synchronize_that_failed_is_none_to_the_next_question() {
    explore("asks: section, a failing synchronize", Bound::Preemptions(2), beside_a_synchronize_that_fails::<false>);
    explore("asks: quiescent, a failing synchronize", Bound::Preemptions(2), beside_a_synchronize_that_fails::<true>);
}
