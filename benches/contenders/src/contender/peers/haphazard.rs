//! haphazard: a walk protects its version by a hazard pointer.

use haphazard::{AtomicPtr, HazardPointer};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `haphazard::AtomicPtr` in the global domain. `current` is never null.
pub(super) struct Haphazard {
    current: AtomicPtr<Table>,
}

/// A reader's hazard pointer. It protects the last version read until the next read, so it keeps at most one.
pub(super) struct Hazard<'p> {
    hazard: HazardPointer<'static>,
    current: &'p AtomicPtr<Table>,
}

impl Peer for Haphazard {
    const NAME: &'static str = "haphazard";

    type Reader<'p> = Hazard<'p>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self { current: AtomicPtr::from(Box::new(Table::fixed(lists))) }
    }

    fn reader(&self) -> Self::Reader<'_> {
        Hazard { hazard: HazardPointer::new(), current: &self.current }
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(reader.current.safe_load(&mut reader.hazard).expect("every publish stores a table"))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        if let Some(old) = self.current.swap(Box::new(Table::fixed(lists))) {
            // SAFETY: the swap returns each table once, so no table is retired twice.
            unsafe { old.retire() };
        }
    }
}

impl Drop for Haphazard {
    fn drop(&mut self) {
        // SAFETY: the pointer is not changed.
        let current = unsafe { *self.current.get_mut() };
        // SAFETY: `current` owns its table, which is from a box, and `&mut self` excludes every reader.
        drop(unsafe { Box::from_raw(current) });
    }
}
