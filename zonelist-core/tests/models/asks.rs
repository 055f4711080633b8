//! Models of a scheme of one's own that asks readers behind each swap, and waits for the answers only before every third:
//! an answer to one question is none to the next.

use std::sync::Arc;

use zonelist_core::{
    Lists, NodeId, Request, Slot, StopWorld, Zoneref,
    conformance::models::{Bound, NODE, explore},
    publish::{
        Barrier, Facts, FullFence, Grace, PublishError, Published, ReadToken, Reader, Scheme, Version, Walk, Writer,
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

/// Three pieces of memory. Version 3 is written over version 1, which walks find until the second swap.
#[derive(Debug)]
struct AsksTwice<const QUIESCENT: bool> {
    memory: [Track; 3],
    current: AtomicUsize,
}

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
    const GRACE: Grace = if QUIESCENT { Grace::Quiescent } else { Grace::Section };
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

    fn publish(&self, _: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let version = writer.version();
        if version == Version::of(3) {
            writer.settle()?;
        }
        let place = if version == Version::of(3) { 1 } else { version.number() % 3 };
        self.memory[place].write();
        // Release: pairs with the acquire in `pin`.
        self.current.store(place, Release);
        writer.ask();
        Ok(())
    }
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
    let published = Arc::new(Published::<AsksTwice<QUIESCENT>, B, 1>::new(AsksTwice {
        memory: core::array::from_fn(|_| Track::new()),
        current: AtomicUsize::new(0),
    }));
    let mut reader = published.reader().expect("a slot");
    let publisher = loom::thread::spawn({
        let published = Arc::clone(&published);
        move || {
            for _ in 0..2 {
                while published.publish(Lists::EMPTY).is_err() {}
            }
            if published.try_publish(Lists::EMPTY).is_err() {
                while published.publish(Lists::EMPTY).is_err() {}
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
