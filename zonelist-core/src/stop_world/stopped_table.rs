//! The table that both schemes keep their lists in.

use crate::{
    NodeId, Slot, SlotFilter, SlotWalk, Slots, Storage, ZonelistsRef, Zoneref,
    publish::{Forked, PublishError, Walk, Writer},
    sync::{
        Track, const_fn,
        unmodelled::{self, Ordering::SeqCst},
    },
};

/// A table that is read from seats and written only while all of them are empty.
#[derive(Debug)]
pub struct StoppedTable<T> {
    slots: Slots<T>,
    memory: Track,
    /// Whether the table is being rewritten, for a child of a fork to know of.
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
    pub(super) fn rewrite(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        // Lists that do not fit are to stop nobody.
        self.slots.check(next)?;
        writer.stop(|| {
            self.memory.write();
            self.rewriting.store(true, SeqCst);
            let rewritten = self.slots.rewrite(next);
            self.rewriting.store(false, SeqCst);
            Ok(rewritten?)
        })?
    }

    /// Every list is empty, if the rewriting of the table was cut short. Nobody is within a walk then: it had
    /// been waited for that.
    pub(super) fn forked(&self, fork: Forked) {
        if fork.publish && self.rewriting.swap(false, SeqCst) {
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
