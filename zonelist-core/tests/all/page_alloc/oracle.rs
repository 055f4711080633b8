//! The oracle: an allocator's pages as a plain list of frames, each allocated or not.

use zonelist_core::{
    LocalHandle, NodeId, Page, PageRequest, Pfn, Zone, ZoneId, Zonelists,
    page_alloc::Refusal,
    publish::{Platform, Scheme},
    sync::Spin,
    zone::{Order, Urgency},
};

use super::setup::{Allocator, ZONES, watermarks};

pub(crate) type Handle<'a, S, P> = LocalHandle<'a, 'static, S, P>;

/// The expected state of an allocator.
pub(crate) struct Oracle {
    used: Vec<bool>,
    pub(crate) live: Vec<Page>,
    pub(crate) lists: Zonelists,
}

impl Oracle {
    pub(crate) fn new(lists: Zonelists) -> Self {
        Self { used: vec![false; 12_288], live: Vec::new(), lists }
    }

    /// Makes one request, and checks its result.
    pub(crate) fn alloc<S: Scheme, P: Platform<Lock = Spin>>(
        &mut self,
        allocator: &Allocator<S, P>,
        local: &mut Handle<'_, S, P>,
        node: NodeId,
        request: &PageRequest,
    ) {
        let prepared = allocator.prepare(request);
        match local.alloc(node, &prepared) {
            Ok(page) => {
                assert_eq!((page.order(), page.mobility()), (request.order, request.mobility));
                let zone = allocator.zone_of(&page).unwrap();
                assert!(self.admitted(node, request).contains(&zone.id()), "{page:?} of {}", zone.id());
                assert!(zone.free_pages() as u64 >= floor(zone.id(), request), "{} is below its watermark", zone.id());
                self.note_allocated(page);
            }
            Err(_) => {
                // Each admitted zone refused, and had a reason.
                let refused: Vec<(ZoneId, Refusal)> = local.failure().refused().collect();
                let zones: Vec<ZoneId> = refused.iter().map(|refused| refused.0).collect();
                assert_eq!(zones, self.admitted(node, request));
                refused.iter().for_each(|(zone, why)| check(allocator.zone(*zone).unwrap(), *why, request));
            }
        }
    }

    /// The zones that the lists have for a request, in order.
    fn admitted(&self, node: NodeId, request: &PageRequest) -> Vec<ZoneId> {
        let zones = self.lists.lists().of(node, request.zones.scope).iter().map(|entry| entry.zone());
        zones.filter(|&zone| request.zones.admits(zone)).collect()
    }

    /// Notes a block as allocated, whose frames must be free and managed.
    fn note_allocated(&mut self, page: Page) {
        assert!(page.pfn().is_aligned(page.order()));
        let managed = |pfn: u64| ZONES.iter().any(|zone| zone.1.iter().any(|range| range.contains(&pfn)));
        for pfn in Pfn::iter(page.frames()) {
            assert!(managed(pfn.number()), "frame {pfn} is in a hole");
            assert!(!std::mem::replace(&mut self.used[pfn.number() as usize], true), "frame {pfn} is allocated twice");
        }
        self.live.push(page);
    }

    /// Frees one of the live pages.
    pub(crate) fn free<S: Scheme, P: Platform<Lock = Spin>>(&mut self, local: &mut Handle<'_, S, P>, at: usize) {
        if !self.live.is_empty() {
            let page = self.live.swap_remove(at % self.live.len());
            self.used[page.pfn().number() as usize..][..page.order().pages() as usize].fill(false);
            local.free(page).unwrap();
        }
    }

    /// Checks that no page is lost: each is free, in per-CPU pages, or allocated.
    pub(crate) fn check_counts<S: Scheme, P: Platform<Lock = Spin>>(&self, allocator: &Allocator<S, P>) {
        for (id, ranges) in ZONES {
            let stats = allocator.stats(id).unwrap();
            let used: usize = ranges
                .iter()
                .map(|range| self.used[range.start as usize..range.end as usize].iter().filter(|&&used| used).count())
                .sum();
            assert_eq!(stats.free + stats.cached + used, stats.managed, "{id}");
            let by_order: usize = stats.free_by_order.iter().enumerate().map(|(order, blocks)| blocks << order).sum();
            assert_eq!((by_order, stats.misdirected), (stats.free, 0));
        }
    }

    /// Checks that free pages are in blocks of the highest possible orders, while no page is in per-CPU pages.
    pub(crate) fn check_merged<S: Scheme, P: Platform<Lock = Spin>>(&self, allocator: &Allocator<S, P>) {
        for (id, ranges) in ZONES {
            let stats = allocator.stats(id).unwrap();
            assert_eq!(stats.cached, 0);
            let mut expected = [0; Order::COUNT];
            let free = |pfn: u64| ranges.iter().any(|range| range.contains(&pfn)) && !self.used[pfn as usize];
            let mut pfn = stats.span.start;
            while pfn < stats.span.end {
                let frames = |order: Order| Pfn::iter(pfn..pfn + order.pages()).map(Pfn::number);
                let fits = |&order: &Order| pfn.is_aligned(order) && frames(order).all(free);
                let order = Order::ALL.into_iter().rev().find(fits);
                order.into_iter().for_each(|order| expected[order.index()] += 1);
                pfn += order.map_or(1, |order| order.pages());
            }
            assert_eq!(stats.free_by_order, expected, "{id}");
        }
    }
}

/// The free pages that a request must leave in a zone.
pub(crate) fn floor(zone: ZoneId, request: &PageRequest) -> u64 {
    let watermarks = watermarks(zone);
    request.urgency.reduced(watermarks.min) + watermarks.reserve[request.zones.highest.index()]
}

/// Checks the reason of a refusal.
fn check(zone: &Zone<'_>, why: Refusal, request: &PageRequest) {
    let enough = floor(zone.id(), request) + request.order.pages();
    let longest = zone.free_by_order().iter().rposition(|&blocks| blocks > 0);
    match why {
        Refusal::Watermark { free, needed } => {
            assert_eq!((free, needed as u64), (zone.free_pages(), enough));
            assert!(free < needed);
        }
        Refusal::NoBlock { free } => {
            assert_eq!(free, zone.free_pages());
            assert!(free as u64 >= enough && longest < Some(request.order.index()), "{}: {longest:?}", zone.id());
        }
        other => panic!("{other:?}"),
    }
}

/// All urgencies.
pub(crate) const URGENCIES: [Urgency; 8] = Urgency::ALL;
