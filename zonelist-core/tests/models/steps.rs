//! Models of a scheme whose walks take nested steps: the reader stays active until both steps have ended.

use std::sync::Arc;

use zonelist_core::{
    NodeId, Request, Zoneref,
    conformance::models::{Bound, NODE, explore},
    publish::{Facts, PublishError, Published, ReadToken, ReaderProtocol, ReaderSlots, Scheme, Walk, Writer},
    stop_world::StopWorldPreempted,
    sync::Track,
    table::Slot,
    zonelist::ZonelistsRef,
};

/// Plain memory that is read within steps, and written while all readers are stopped.
#[derive(Debug, Default)]
struct Nests(Track);

#[derive(Clone, Debug)]
struct NestedSteps<'w>(ReadToken<'w, Nests>, &'w Track);

impl Iterator for NestedSteps<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        let Self(token, memory) = self;
        let mut another = token.clone();
        token.step(|| {
            another.step(|| memory.read());
            memory.read();
        });
        None
    }
}

impl Walk for NestedSteps<'_> {}

impl Scheme for Nests {
    const FACTS: Facts = <StopWorldPreempted<Box<[Slot]>> as Scheme>::FACTS;
    const PROTOCOL: ReaderProtocol = ReaderProtocol::PerEntry;
    type Local = ();
    type Filter = ();
    type Pinned<'g> = NestedSteps<'g>;
    type Walk<'w> = NestedSteps<'w>;

    fn local(&self) {}

    fn filter(&self, _: &Request) {}

    fn pin<'g>(&'g self, (): &'g (), token: ReadToken<'g, Self>) -> NestedSteps<'g> {
        NestedSteps(token, &self.0)
    }

    fn walk<'w, 'g: 'w>(pinned: &'w NestedSteps<'g>, _: NodeId, (): &'w ()) -> NestedSteps<'w> {
        pinned.clone()
    }

    fn publish(&self, _: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        Ok(writer.stop(|| self.0.write())?)
    }
}

#[test]
fn a_step_within_a_step_leaves_the_reader_active() {
    explore("steps: one within another", Bound::Exhaustive, || {
        let published = Arc::new(Published::with_slots(Nests::default(), ReaderSlots::boxed(1)));
        let publisher = loom::thread::spawn({
            let published = Arc::clone(&published);
            move || published.publish(ZonelistsRef::EMPTY).expect("full fences do not fail")
        });
        let mut reader = published.reader().expect("a slot");
        assert_eq!(reader.enter().walk(NodeId::new(NODE).unwrap(), &()).count(), 0);
        drop(reader);
        publisher.join().expect("it publishes");
    });
}
