//! seize: a walk is within a guard of the collector, and a replaced version is freed once the guards before are gone.

use std::sync::atomic::{
    AtomicPtr,
    Ordering::{AcqRel, Acquire},
};

use seize::{Collector, Guard, reclaim};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `seize::Collector`. `current` is made by `Box::into_raw`, and is never null.
pub(super) struct Seize {
    collector: Collector,
    current: AtomicPtr<Table>,
}

impl Peer for Seize {
    const NAME: &'static str = "seize";

    type Reader<'p> = &'p Self;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        let table = Box::into_raw(Box::new(Table::fixed(lists)));
        Self { collector: Collector::new(), current: AtomicPtr::new(table) }
    }

    fn reader(&self) -> Self::Reader<'_> {
        self
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        let guard = reader.collector.enter();
        // SAFETY: `current` is never null, and the collector frees no table that a guard has protected before the
        // guard's drop.
        f(unsafe { &*guard.protect(&reader.current, Acquire) })
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        let table = Box::into_raw(Box::new(Table::fixed(lists)));
        let guard = self.collector.enter();
        let old = guard.swap(&self.current, table, AcqRel);
        // SAFETY: `old` is from `Box::into_raw`. The swap has made it unreachable for later guards, and returns each
        // table once.
        unsafe { guard.defer_retire(old, reclaim::boxed) };
    }
}

impl Drop for Seize {
    fn drop(&mut self) {
        // SAFETY: `current` owns its table, which is from `Box::into_raw`, and `&mut self` excludes every reader.
        drop(unsafe { Box::from_raw(*self.current.get_mut()) });
    }
}
