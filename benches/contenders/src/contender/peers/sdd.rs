//! sdd, the epochs of the crate scc: a walk is within a guard, and a replaced version is freed some epochs later.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use sdd::{AtomicOwned, Guard, Owned, Tag};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `sdd::AtomicOwned`.
pub(super) struct Sdd(AtomicOwned<Table>);

impl Peer for Sdd {
    const NAME: &'static str = "sdd";

    type Reader<'p> = &'p AtomicOwned<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        Self(AtomicOwned::new(Table::fixed(lists)))
    }

    fn reader(&self) -> Self::Reader<'_> {
        &self.0
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        let guard = Guard::new();
        f(reader.load(Acquire, &guard).as_ref().expect("every publish stores a table"))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        let table = Owned::new(Table::fixed(lists));
        // The drop of the table before retires it.
        drop(self.0.swap((Some(table), Tag::None), AcqRel));
    }
}
