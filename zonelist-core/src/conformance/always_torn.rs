//! A scheme around another scheme, whose walks all report that they may be torn.

use crate::{
    NodeId, Request, Zoneref,
    publish::{Facts, PublishError, ReadToken, ReaderProtocol, Scheme, Walk, Writer},
    zonelist::ZonelistsRef,
};

/// Publishes as the inner scheme does.
#[derive(Debug)]
pub(super) struct AlwaysTorn<S>(pub(super) S);

/// A walk of the inner scheme.
#[derive(Clone, Debug)]
pub(super) struct TornWalk<W>(W);

impl<W: Iterator<Item = Zoneref>> Iterator for TornWalk<W> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        self.0.next()
    }
}

impl<W: Walk> Walk for TornWalk<W> {
    fn must_retry(&self) -> bool {
        true
    }
}

impl<S: for<'g> Scheme<Pinned<'g> = &'g S> + 'static> Scheme for AlwaysTorn<S> {
    const FACTS: Facts = S::FACTS;
    const PROTOCOL: ReaderProtocol = S::PROTOCOL;
    type Local = S::Local;
    type Filter = S::Filter;
    type Pinned<'g> = &'g S;
    type Walk<'w> = TornWalk<S::Walk<'w>>;

    fn local(&self) -> S::Local {
        self.0.local()
    }

    fn filter(&self, request: &Request) -> S::Filter {
        self.0.filter(request)
    }

    fn pin<'g>(&'g self, _: &'g S::Local, _: ReadToken<'g, Self>) -> &'g S {
        &self.0
    }

    fn walk<'w, 'g: 'w>(inner: &'w &'g S, node: NodeId, filter: &'w S::Filter) -> Self::Walk<'w> {
        TornWalk(S::walk(inner, node, filter))
    }

    fn publish(&self, next: ZonelistsRef<'_>, writer: &mut Writer<'_>) -> Result<(), PublishError> {
        self.0.publish(next, writer)
    }
}
