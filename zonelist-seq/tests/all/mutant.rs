//! `SeqCopy` with a fault: a lock for each zoneref, and none for the list.

use std::{
    iter::{repeat, repeat_with},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    vec::IntoIter,
};

use seqlock::SeqLock;
use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Walk, Writer},
    table::Capacity,
    zonelist::{Scope, ZonelistsRef},
};

type Zone = SeqLock<Option<Zoneref>>;

#[derive(Debug)]
pub(crate) struct Mutant {
    /// By node: the fallback list, and the this-node list.
    lists: Vec<[Vec<Zone>; 2]>,
    copies: AtomicUsize,
}

/// One copy in this number yields to other threads in its middle.
const PAUSE: usize = 61;

impl Mutant {
    pub(crate) fn new(capacity: Capacity) -> Self {
        let list = || repeat_with(|| SeqLock::new(None)).take(capacity.zones()).collect();
        let lists = repeat_with(|| [list(), list()]).take(capacity.nodes()).collect();
        Self { lists, copies: AtomicUsize::new(0) }
    }

    fn copy(&self, node: NodeId, scope: Scope) -> Vec<Zoneref> {
        let pauses = self.copies.fetch_add(1, Relaxed) % PAUSE == 0;
        let zones = self.lists[node.index()][scope as usize].iter().enumerate();
        let read = zones.map_while(|(nth, zone)| {
            if nth == 1 && pauses {
                thread::yield_now();
            }
            zone.read()
        });
        read.collect()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct MutantWalk(IntoIter<Zoneref>);

impl Iterator for MutantWalk {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.0.next()
    }
}

impl Walk for MutantWalk {}

impl Scheme for Mutant {
    const FACTS: Facts = <zonelist_seq::SeqCopy<1> as Scheme>::FACTS.scheme("a mutant of SeqCopy");
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = ();
    type Filter = Request;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = MutantWalk;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> Request {
        *request
    }

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(mutant: &'w &'g Self, node: NodeId, request: &'w Request) -> MutantWalk {
        let mut zones = mutant.copy(node, request.scope);
        zones.retain(|entry| request.admits(entry.zone()));
        MutantWalk(zones.into_iter())
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        for (pair, node) in self.lists.iter().zip((0..).map_while(NodeId::new)) {
            for (list, scope) in pair.iter().zip([Scope::Fallback, Scope::ThisNode]) {
                let zones = next.of(node, scope).iter().copied().map(Some).chain(repeat(None));
                list.iter().zip(zones).for_each(|(zone, entry)| *zone.lock_write() = entry);
            }
        }
        Ok(())
    }
}
