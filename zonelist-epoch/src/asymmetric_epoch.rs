//! `AsymmetricEpoch`: two tables by turns, and readers that say when they are inside.
//!
//! A reader stores a flag in its seat, passes the light half of the barrier pair, and loads the
//! pointer to the current table; behind its walk it takes the flag back. A publish writes the other
//! table, swaps the pointer, and looks whether anybody is inside. If somebody is, the next publish
//! waits before it writes: until each seat was seen empty, or taken anew.
//!
//! **Why a walk is a snapshot.** A walk over version `n - 2` found it before version `n - 1` took its
//! place. Between that swap and the writing of version `n` a writer runs the heavy half, so it sees
//! the walker's flag, or the walker would have seen the swap. It does not write until the flag is
//! gone, or says that the reader has meanwhile come in anew, behind the question: one that has seen
//! the question has seen the swap.
//!
//! **Why no stream of walks starves a writer.** Flags that come and go could look taken each time a
//! writer looks. So a reader that comes in while one waits answers its question instead of storing
//! the flag: it need not be waited for.

use zonelist_core::{
    Capacity, Lists, NodeId, Request, Slot, SlotFilter, Twin, TwinWalk, Twins,
    publish::{
        Allocates, Facts, Grace, Guarantee, Progress, PublishError, ReadToken, Reclaim, Scheme, StalledReader,
        WaitError, Writer,
    },
};

use crate::grace::replace_settled;

/// Two tables by turns; readers say when they are inside, and writers wait for them.
///
#[doc = include_str!("asymmetric_epoch.md")]
///
/// ```
/// use zonelist_core::{Capacity, Lists, publish::{FullFence, PublishError, Published}};
/// use zonelist_epoch::AsymmetricEpoch;
///
/// let scheme = AsymmetricEpoch::boxed(Capacity::new(8, 24).unwrap());
/// let published: Published<_, FullFence, 64> = Published::new(scheme);
/// let mut reader = published.reader()?;
/// let guard = reader.enter();
/// published.publish(Lists::EMPTY)?;
/// // The next one would be written over what the guard holds.
/// assert_eq!(published.try_publish(Lists::EMPTY), Err(PublishError::Busy));
/// drop(guard);
/// assert!(published.try_publish(Lists::EMPTY).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsymmetricEpoch(Twins);

impl AsymmetricEpoch {
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

impl Scheme for AsymmetricEpoch {
    const FACTS: Facts = Facts {
        scheme: "AsymmetricEpoch",
        package: "zonelist-epoch",
        card: include_str!("asymmetric_epoch.md"),
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
    const GRACE: Grace = Grace::Section;
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

impl Reclaim for AsymmetricEpoch {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}
