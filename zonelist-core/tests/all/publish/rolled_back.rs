//! Publishes that fail after they have written a table.

use std::cell::Cell;

use zonelist_core::{
    NodeId,
    conformance::Sample,
    publish::{Facts, PublishError, Published, ReadToken, ReaderProtocol, ReaderSlots, Scheme, Version, Writer},
    stop_world::StopWorld,
    table::{Buffer, BufferWalk, DoubleBuffer, Slot, SlotFilter},
    zonelist::ZonelistsRef,
};

use super::{ANY, node, versions};

thread_local! {
    /// The number of publishes of this thread that are still to fail.
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

/// A double buffer, as in the library's schemes. A publish that is to fail fails as its last step.
#[derive(Debug)]
struct FailsLate(DoubleBuffer);

impl Scheme for FailsLate {
    const FACTS: Facts = <StopWorld<Box<[Slot]>> as Scheme>::FACTS;
    const PROTOCOL: ReaderProtocol = ReaderProtocol::CriticalSection;
    type Pinned<'g> = Buffer<'g>;
    type Walk<'w> = BufferWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Buffer<'g> {
        self.0.current()
    }

    fn walk<'w, 'g: 'w>(table: &'w Buffer<'g>, node: NodeId, filter: &'w SlotFilter) -> BufferWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        writer.wait_grace_period()?;
        self.0.replace(next)?;
        writer.start_grace_period();
        let failures = FAILURES.get();
        FAILURES.set(failures.saturating_sub(1));
        if failures > 0 { Err(PublishError::Busy) } else { Ok(()) }
    }
}

/// The table of a failed publish is not written over while a walk reads it, though the next version has the same
/// number.
#[test]
fn the_table_of_a_failed_publish_is_not_written_over_under_a_walk() {
    for failures in 0..4 {
        let published: Published<_> =
            Published::with_slots(FailsLate(DoubleBuffer::boxed(Sample::CAPACITY)), ReaderSlots::boxed(1));
        let (lists, filter) = (versions(), published.filter(&ANY));
        FAILURES.set(failures);
        (0..failures).for_each(|_| assert_eq!(published.publish(&lists[0]), Err(PublishError::Busy)));
        let mut reader = published.reader().unwrap();
        let guard = reader.enter();
        let before: Vec<_> = guard.walk(node(), &filter).collect();
        assert_eq!(published.try_publish(&lists[1]), Ok(Version::of(1)));
        assert!(guard.walk(node(), &filter).eq(before), "after {failures} failures");
    }
}
