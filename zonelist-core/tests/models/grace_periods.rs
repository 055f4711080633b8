//! Models of grace periods: an acknowledgement of one grace period is none of the next.
//!
//! The scheme here starts a grace period behind each swap, and waits for it before it writes over memory that a walk
//! may read. All its memory is plain, so loom reports a write that nothing orders behind a read.

use std::sync::Arc;

use zonelist_core::{
    NodeId, Request, Zoneref,
    conformance::models::{Bound, NODE, explore},
    publish::{
        Facts, Parts, Platform, PublishError, Published, ReadToken, Reader, ReaderProtocol, ReaderSlots, Reclaim,
        Scheme, Standard, WaitError, Walk, Writer,
    },
    stop_world::StopWorld,
    sync::{
        Track,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
    table::Slot,
    zonelist::ZonelistsRef,
};

use super::drains::FailsOnce;

/// Three buffers, of which walks read the current one. `QUIESCENT` selects the reader protocol.
#[derive(Debug)]
struct Buffers<const QUIESCENT: bool> {
    memory: [Track; 3],
    current: AtomicUsize,
    /// By version: the buffer that it is written to, and whether the publish waits for the last grace period before.
    plan: [(usize, bool); 3],
}

/// Two grace periods start before the first wait: the third version is written over the first.
const TWO_GRACE_PERIODS: [(usize, bool); 3] = [(1, false), (2, false), (1, true)];
/// Each publish waits for the grace period before it: two buffers, by turns.
const ONE_GRACE_PERIOD: [(usize, bool); 3] = [(1, true), (0, true), (1, true)];

/// A walk that reads the memory of its version, once for each call of `next`.
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

impl<const QUIESCENT: bool> Scheme for Buffers<QUIESCENT> {
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
        // Acquire: pairs with the release in `Buffers::publish`.
        &self.memory[self.current.load(Acquire)]
    }

    fn walk<'w, 'g: 'w>(memory: &'w &'g Track, _: NodeId, (): &'w ()) -> Reads<'w> {
        Reads(memory)
    }

    fn publish(&self, _: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        let (buffer, waits) = self.plan[writer.version().number() - 1];
        // Before the write: walks of the buffer that is written over have ended then.
        if waits {
            writer.wait_grace_period()?;
        }
        self.memory[buffer].write();
        // Release: pairs with the acquire in `Buffers::pin`.
        self.current.store(buffer, Release);
        // Behind the swap: a reader that acknowledges it walks the new buffer from then on.
        writer.start_grace_period();
        Ok(())
    }
}

impl<const QUIESCENT: bool> Reclaim for Buffers<QUIESCENT> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}

fn published<const QUIESCENT: bool, P: Platform>(plan: [(usize, bool); 3]) -> Arc<Published<Buffers<QUIESCENT>, P>> {
    let (memory, current) = (core::array::from_fn(|_| Track::new()), AtomicUsize::new(0));
    Arc::new(Published::with_platform(Buffers { memory, current, plan }, ReaderSlots::boxed(1)))
}

/// A walk of two reads, and a quiescent state behind it.
fn walks<const QUIESCENT: bool, P: Platform>(reader: &mut Reader<'_, Buffers<QUIESCENT>, P>) {
    let guard = reader.enter();
    let mut walk = guard.walk(NodeId::new(NODE).unwrap(), &());
    assert_eq!((walk.next(), walk.next()), (None, None));
    drop(guard);
    reader.quiescent();
}

/// Two walks of a reader, beside three publishes. The last is tried without waiting first, and each is repeated until
/// it succeeds.
fn beside_three_publishes<const QUIESCENT: bool, P: Platform>() {
    let published = published::<QUIESCENT, P>(TWO_GRACE_PERIODS);
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
fn an_old_acknowledgement_of_a_critical_section_is_none_of_the_next_grace_period() {
    explore("two grace periods: critical section", Bound::Preemptions(2), beside_three_publishes::<false, Standard>);
}

#[test]
fn an_old_quiescent_state_is_no_acknowledgement_of_the_next_grace_period() {
    explore("two grace periods: quiescent", Bound::Preemptions(2), beside_three_publishes::<true, Standard>);
}

/// A grace period whose heavy half failed is started again, and waited for.
#[test]
fn a_grace_period_that_failed_is_started_again() {
    let name = "two grace periods: critical section, failing";
    explore(name, Bound::Preemptions(2), beside_three_publishes::<false, Parts<FailsOnce>>);
    let name = "two grace periods: quiescent, failing";
    explore(name, Bound::Preemptions(2), beside_three_publishes::<true, Parts<FailsOnce>>);
}

/// A walk beside a `synchronize` that fails and two publishes, the second of which is written over the memory of the
/// walk. The reader may have acknowledged the grace period of the `synchronize` before its walk.
fn beside_a_synchronize_that_fails<const QUIESCENT: bool>() {
    let published = published::<QUIESCENT, Parts<FailsOnce>>(ONE_GRACE_PERIOD);
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
fn an_acknowledgement_of_a_synchronize_that_failed_is_none_of_the_next_grace_period() {
    let name = "one grace period: critical section, a failing synchronize";
    explore(name, Bound::Preemptions(2), beside_a_synchronize_that_fails::<false>);
    let name = "one grace period: quiescent, a failing synchronize";
    explore(name, Bound::Preemptions(2), beside_a_synchronize_that_fails::<true>);
}
