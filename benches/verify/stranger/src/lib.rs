//! A scheme of a crate outside the workspace, without unsafe code: one list, behind a lock.
#![forbid(unsafe_code)]
#![no_std]

use zonelist_core::{
    NodeId, Request, Zoneref,
    publish::{
        Allocates, Facts, Guarantee, PublishError, ReadToken, ReaderProtocol, Scheme, StalledReader, Walk, Writer,
    },
    sync::{Locked, Spin},
    table::{Capacity, SlotFilter},
    zonelist::ZonelistsRef,
};

const ZONES: usize = 4;
type List = [Option<Zoneref>; ZONES];

/// The list of node 0. A walk copies it, or, if `WHOLE` is false, reads it anew for each zoneref.
#[derive(Debug)]
pub struct Guarded<const WHOLE: bool>(Locked<List>);

impl<const WHOLE: bool> Default for Guarded<WHOLE> {
    fn default() -> Self {
        Self(Locked::new(Spin::new(), [None; ZONES]))
    }
}

/// A walk over a copy of the list, or over the list itself.
#[derive(Clone, Debug)]
pub struct GuardedWalk<'w> {
    list: &'w Locked<List>,
    copy: Option<List>,
    filter: &'w SlotFilter,
    next: usize,
}

impl Iterator for GuardedWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        loop {
            let list = match self.copy {
                Some(copy) => copy,
                None => self.list.with(|list| *list),
            };
            let entry = list.get(self.next).copied().flatten()?;
            self.next += 1;
            if self.filter.admits(entry) {
                return Some(entry);
            }
        }
    }
}

impl Walk for GuardedWalk<'_> {}

impl<const WHOLE: bool> Scheme for Guarded<WHOLE> {
    const FACTS: Facts = Facts::new("Guarded", env!("CARGO_PKG_NAME"))
        .card("- A lock.")
        .guarantee(Guarantee::Snapshot)
        .allocates(Allocates::Never)
        .no_registration()
        .below_allocator()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std()
        .no_alloc();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Local = ();
    type Filter = SlotFilter;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = GuardedWalk<'w>;

    fn local(&self) {}

    fn filter(&self, request: &Request) -> SlotFilter {
        SlotFilter::new(request)
    }

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> &'g Self {
        self
    }

    fn walk<'w, 'g: 'w>(scheme: &'w &'g Self, _: NodeId, filter: &'w SlotFilter) -> GuardedWalk<'w> {
        let copy = WHOLE.then(|| scheme.0.with(|list| *list));
        GuardedWalk { list: &scheme.0, copy, filter, next: 0 }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Capacity::new(1, ZONES).expect("a small one").check(next)?;
        let Some(node) = NodeId::new(0) else { return Ok(()) };
        self.0.with(|list| {
            *list = [None; ZONES];
            let entries = next.of(node, zonelist_core::zonelist::Scope::Fallback);
            list.iter_mut().zip(entries).for_each(|(slot, &entry)| *slot = Some(entry));
        });
        Ok(())
    }
}
