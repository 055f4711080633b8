//! `Qsbr`: two tables by turns, and readers that say when they are between walks.
//!
//! A reader loads the pointer to the current table, and that is all. It is taken to be within a walk
//! at any time, but where it says otherwise: at a quiescent point, or off line. Kernels and event
//! loops pass such points anyway: a return to user space, the top of the loop.
//!
//! A publish swaps the pointer and leaves a question at every seat; at its next quiescent point a
//! reader answers it. The next publish waits until every reader has, or is off line, since it
//! writes over what they may have found before.
//!
//! **Why a walk is a snapshot.** The type system sees to it that no walk goes on across a quiescent
//! point. A walk over version `n - 2` began before its reader answered the question behind the swap
//! to `n - 1`, for who has read the question finds the new table. So the answer comes behind the
//! walk, and the publish of `n` behind the answer. A reader that comes on line says so, passes the
//! light half of the barrier pair, and finds the new table, or is seen on line by the writer behind
//! its heavy half, and waited for.
//!
//! **What a reader owes.** A quiescent point between any two publishes. A thread that publishes
//! or waits for somebody who does, with a reader of its own that owes one, waits for itself:
//! [`Reader::offline`](zonelist_core::publish::Reader::offline) around the call is the way out. Handles of
//! a [`PageAllocator`](zonelist_core::PageAllocator) owe nothing: their readers are on line only
//! within an operation, under the flag that guards their caches.

use zonelist_core::{
    Capacity, Lists, NodeId, Request, Slot, SlotFilter, Twin, TwinWalk, Twins,
    publish::{
        Allocates, Facts, Grace, Guarantee, Progress, PublishError, ReadToken, Reclaim, Scheme, StalledReader,
        WaitError, Writer,
    },
};

use crate::grace::replace_settled;

/// Two tables by turns; readers say when they are between walks, and writers wait for that.
///
#[doc = include_str!("qsbr.md")]
///
/// ```
/// use zonelist_core::{Capacity, Lists, publish::{FullFence, PublishError, Published}};
/// use zonelist_epoch::Qsbr;
///
/// let published: Published<_, FullFence, 64> = Published::new(Qsbr::boxed(Capacity::new(8, 24).unwrap()));
/// let mut reader = published.reader()?;
/// published.publish(Lists::EMPTY)?;
/// drop(reader.enter());
/// assert_eq!(published.try_publish(Lists::EMPTY), Err(PublishError::Busy), "the reader may be at it");
/// reader.quiescent();
/// published.publish(Lists::EMPTY)?;
/// reader.offline(|| published.publish(Lists::EMPTY))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Qsbr(Twins);

impl Qsbr {
    /// Two empty tables on the heap.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        Self(Twins::boxed(capacity))
    }

    /// Two empty tables in memory that the caller gives for good; `None` unless it is of twice
    /// [`Capacity::words`].
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        Twins::in_place(words, capacity).map(Self)
    }
}

impl Scheme for Qsbr {
    const FACTS: Facts = Facts {
        scheme: "Qsbr",
        package: "zonelist-epoch",
        card: include_str!("qsbr.md"),
        guarantee: Guarantee::Snapshot,
        readers: Progress::WaitFree,
        writer: Progress::Blocking,
        allocates: Allocates::Never,
        registers: true,
        interrupt_safe: true,
        below_allocator: true,
        after_fork: true,
        tls_destructor: true,
        retires: true,
        stalled_reader: StalledReader::Bounded,
        no_std: true,
        no_alloc: true,
    };
    const GRACE: Grace = Grace::Quiescent;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = Twin<'g>;
    type Walk<'w> = TwinWalk<'w>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Twin<'g> {
        self.0.find()
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w Twin<'g>, node: NodeId, filter: &'w SlotFilter) -> TwinWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: Lists<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        replace_settled(&self.0, next, writer)
    }
}

impl Reclaim for Qsbr {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}
