//! Faulty: a publish stores the end of the list before the zones.

use zonelist_core::{
    NodeId, Request,
    publish::{Facts, PublishError, ReadToken, Scheme, Walk, Writer},
    sync::atomic::Ordering::{Acquire, Release},
    zonelist::ZonelistsRef,
};

use crate::words::{WordWalk, Words};

/// A table, written in place.
#[derive(Debug, Default)]
pub struct TerminatorFirst(Words);

impl Walk for WordWalk<'_> {}

impl Scheme for TerminatorFirst {
    const FACTS: Facts = crate::FACTS.scheme("TerminatorFirst");
    type Pinned<'g> = &'g Self;
    type Walk<'w> = WordWalk<'w>;
    crate::plain!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, _: NodeId, request: &'w Request) -> WordWalk<'w> {
        // Acquire: pairs with each release in `TerminatorFirst::publish`.
        scheme.0.walk(request, Acquire)
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        let list = crate::list(next)?;
        // The fault: the end comes first. Release: pairs with the acquire in `TerminatorFirst::walk`.
        self.0.end(list.len(), Release);
        for (at, &entry) in list.iter().enumerate() {
            self.0.put(at, entry, Release);
        }
        Ok(())
    }
}
