//! crossbeam-epoch: a walk is pinned, and a replaced version is freed two epochs later.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crossbeam_epoch::{Atomic, LocalHandle, Owned, default_collector, pin};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `crossbeam_epoch::Atomic`. `current` is never null.
pub(super) struct CrossbeamEpoch {
    current: Atomic<Table>,
}

/// A registered reader.
pub(super) struct Local<'p> {
    local: LocalHandle,
    current: &'p Atomic<Table>,
}

impl Peer for CrossbeamEpoch {
    const NAME: &'static str = "crossbeam-epoch";

    type Reader<'p> = Local<'p>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self { current: Atomic::new(Table::fixed(lists)) }
    }

    fn reader(&self) -> Self::Reader<'_> {
        Local { local: default_collector().register(), current: &self.current }
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        let guard = reader.local.pin();
        // SAFETY: `current` is never null, and a replaced table is freed by the collector that the guard pins, after
        // the guard's drop.
        f(unsafe { reader.current.load(Acquire, &guard).deref() })
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        let table = Owned::new(Table::fixed(lists));
        let guard = pin();
        let old = self.current.swap(table, AcqRel, &guard);
        // SAFETY: the swap has made the table unreachable for readers that pin later, and it returns each table once.
        unsafe { guard.defer_destroy(old) };
    }
}

impl Drop for CrossbeamEpoch {
    fn drop(&mut self) {
        // SAFETY: `current` owns its table, and `&mut self` excludes every reader.
        drop(unsafe { std::mem::take(&mut self.current).into_owned() });
    }
}
