//! The table that both schemes keep their lists in.

use crate::{
    NodeId, Zoneref,
    publish::{Forked, PublishError, Walk, Writer},
    sync::{
        Track, const_fn,
        unmodelled::{
            self,
            Ordering::{Relaxed, Release},
            fence,
        },
    },
    table::{Slot, SlotFilter, SlotWalk, Slots, Storage},
    zonelist::ZonelistsRef,
};

/// A table that active readers walk, and that is written only while all readers are idle.
#[derive(Debug)]
pub struct StoppedTable<T> {
    slots: Slots<T>,
    /// Has loom check that no walk meets a rewrite; empty in other builds.
    memory: Track,
    /// True while the table is rewritten: for a child of a fork.
    rewriting: unmodelled::AtomicBool,
}

impl<T> StoppedTable<T> {
    const_fn! {
        pub(super) const fn new(slots: Slots<T>) -> Self {
            Self { slots, memory: Track::new(), rewriting: unmodelled::AtomicBool::new(false) }
        }
    }
}

impl<T: Storage<Word = Slot>> StoppedTable<T> {
    /// Writes the lists over those of the version before, while all readers are stopped.
    pub(super) fn rewrite(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        // Before the stop: lists that do not fit stop no reader.
        self.slots.check(next)?;
        writer.stop(|| {
            // For loom, which reports a walk that is ordered neither before nor after this.
            self.memory.write();
            self.rewriting.store(true, Relaxed);
            // Release: this store is before those to the table. A fork may cut this thread at any point of the order of
            // its stores, and `forked` must find the flag set if the child has a part of them.
            fence(Release);
            let rewritten = self.slots.rewrite(next);
            // Release: this store is behind those to the table. It pairs with no load, since the child has one thread.
            self.rewriting.store(false, Release);
            Ok(rewritten?)
        })?
    }

    /// Empties every list if a fork cut a rewrite short. No walk is under way then: the rewrite had waited for all of
    /// them.
    pub(super) fn forked(&self, fork: Forked) {
        // A table that is half rewritten has lists of no version.
        if fork.publish && self.rewriting.swap(false, Relaxed) {
            let emptied = self.slots.rewrite(ZonelistsRef::EMPTY);
            debug_assert!(emptied.is_ok(), "{emptied:?}");
        }
    }

    #[inline(always)]
    pub(super) fn walk<'w>(&'w self, node: NodeId, filter: &'w SlotFilter) -> StoppedWalk<'w> {
        StoppedWalk { slots: self.slots.walk(node, filter), memory: &self.memory }
    }
}

/// A walk over a table that does not change meanwhile.
#[derive(Clone, Debug)]
pub struct StoppedWalk<'w> {
    slots: SlotWalk<'w, Slot>,
    memory: &'w Track,
}

impl StoppedWalk<'_> {
    /// Reads the next slot: `None` if the filter passes over it, `Some(None)` at the end of the list.
    #[inline(always)]
    pub(super) fn step(&mut self) -> Option<Option<Zoneref>> {
        self.memory.read();
        self.slots.step()
    }
}

impl Iterator for StoppedWalk<'_> {
    type Item = Zoneref;

    #[inline(always)]
    fn next(&mut self) -> Option<Zoneref> {
        self.memory.read();
        self.slots.next()
    }
}

impl Walk for StoppedWalk<'_> {}
