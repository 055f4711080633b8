//! `SeqCopy` with a fault: a lock around each zoneref, and none around the list that they make.

use std::{
    iter::{repeat, repeat_with},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    vec::IntoIter,
};

use seqlock::SeqLock;
use zonelist_core::{
    Capacity, Lists, NodeId, Request, Scope, Zoneref,
    publish::{Facts, Grace, PublishError, ReadToken, Scheme, Walk, Writer},
};

type Zone = SeqLock<Option<Zoneref>>;

#[derive(Debug)]
pub(crate) struct Twin {
    /// Of each node the fallback list, and the this-node list.
    rows: Vec<[Vec<Zone>; 2]>,
    copies: AtomicUsize,
}

/// So many copies are made at one go, before one that lets others run in its middle.
const PAUSE: usize = 61;

impl Twin {
    pub(crate) fn new(capacity: Capacity) -> Self {
        let list = || repeat_with(|| SeqLock::new(None)).take(capacity.zones()).collect();
        let rows = repeat_with(|| [list(), list()]).take(capacity.nodes()).collect();
        Self { rows, copies: AtomicUsize::new(0) }
    }

    fn copy(&self, node: NodeId, scope: Scope) -> Vec<Zoneref> {
        let pauses = self.copies.fetch_add(1, Relaxed) % PAUSE == 0;
        let zones = self.rows[node.index()][scope as usize].iter().enumerate();
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
pub(crate) struct TwinWalk(IntoIter<Zoneref>);

impl Iterator for TwinWalk {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.0.next()
    }
}

impl Walk for TwinWalk {}

impl Scheme for Twin {
    const FACTS: Facts = Facts { scheme: "a twin of SeqCopy", ..<zonelist_seq::SeqCopy<1> as Scheme>::FACTS };
    const GRACE: Grace = Grace::None;
    type Local = ();
    type Filter = Request;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = TwinWalk;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> Request {
        *request
    }

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(twin: &'w &'g Self, node: NodeId, request: &'w Request) -> TwinWalk {
        let mut zones = twin.copy(node, request.scope);
        zones.retain(|entry| request.admits(entry.zone()));
        TwinWalk(zones.into_iter())
    }

    fn publish(&self, next: Lists<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        for (row, node) in self.rows.iter().zip((0..).map_while(NodeId::new)) {
            for (list, scope) in row.iter().zip([Scope::Fallback, Scope::ThisNode]) {
                let zones = next.of(node, scope).iter().copied().map(Some).chain(repeat(None));
                list.iter().zip(zones).for_each(|(zone, entry)| *zone.lock_write() = entry);
            }
        }
        Ok(())
    }
}
