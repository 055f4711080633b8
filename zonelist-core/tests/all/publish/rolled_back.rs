//! Publishes that fail behind what they have written.

use std::cell::Cell;

use zonelist_core::{
    Lists, NodeId, Request, Slot, SlotFilter, StopWorld, Twin, TwinWalk, Twins,
    conformance::Sample,
    publish::{Facts, FullFence, Grace, PublishError, Published, ReadToken, Scheme, Version, Writer},
};

use super::{ANY, node, versions};

thread_local! {
    /// How many publishes of this thread are still to fail.
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

/// Two tables by turns, as the library's schemes have them; a publish that is to fail does so last of all.
#[derive(Debug)]
struct FailsLate(Twins);

impl Scheme for FailsLate {
    const FACTS: Facts = <StopWorld<Box<[Slot]>> as Scheme>::FACTS;
    const GRACE: Grace = Grace::Section;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = Twin<'g>;
    type Walk<'w> = TwinWalk<'w>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Twin<'g> {
        self.0.find()
    }

    fn walk<'w, 'g: 'w>(table: &'w Twin<'g>, node: NodeId, filter: &'w SlotFilter) -> TwinWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        writer.settle()?;
        self.0.replace(next)?;
        writer.ask();
        let failures = FAILURES.get();
        FAILURES.set(failures.saturating_sub(1));
        if failures > 0 { Err(PublishError::Busy) } else { Ok(()) }
    }
}

/// Its version stays where it is for the walks that have found it, though the next one has its number.
#[test]
fn what_a_publish_that_failed_has_left_is_not_written_over_under_a_walk() {
    for failures in 0..4 {
        let published: Published<_, FullFence, 1> = Published::new(FailsLate(Twins::boxed(Sample::CAPACITY)));
        let (lists, filter) = (versions(), published.filter(&ANY));
        FAILURES.set(failures);
        (0..failures).for_each(|_| assert_eq!(published.publish(&lists[0]), Err(PublishError::Busy)));
        let mut reader = published.reader().unwrap();
        let guard = reader.enter();
        let before: Vec<_> = guard.walk(node(), &filter).collect();
        assert_eq!(published.try_publish(&lists[1]), Ok(Version::of(1)));
        assert!(guard.walk(node(), &filter).eq(before), "behind {failures} failures");
    }
}
