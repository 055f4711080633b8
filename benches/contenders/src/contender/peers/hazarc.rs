//! hazarc: counted pointers that a walk protects by a hazard pointer, as arc-swap does.

use std::sync::Arc;

use hazarc::AtomicArc;
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `hazarc::AtomicArc`.
pub(super) struct Hazarc(AtomicArc<Table>);

impl Peer for Hazarc {
    const NAME: &'static str = "hazarc";

    type Reader<'p> = &'p AtomicArc<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(AtomicArc::new(Arc::new(Table::fixed(lists))))
    }

    fn reader(&self) -> Self::Reader<'_> {
        &self.0
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(&reader.load())
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        self.0.store(Arc::new(Table::fixed(lists)));
    }
}
