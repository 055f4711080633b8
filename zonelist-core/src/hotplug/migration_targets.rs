//! Migration targets: pages to which the pages of a block that goes offline migrate.

use super::state::State;
use crate::{
    LocalHandle, Mobility, NodeId, Page, PageAllocator, PageRequest, Request, ZoneKind,
    ids::{NodeSet, Order},
    page_alloc::{MigrationTargets, PreparedRequest},
    publish::{Platform, ReaderError, Scheme},
};

/// Allocates migration targets on other nodes, or on the same node if no other has memory of a suitable kind.
///
/// The request that a page was allocated for is not recorded. But its zone is of a kind that the request admitted, and
/// a request that admits a kind admits every lower kind. So no page migrates to a higher kind than that of its zone. An
/// unmovable page does not migrate into Movable.
///
/// Linux uses the page's zone as well (`mm/migrate.c: alloc_migration_target`), and lets pages of zones below Normal
/// migrate as high as Normal.
pub(super) struct TargetAllocator<'a, 'm, S: Scheme, P: Platform> {
    allocator: &'a PageAllocator<'m, S, P>,
    local: LocalHandle<'a, 'm, S, P>,
    node: NodeId,
    /// The other nodes that have memory of a kind, by [`ZoneKind::index`].
    nodes: [NodeSet; ZoneKind::COUNT],
    /// The last prepared request, with its key: most pages of a block need the same one.
    prepared: Option<(TargetKey, PreparedRequest<S>)>,
}

/// The properties of a page that decide its target.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TargetKey {
    order: Order,
    mobility: Mobility,
    highest: ZoneKind,
}

impl<'a, 'm, S: Scheme, P: Platform> TargetAllocator<'a, 'm, S, P> {
    pub(super) fn new(
        allocator: &'a PageAllocator<'m, S, P>,
        state: &State,
        node: NodeId,
    ) -> Result<Self, ReaderError> {
        let mut nodes = [NodeSet::EMPTY; ZoneKind::COUNT];
        for zone in state.zones().map(|info| info.size.zone).filter(|zone| zone.node() != node) {
            nodes[zone.kind().index()].insert(zone.node());
        }
        // Reports of low watermarks are deferred: their callback may start an operation, and this one still runs.
        Ok(Self { allocator, local: allocator.local()?.deferring_low(), node, nodes, prepared: None })
    }

    fn prepare(&self, key: TargetKey) -> PreparedRequest<S> {
        let TargetKey { order, mobility, highest } = key;
        let mut nodes: NodeSet = self.nodes[..=highest.index()].iter().flat_map(NodeSet::iter).collect();
        // No other node has memory that the page may migrate to: only the rest of its own node is left.
        if nodes.is_empty() {
            nodes.insert(self.node);
        }
        let zones = Request { nodes: Some(nodes), ..Request::up_to(highest) };
        let request = PageRequest { zones, order, mobility, ..PageRequest::up_to(highest) };
        self.allocator.prepare(&request)
    }
}

impl<S: Scheme, P: Platform> MigrationTargets for TargetAllocator<'_, '_, S, P> {
    fn has(&self, page: &Page) -> bool {
        self.allocator.zone_of(page).is_some()
    }

    fn alloc_target(&mut self, like: &Page) -> Option<Page> {
        let kind = self.allocator.zone_of(like)?.id().kind();
        // The request's own highest kind is not known, so the zone's kind stands for it.
        let highest = if like.mobility() == Mobility::Movable { kind } else { kind.min(ZoneKind::Normal) };
        let key = TargetKey { order: like.order(), mobility: like.mobility(), highest };
        if self.prepared.as_ref().is_none_or(|(last, _)| *last != key) {
            self.prepared = Some((key, self.prepare(key)));
        }
        let (_, request) = self.prepared.as_ref()?;
        self.local.alloc(self.node, request).ok()
    }

    fn free_source(&mut self, page: Page) {
        // Fails only for a page that this allocator has not allocated, a fault of the page's user: it stays as it is.
        let _ = self.local.free(page);
    }
}
