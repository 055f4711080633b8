//! left-right: two copies of the lists, and a publish that waits for the readers of the one that it will change.

use std::sync::Mutex;

use left_right::{Absorb, ReadHandle, ReadHandleFactory, WriteHandle};
use zonelist_core::zonelist::ZonelistsRef;

use super::{Peer, Table};

/// `left_right::ReadHandle` and `WriteHandle`.
pub(super) struct LeftRight {
    writer: Mutex<WriteHandle<Table, Replace>>,
    readers: ReadHandleFactory<Table>,
}

/// The operation that replaces a copy.
pub(super) struct Replace(Table);

impl Absorb<Replace> for Table {
    fn absorb_first(&mut self, operation: &mut Replace, _: &Self) {
        self.clone_from(&operation.0);
    }

    fn absorb_second(&mut self, operation: Replace, _: &Self) {
        *self = operation.0;
    }

    fn sync_with(&mut self, first: &Self) {
        self.clone_from(first);
    }
}

impl Peer for LeftRight {
    const NAME: &'static str = "left-right";

    type Reader<'p> = ReadHandle<Table>;

    fn new(lists: ZonelistsRef<'_>) -> Self {
        let (writer, reader) = left_right::new_from_empty(Table::fixed(lists));
        Self { writer: Mutex::new(writer), readers: reader.factory() }
    }

    fn reader(&self) -> Self::Reader<'_> {
        self.readers.handle()
    }

    #[inline(always)]
    fn read<R>(reader: &mut Self::Reader<'_>, f: impl FnOnce(&Table) -> R) -> R {
        f(&reader.enter().expect("the writer lives as long as its readers"))
    }

    fn publish(&self, lists: ZonelistsRef<'_>) {
        let replace = Replace(Table::fixed(lists));
        self.writer.lock().expect("no publish panics").append(replace).publish();
    }
}
