//! `DoubleBuffered`: two tables, and a writer that waits for a grace period before it writes over one.
//!
//! The implementation of [`AsymmetricEpoch`](crate::AsymmetricEpoch) and [`Qsbr`](crate::Qsbr). The two differ only in
//! their [`Protocol`]: what a reader does so that the writer knows when its walks have ended.
//!
//! ```text
//!   publish of version n, under the writer lock:   walk:
//!     wait for the grace period of n - 1             protocol: a walk may begin
//!     write version n over version n - 2             table := current
//!     current := the table of version n              read the slots of that table
//!     start the grace period of n                    protocol: the walk is over
//! ```
//!
//! **Why a walk is a snapshot.** Version `n` is written over version `n - 2`. A walk of version `n - 2` loaded
//! `current` before version `n - 1` was stored there. So the walk began before the grace period of `n - 1`, which
//! started behind that store. The publish of `n` waits for that grace period before it writes.
//!
//! **Why two tables are enough.** While one reader stays within a walk, the next publish still has a table to
//! write. The publish after that waits, or is refused as busy.

use core::marker::PhantomData;

use zonelist_core::{
    NodeId,
    publish::{
        Allocates, Changes, Facts, Guarantee, Progress, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme,
        StalledReader, WaitError, Writer,
    },
    sync::or_mutant,
    table::{Buffer, BufferWalk, Capacity, DoubleBuffer, Slot, SlotFilter},
    zonelist::ZonelistsRef,
};

/// What readers do so that the writer knows when their walks have ended.
///
/// Sealed: the grace periods of [`Writer`] know of the two protocols of this crate only.
pub trait Protocol: sealed::Sealed + Send + Sync + 'static {
    /// The protocol, as [`zonelist_core::publish`] carries it out.
    const PROTOCOL: ReaderProtocol;
    /// The name of the scheme that follows it.
    const SCHEME: &'static str;
    /// That scheme's card: see [`Facts::card`].
    const CARD: &'static str;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Two tables, and a writer that waits for a grace period before it writes over one.
///
/// Used by the names [`AsymmetricEpoch`](crate::AsymmetricEpoch) and [`Qsbr`](crate::Qsbr), which choose the protocol.
#[derive(Debug)]
pub struct DoubleBuffered<P> {
    tables: DoubleBuffer,
    protocol: PhantomData<P>,
}

impl<P: Protocol> DoubleBuffered<P> {
    /// Two empty tables on the heap.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn boxed(capacity: Capacity) -> Self {
        Self { tables: DoubleBuffer::boxed(capacity), protocol: PhantomData }
    }

    /// Two empty tables in memory that the caller gives for good; `None` unless it is of twice
    /// [`Capacity::words`].
    #[must_use]
    pub fn in_place(words: &'static mut [Slot], capacity: Capacity) -> Option<Self> {
        let tables = DoubleBuffer::in_place(words, capacity)?;
        Some(Self { tables, protocol: PhantomData })
    }
}

impl<P: Protocol> Scheme for DoubleBuffered<P> {
    const FACTS: Facts = Facts::new(P::SCHEME, env!("CARGO_PKG_NAME"))
        .card(P::CARD)
        .guarantee(Guarantee::Snapshot)
        .readers(Progress::WaitFree)
        .writer(Progress::Blocking)
        .allocates(Allocates::Never)
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .retires()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = P::PROTOCOL;
    const CHANGES: Changes = Changes::Announced;
    type Pinned<'g> = Buffer<'g>;
    type Walk<'w> = BufferWalk<'w>;
    zonelist_core::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Buffer<'g> {
        self.tables.current()
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w Buffer<'g>, node: NodeId, filter: &'w SlotFilter) -> BufferWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        replace_after_grace_period(&self.tables, next, writer)
    }
}

impl<P: Protocol> Reclaim for DoubleBuffered<P> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.synchronize()
    }
}

/// Writes the next version over the one before the last, and makes it current.
///
/// Not generic, so that it is compiled once. Allocates nothing. Waits for the walks that were under way at the last
/// swap, or returns [`PublishError::Busy`] where the caller does not wait.
fn replace_after_grace_period(
    tables: &DoubleBuffer,
    next: ZonelistsRef<'_>,
    writer: &mut Writer<'_>,
) -> Result<(), PublishError> {
    // Before the wait: lists that do not fit are refused without one.
    tables.check(next)?;
    // Every walk that began before the last swap, and so every walk of the version that is written over.
    or_mutant!(writer.wait_grace_period()? => (), "double buffer: grace period not waited for");
    // Behind the wait, so that one reader that holds it up keeps no other from remembering its first zone.
    writer.changing();
    // Ends with the store of `current` (Release), which pairs with the load in `DoubleBuffer::current` (Acquire).
    tables.replace(next)?;
    // Behind the swap, so that a reader that acknowledges this grace period walks the new table from then on.
    writer.start_grace_period();
    Ok(())
}
