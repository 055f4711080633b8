//! Where pages go that have to leave a block.

use super::State;
use crate::{
    Class, Exchange, Local, Mobility, NodeId, NodeSet, Page, PageAllocator, PageRequest, RawLock, Request, ZoneKind,
    publish::{Barrier, ReaderError, Scheme},
};

/// Pages on other nodes, for those that have to move. On the same one if no other has memory that will do.
///
/// What a page was asked for is not known, but the zone that it is in is of a kind that the request admitted, and
/// a request that admits a kind admits every lower one: so no page is moved to a higher kind than the one it is in. (Linux
/// goes by the page's zone as well, `mm/migrate.c: alloc_migration_target`, and lets what is below Normal
/// come as high as Normal.) A page that is not to be moved as a rule does not get into Movable.
pub(super) struct Elsewhere<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> {
    allocator: &'a PageAllocator<'m, S, B, L, SEATS>,
    local: Local<'a, 'm, S, B, L, SEATS>,
    node: NodeId,
    /// The other nodes that have memory of a kind, by [`ZoneKind::index`].
    nodes: [NodeSet; ZoneKind::COUNT],
    /// The class of the last page asked for, which is that of the next one for the most part.
    class: Option<(Like, Class<S>)>,
}

/// What a page to move to is chosen by.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Like {
    order: u8,
    mobility: Mobility,
    highest: ZoneKind,
}

impl<'a, 'm, S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> Elsewhere<'a, 'm, S, B, L, SEATS> {
    pub(super) fn new(
        allocator: &'a PageAllocator<'m, S, B, L, SEATS>,
        state: &State,
        node: NodeId,
    ) -> Result<Self, ReaderError> {
        let mut nodes = [NodeSet::EMPTY; ZoneKind::COUNT];
        for zone in state.zones().map(|info| info.size.zone).filter(|zone| zone.node() != node) {
            nodes[zone.kind().index()].insert(zone.node());
        }
        Ok(Self { allocator, local: allocator.local()?.putting_off_low(), node, nodes, class: None })
    }

    fn class(&self, like: Like) -> Option<Class<S>> {
        let Like { order, mobility, highest } = like;
        let mut nodes: NodeSet = self.nodes[..=highest.index()].iter().flat_map(NodeSet::iter).collect();
        if nodes.is_empty() {
            nodes.insert(self.node);
        }
        let zones = Request { nodes: Some(nodes), ..Request::up_to(highest) };
        let request = PageRequest { zones, order, mobility, ..PageRequest::up_to(highest) };
        self.allocator.class(&request).ok()
    }
}

impl<S: Scheme, B: Barrier, L: RawLock, const SEATS: usize> Exchange for Elsewhere<'_, '_, S, B, L, SEATS> {
    fn has(&self, page: Page) -> bool {
        self.allocator.zone_of(page).is_some()
    }

    fn take(&mut self, like: Page) -> Option<Page> {
        let kind = self.allocator.zone_of(like)?.id().kind();
        let highest = if like.mobility() == Mobility::Movable { kind } else { kind.min(ZoneKind::Normal) };
        let like = Like { order: like.order(), mobility: like.mobility(), highest };
        if self.class.as_ref().is_none_or(|class| class.0 != like) {
            self.class = Some((like, self.class(like)?));
        }
        let (_, class) = self.class.as_ref()?;
        self.local.alloc(self.node, class).ok()
    }

    fn give(&mut self, page: Page) {
        // Handed out by this allocator, or its owner is at fault, and then it is left alone.
        let _ = self.local.free(page);
    }
}
