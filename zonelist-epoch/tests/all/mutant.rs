//! `ArcSwap` with faults, over memory that outlives its versions.
//!
//! Freeing a version clears its table, and does not return its memory. So a walk that is still in the version shows the
//! fault, without undefined behaviour.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use zonelist_core::{
    NodeId,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Writer},
    table::{Capacity, Slot, SlotFilter, SlotWalk, Slots},
    zonelist::ZonelistsRef,
};

type Table = Slots<Box<[Slot]>>;

/// The fault of a [`Mutant`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// No fault, to show that the rest of the mutant is correct.
    None,
    /// A reader loads the version, and does not hold it.
    ReaderUnprotected,
    /// A version is freed when it is replaced.
    FreedAtOnce,
}

#[derive(Debug)]
pub(crate) struct Mutant {
    fault: Fault,
    current: ArcSwap<Version>,
    replaced: Mutex<Vec<Arc<Version>>>,
}

/// A version, and its memory, which is freed with the last reference to it.
#[derive(Debug)]
pub(crate) struct Version {
    memory: Arc<Table>,
}

impl Version {
    fn new(lists: ZonelistsRef<'_>) -> Self {
        let table = Slots::boxed(Capacity::of(lists));
        table.rewrite(lists).expect("room");
        Self { memory: Arc::new(table) }
    }

    fn free(&self) {
        self.memory.rewrite(ZonelistsRef::EMPTY).expect("room");
    }
}

impl Mutant {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, current: ArcSwap::from_pointee(Version::new(ZonelistsRef::EMPTY)), replaced: Mutex::default() }
    }
}

#[derive(Debug)]
pub(crate) enum Pin {
    Held(Guard<Arc<Version>>),
    Unprotected(Arc<Table>),
}

impl Scheme for Mutant {
    const FACTS: Facts = zonelist_epoch::ArcSwap::FACTS.scheme("a mutant of ArcSwap");
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = Pin;
    type Walk<'w> = SlotWalk<'w, Slot>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Pin {
        let guard = self.current.load();
        if self.fault == Fault::ReaderUnprotected {
            Pin::Unprotected(Arc::clone(&guard.memory))
        } else {
            Pin::Held(guard)
        }
    }

    fn walk<'w, 'g: 'w>(pin: &'w Pin, node: NodeId, filter: &'w SlotFilter) -> SlotWalk<'w, Slot> {
        match pin {
            Pin::Held(guard) => guard.memory.walk(node, filter),
            Pin::Unprotected(table) => table.walk(node, filter),
        }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let old = self.current.swap(Arc::new(Version::new(next)));
        let mut replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.push(old);
        replaced.retain_mut(|version| {
            let free = self.fault == Fault::FreedAtOnce || Arc::get_mut(version).is_some();
            if free {
                version.free();
            }
            !free
        });
        Ok(())
    }
}
