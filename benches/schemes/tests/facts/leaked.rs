//! A thread that ends within a walk, with its guard and its reader leaked.

use std::{
    mem,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use zonelist_core::{
    conformance::{Sample, facts::heap},
    publish::{Platform, Progress, Published, ReaderProtocol, ReaderSlots, Scheme, StalledReader},
    sync::Spin,
    table::Capacity,
};
use zonelist_schemes::{Buildable, Visitor};

use super::child::{ends, verdicts, watch};

const PUBLISHES: usize = 2000;

/// The effects of a leaked walk, by the facts: those of a walk that is stalled for ever.
const WAIT: &str = "publishes wait for ever";
const KEEP: &str = "each publish keeps memory";
const NOTHING: &str = "nothing, except that its slot is lost";

fn claimed<S: Scheme>() -> &'static str {
    match (S::FACTS.writer, S::PROTOCOL, S::FACTS.stalled_reader) {
        // A reader of this protocol is in no critical section between two steps.
        (Progress::Blocking, protocol, _) if protocol != ReaderProtocol::PerEntry => WAIT,
        (_, _, StalledReader::Unbounded) => KEEP,
        _ => NOTHING,
    }
}

struct Leak;

impl Visitor for Leak {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(2));
        published.publish(&versions[0]).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut reader = published.reader().unwrap();
                let filter = published.filter(&requests[0].1);
                let guard = reader.enter();
                let mut walk = guard.walk(requests[0].0, &filter);
                assert!(walk.next().is_some());
                mem::forget(walk);
                mem::forget(guard);
                mem::forget(reader);
            });
        });
        let done = AtomicUsize::new(0);
        let mut kept = 0;
        thread::scope(|scope| {
            scope.spawn(|| watch(&format!("{}: {WAIT}", claimed::<S>() == WAIT), || done.load(SeqCst)));
            for version in versions.iter().cycle().take(PUBLISHES) {
                published.publish(version).unwrap();
                if done.fetch_add(1, SeqCst) + 1 == PUBLISHES / 2 {
                    kept = heap::kept();
                }
            }
            // A later reader walks as before.
            let (mut reader, filter) = (published.reader().unwrap(), published.filter(&requests[0].1));
            assert!(reader.enter().walk(requests[0].0, &filter).next().is_some());
            let a_publish = (heap::kept() - kept) / (PUBLISHES / 2) as i64;
            let what = if a_publish > 8 { KEEP } else { NOTHING };
            ends(format!("{}: {what} ({a_publish} bytes a publish)", claimed::<S>() == what));
        });
    }
}

#[test]
fn a_leaked_walk_does_what_the_facts_say_of_a_stalled_one() {
    let verdicts = verdicts("leaked::a_leaked_walk_does_what_the_facts_say_of_a_stalled_one", |scheme| {
        scheme.visit(&mut Leak);
    });
    for (scheme, verdict) in verdicts {
        assert!(verdict.starts_with("true: "), "{}: {verdict}", scheme.name());
    }
}
