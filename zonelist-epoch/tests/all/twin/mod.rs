//! `ArcSwap` with faults, over memory that outlives its versions: to free a version is to clear its
//! table, which whoever is still in it can see, rather than to give the memory away.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use zonelist_core::{
    Capacity, Lists, NodeId, Request, Slot, SlotFilter, SlotWalk, Slots,
    publish::{Facts, Grace, PublishError, ReadToken, Scheme, Writer},
};

type Table = Slots<Box<[Slot]>>;

/// What is wrong with a [`Twin`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Nothing,
    /// A reader finds the version, and does not hold it.
    ReaderUnprotected,
    /// A version is freed when it is replaced.
    FreedAtOnce,
}

#[derive(Debug)]
pub(crate) struct Twin {
    fault: Fault,
    current: ArcSwap<Version>,
    replaced: Mutex<Vec<Arc<Version>>>,
}

/// A version, and the memory that it is in, which goes when nobody refers to it any more.
#[derive(Debug)]
pub(crate) struct Version {
    memory: Arc<Table>,
}

impl Version {
    fn new(lists: Lists<'_>) -> Self {
        let table = Slots::boxed(Capacity::of(lists));
        table.rewrite(lists).expect("room");
        Self { memory: Arc::new(table) }
    }

    fn free(&self) {
        self.memory.rewrite(Lists::EMPTY).expect("room");
    }
}

impl Twin {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, current: ArcSwap::from_pointee(Version::new(Lists::EMPTY)), replaced: Mutex::default() }
    }
}

#[derive(Debug)]
pub(crate) enum Pin {
    Held(Guard<Arc<Version>>),
    Unprotected(Arc<Table>),
}

impl Scheme for Twin {
    const FACTS: Facts = Facts { scheme: "a twin of ArcSwap", ..zonelist_epoch::ArcSwap::FACTS };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = Pin;
    type Walk<'w> = SlotWalk<'w, Slot>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

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

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
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
