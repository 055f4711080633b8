//! Faulty: a shorter list keeps the length of the previous list.

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Facts, Progress, PublishError, ReadToken, Scheme, Walk, Writer},
    sync::{Mutex, PoisonError},
    zonelist::ZonelistsRef,
};

use crate::ZONES;

type List = ([Option<Zoneref>; ZONES], usize);

/// A list and its length, behind a lock.
#[derive(Debug, Default)]
pub struct OldLength(Mutex<List>);

/// A walk over a copy.
#[derive(Clone, Debug)]
pub struct CopyWalk<'w> {
    list: List,
    next: usize,
    request: &'w Request,
}

impl Iterator for CopyWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        let (zones, length) = &self.list;
        let rest = zones[self.next..*length].iter().copied().flatten();
        let found = rest.clone().position(|entry| self.request.admits(entry.zone()))?;
        self.next += found + 1;
        zones[self.next - 1]
    }
}

impl Walk for CopyWalk<'_> {}

impl Scheme for OldLength {
    const FACTS: Facts = crate::FACTS.scheme("OldLength").readers(Progress::Blocking).writer(Progress::Blocking);
    type Pinned<'g> = &'g Self;
    type Walk<'w> = CopyWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, _: NodeId, request: &'w Request) -> CopyWalk<'w> {
        let list = *scheme.0.lock().unwrap_or_else(PoisonError::into_inner);
        CopyWalk { list, next: 0, request }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let list = crate::list(next)?;
        let (zones, length) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (zone, &entry) in zones.iter_mut().zip(list) {
            *zone = Some(entry);
        }
        *length = list.len().max(*length);
        Ok(())
    }
}
