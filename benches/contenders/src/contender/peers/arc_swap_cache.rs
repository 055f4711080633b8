//! arc-swap's `Cache`: a reader has a counted pointer of its own, and compares it with the current one.

use std::sync::Arc;

use arc_swap::{ArcSwap, cache::Cache};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `arc_swap::Cache`. The scheme `ArcSwap` reads by `arc_swap::ArcSwap::load`.
pub(super) struct ArcSwapCache(ArcSwap<Table>);

impl Peer for ArcSwapCache {
    const NAME: &'static str = "arc-swap Cache";

    type Reader<'p> = Cache<&'p ArcSwap<Table>, Arc<Table>>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(ArcSwap::from_pointee(Table::fixed(lists)))
    }

    fn reader(&self) -> Self::Reader<'_> {
        Cache::new(&self.0)
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(reader.load())
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        self.0.store(Arc::new(Table::fixed(lists)));
    }
}
