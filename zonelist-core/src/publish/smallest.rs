use zonelist_core::{
    ZonelistsRef, NodeId, Request, Zonelists, Zoneref,
    publish::*,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

#[derive(Debug, Default)]
pub struct Locked(RwLock<Zonelists>);

#[derive(Clone, Debug)]
pub struct ListWalk<'w> { pub rest: std::slice::Iter<'w, Zoneref>, pub request: &'w Request }

impl Iterator for ListWalk<'_> {
    type Item = Zoneref;
    fn next(&mut self) -> Option<Zoneref> {
        self.rest.find(|entry| self.request.admits(entry.zone())).copied()
    }
}

impl Walk for ListWalk<'_> {}

impl Scheme for Locked {
    const FACTS: Facts = Facts {
        scheme: "Locked", package: "example", card: "- **Reader:** takes a lock.", guarantee: Guarantee::Snapshot,
        readers: Progress::Blocking, writer: Progress::Blocking, allocates: Allocates::Publish,
        registers: false, interrupt_safe: false, below_allocator: false, after_fork: false,
        tls_destructor: true, retires: false,
        stalled_reader: StalledReader::Bounded, no_std: false, no_alloc: false,
    };
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = ();
    type Filter = Request;
    type Pinned<'g> = RwLockReadGuard<'g, Zonelists>;
    type Walk<'w> = ListWalk<'w>;

    fn local(&self) {}
    fn filter(&self, request: &Request) -> Request { *request }
    fn pin<'g>(&'g self, _: &'g (), _: ReadToken<'g, Self>) -> RwLockReadGuard<'g, Zonelists> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn walk<'w, 'g: 'w>(pinned: &'w Self::Pinned<'g>, node: NodeId, filter: &'w Request) -> ListWalk<'w> {
        ListWalk { rest: pinned.lists().of(node, filter.scope).iter(), request: filter }
    }
    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Zonelists::from(next);
        Ok(())
    }
}
