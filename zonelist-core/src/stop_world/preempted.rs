//! `StopWorldPreempted`: only each entry of a walk excludes a rewrite.

use super::{StoppedTable, StoppedWalk};
use crate::{
    NodeId, Zoneref,
    publish::{
        Allocates, Changes, Facts, Forked, Guarantee, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader,
        Walk, Writer,
    },
    sync::const_fn,
    table::{Slot, SlotFilter, Slots, Storage},
    zonelist::ZonelistsRef,
};

/// What `stop_machine` guaranteed to the kernel: a walk may be stopped between any two zonerefs.
///
#[doc = include_str!("stop_world_preempted.md")]
#[derive(Debug)]
pub struct StopWorldPreempted<T>(StoppedTable<T>);

impl<T> StopWorldPreempted<T> {
    const_fn! {
        /// Publishes through this table.
        #[must_use]
        pub const fn new(table: Slots<T>) -> Self {
            Self(StoppedTable::new(table))
        }
    }
}

/// A walk whose reader is active for each entry, and idle in between.
#[derive(Debug)]
pub struct PreemptedWalk<'w, T: Storage<Word = Slot> + Sync> {
    slots: StoppedWalk<'w>,
    token: ReadToken<'w, StopWorldPreempted<T>>,
}

impl<T: Storage<Word = Slot> + Sync> Clone for PreemptedWalk<'_, T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), token: self.token.clone() }
    }
}

impl<T: Storage<Word = Slot> + Sync> Iterator for PreemptedWalk<'_, T> {
    type Item = Zoneref;

    #[inline]
    fn next(&mut self) -> Option<Zoneref> {
        let Self { slots, token } = self;
        // Each slot is a step of its own, also one that the filter passes over: no stop waits for more than one slot.
        // No foreign code runs within, so that the step need not be counted.
        loop {
            if let Some(seen) = token.step_alone(|| slots.step()) {
                return seen;
            }
        }
    }
}

impl<T: Storage<Word = Slot> + Sync> Walk for PreemptedWalk<'_, T> {}

impl<T: Storage<Word = Slot> + Sync> Scheme for StopWorldPreempted<T> {
    const FACTS: Facts = Facts::new("StopWorldPreempted", env!("CARGO_PKG_NAME"))
        .card(include_str!("stop_world_preempted.md"))
        .guarantee(Guarantee::Racy)
        .allocates(Allocates::Never)
        .below_allocator()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::PerEntry;
    const CHANGES: Changes = Changes::Announced;
    type Pinned<'g>
        = (&'g StoppedTable<T>, ReadToken<'g, Self>)
    where
        T: 'g;
    type Walk<'w>
        = PreemptedWalk<'w, T>
    where
        T: 'w;

    crate::slot_readers!();

    #[inline(always)]
    fn pin<'g>(&'g self, (): &'g (), token: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        (&self.0, token)
    }

    #[inline(always)]
    fn walk<'w, 'g: 'w>(
        (table, token): &'w Self::Pinned<'g>,
        node: NodeId,
        filter: &'w SlotFilter,
    ) -> PreemptedWalk<'w, T> {
        PreemptedWalk { slots: table.walk(node, filter), token: token.clone() }
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.0.rewrite(next, writer)
    }

    fn forked(&self, fork: Forked) {
        self.0.forked(fork);
    }
}
