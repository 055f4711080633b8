//! Faulty: a publish empties the list behind the lock, and stores the new one after it has taken the lock again.

use zonelist_core::{
    NodeId, Zoneref,
    publish::{Allocates, Facts, Guarantee, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader, Writer},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    table::{SlotWalk, Slots},
    zonelist::ZonelistsRef,
};

type Version = Slots<Box<[Option<Zoneref>]>>;

/// A table behind a lock.
#[derive(Debug, Default)]
pub struct EmptiedFirst(RwLock<Version>);

impl Scheme for EmptiedFirst {
    const FACTS: Facts = Facts::new("EmptiedFirst", env!("CARGO_PKG_NAME"))
        .guarantee(Guarantee::Snapshot)
        .allocates(Allocates::Publish)
        .no_registration()
        .stalled_reader(StalledReader::Bounded);
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = RwLockReadGuard<'g, Version>;
    type Walk<'w> = SlotWalk<'w, Option<Zoneref>>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn walk<'w, 'g: 'w>(version: &'w Self::Pinned<'g>, node: NodeId, filter: &'w Self::Filter) -> Self::Walk<'w> {
        version.walk(node, filter)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        for version in [ZonelistsRef::EMPTY, next] {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = Slots::fixed(version);
        }
        Ok(())
    }
}
