//! `StopWorld`: a whole walk excludes a rewrite.

use super::{StoppedTable, StoppedWalk};
use crate::{
    NodeId,
    publish::{
        Allocates, Changes, Facts, Forked, Guarantee, PublishError, ReadToken, ReaderProtocol, Reclaim, Scheme,
        StalledReader, WaitError, Writer,
    },
    sync::const_fn,
    table::{Slot, SlotFilter, Slots, Storage},
    zonelist::ZonelistsRef,
};

/// The baseline scheme: one table, which a writer rewrites while all readers are stopped.
///
#[doc = include_str!("stop_world.md")]
///
/// Not for interrupts: a reader in an interrupt could wait for a writer that waits for the interrupted reader.
#[derive(Debug)]
pub struct StopWorld<T>(StoppedTable<T>);

impl<T> StopWorld<T> {
    const_fn! {
        /// Publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self(StoppedTable::new(table))
        }
    }
}

impl<T: Storage<Word = Slot> + Sync> Scheme for StopWorld<T> {
    const FACTS: Facts = Facts::new("StopWorld", env!("CARGO_PKG_NAME"))
        .card(include_str!("stop_world.md"))
        .guarantee(Guarantee::Snapshot)
        .allocates(Allocates::Never)
        .below_allocator()
        .tls_destructor()
        .retires()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::CriticalSection;
    const CHANGES: Changes = Changes::Announced;
    type Pinned<'g>
        = &'g StoppedTable<T>
    where
        T: 'g;
    type Walk<'w>
        = StoppedWalk<'w>
    where
        T: 'w;

    crate::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g StoppedTable<T> {
        &self.0
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(table: &'w &'g StoppedTable<T>, node: NodeId, filter: &'w SlotFilter) -> StoppedWalk<'w> {
        table.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.0.rewrite(next, writer)
    }

    fn forked(&self, fork: Forked) {
        self.0.forked(fork);
    }
}

impl<T: Storage<Word = Slot> + Sync> Reclaim for StopWorld<T> {
    fn synchronize(&self, writer: &mut Writer<'_>) -> Result<(), WaitError> {
        writer.stop(|| ())
    }
}
