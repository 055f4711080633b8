//! The locks of the standard library: a walk holds the lock.

use std::{
    mem::replace,
    sync::{Mutex, RwLock},
};

use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

const UNPOISONED: &str = "no thread panics while it holds the lock";

/// `std::sync::RwLock`.
pub(super) struct RwLocked(RwLock<Table>);

impl Peer for RwLocked {
    const NAME: &'static str = "std RwLock";

    type Reader<'p> = &'p RwLock<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(RwLock::new(Table::fixed(lists)))
    }

    fn reader(&self) -> Self::Reader<'_> {
        &self.0
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(&reader.read().expect(UNPOISONED))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        // The table is made before the lock is taken, and the one before is freed after its release.
        let table = Table::fixed(lists);
        let old = replace(&mut *self.0.write().expect(UNPOISONED), table);
        drop(old);
    }
}

/// `std::sync::Mutex`.
pub(super) struct MutexLocked(Mutex<Table>);

impl Peer for MutexLocked {
    const NAME: &'static str = "std Mutex";

    type Reader<'p> = &'p Mutex<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(Mutex::new(Table::fixed(lists)))
    }

    fn reader(&self) -> Self::Reader<'_> {
        &self.0
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(&reader.lock().expect(UNPOISONED))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        // The table is made before the lock is taken, and the one before is freed after its release.
        let table = Table::fixed(lists);
        let old = replace(&mut *self.0.lock().expect(UNPOISONED), table);
        drop(old);
    }
}
