//! A panic inside a walk or a publish: locks and critical sections are released, and later walks and publishes succeed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use zonelist_core::{
    NodeId, Request, ZoneKind,
    conformance::Sample,
    publish::{
        Allocates, Facts, Guarantee, Platform, PublishError, Published, ReadToken, ReaderProtocol, ReaderSlots, Scheme,
        StalledReader, Version, Writer,
    },
    sync::Spin,
    table::{Capacity, Slot, SlotFilter, SlotWalk, Slots},
    zonelist::ZonelistsRef,
};
use zonelist_schemes::{Buildable, SchemeId, Visitor};

/// Walks that panic, each with publishes and walks after it.
struct InAWalk;

impl Visitor for InAWalk {
    type Output = ();

    fn capacity(&self) -> Capacity {
        Sample::CAPACITY
    }

    fn visit<S: Buildable, P: Platform<Lock = Spin>>(&mut self) {
        let Sample { versions, requests } = Sample::default();
        let published: Published<S, P> = Published::with_platform(S::build(self.capacity()), ReaderSlots::boxed(1));
        let (node, request) = requests[0];
        let mut reader = published.reader().unwrap();
        for version in versions.iter().cycle().take(30) {
            published.publish(version).unwrap();
            let filter = published.filter(&request);
            let walk = catch_unwind(AssertUnwindSafe(|| {
                let guard = reader.enter();
                let first = guard.walk(node, &filter).next();
                panic!("at {first:?}: the caller's code panics within the walk");
            }));
            assert!(walk.is_err());
            reader.quiescent();
            // If the critical section had not ended, this publish would be refused, or the walk would show another
            // version.
            published.try_publish(&versions[1]).unwrap();
            reader.quiescent();
            published.try_publish(version).unwrap();
            let seen: Vec<_> = reader.enter().walk(node, &filter).collect();
            let list = version.lists().of(node, request.scope).iter().copied();
            assert_eq!(seen, list.filter(|entry| request.admits(entry.zone())).collect::<Vec<_>>());
            reader.quiescent();
        }
    }
}

#[test]
fn a_panic_in_a_walk_leaves_nothing_held() {
    SchemeId::all().into_iter().for_each(|scheme| scheme.visit(&mut InAWalk));
}

/// A scheme that panics if [`PANICS`] is set, with all readers stopped. No scheme of the workspace can panic in a
/// publish: no code of a caller runs there.
struct Panicking(Slots<Box<[Slot]>>);

static PANICS: AtomicBool = AtomicBool::new(false);

impl Scheme for Panicking {
    const FACTS: Facts = Facts::new("Panicking", "none")
        .guarantee(Guarantee::Snapshot)
        .allocates(Allocates::Never)
        .below_allocator()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::CriticalSection;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = SlotWalk<'w, Slot>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, Slot> {
        scheme.0.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        writer.stop(|| {
            assert!(!PANICS.load(SeqCst), "in the middle of a publish");
            Ok(self.0.rewrite(next)?)
        })?
    }
}

#[test]
fn a_panic_in_a_publish_lets_readers_continue_and_releases_the_lock() {
    let Sample { versions, requests } = Sample::default();
    let published: Published<_> =
        Published::with_slots(Panicking(Slots::boxed(Sample::CAPACITY)), ReaderSlots::boxed(1));
    let mut reader = published.reader().unwrap();
    let filter = published.filter(&Request::up_to(ZoneKind::Movable));
    let mut count = || reader.enter().walk(requests[0].0, &filter).count();
    for number in 1..10 {
        assert_eq!(published.publish(&versions[number % 2]), Ok(Version::of(number)));
        let before = count();
        PANICS.store(true, SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(|| published.publish(&versions[2]))).is_err());
        assert_eq!(count(), before, "the version before");
        PANICS.store(false, SeqCst);
    }
}
