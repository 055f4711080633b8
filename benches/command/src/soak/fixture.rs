//! The fixture of a soak test: small zones that run out, a reserved zone that must not, and versions of the lists.

use zonelist_core::{
    NodeId, ZoneId,
    ZoneKind::{self, Dma, Dma32, Movable, Normal},
    Zonelists, Zoneref,
    publish::{Platform, Published, ReaderSlots},
    sync::Spin,
    table::Capacity,
    zone::{Order, ZoneWatermarks},
    zonelist::{NodeSpan, NodeSpanError, ZonelistsRef},
};
use zonelist_schemes::{
    Buildable, READERS,
    allocator::{Allocator, AllocatorError, ZonePlan, allocator},
};

use super::{holders::Holders, outcome::Leftovers};

/// The two nodes.
pub(super) const NODES: [NodeId; 2] = [NodeId::new(0).unwrap(), NodeId::new(1).unwrap()];

/// The reserved zone: its requests admit no other zone.
pub(super) const RESERVE: ZoneId = ZoneId::new(NODES[0], Dma);

/// Page frames of the reserved zone: too few for per-CPU pages, and enough for one page of each thread.
const RESERVE_FRAMES: u64 = 120;

/// The small zones, with their page frames for each thread: so few that they run out now and then. Each version of the
/// lists leaves out at most one of them.
const SMALL: [(ZoneId, u64); 4] = [
    (ZoneId::new(NODES[0], Dma32), 1_450),
    (ZoneId::new(NODES[0], Normal), 2_048),
    (ZoneId::new(NODES[1], Normal), 1_050),
    (ZoneId::new(NODES[1], Movable), 1_024),
];

/// Capacity for the lists of both nodes, with all zones on each.
pub(super) const CAPACITY: Capacity = Capacity::new(NODES.len(), SMALL.len() + 1).unwrap();

/// The state that all threads of a soak test share.
pub(super) struct Fixture<S: Buildable, P: Platform<Lock = Spin>> {
    pub(super) allocator: Allocator<S, P>,
    /// The lists with all zones, and those without each of the small zones.
    pub(super) versions: Vec<Zonelists>,
    pub(super) holders: Holders,
    /// Free blocks of each zone by order, before the first allocation.
    initial: Vec<[usize; Order::COUNT]>,
}

impl<S: Buildable, P: Platform<Lock = Spin>> Fixture<S, P> {
    pub(super) fn new(threads: usize) -> Result<Self, AllocatorError> {
        let without = [None].into_iter().chain(SMALL.map(|(zone, _)| Some(zone)));
        let versions = without.map(version).collect::<Result<Vec<_>, NodeSpanError>>()?;
        let published = Published::with_platform(S::build(CAPACITY), ReaderSlots::boxed(READERS));
        published.publish(&versions[0])?;
        let plans: Vec<ZonePlan> =
            SMALL.map(|(zone, frames)| small(zone, frames * threads as u64)).into_iter().chain([reserve()]).collect();
        let allocator = allocator(published, &plans)?;
        let initial = allocator.zones().iter().map(|zone| zone.free_by_order()).collect();
        let frames = plans.iter().map(|plan| plan.1).sum();
        Ok(Self { allocator, versions, holders: Holders::of(frames), initial })
    }

    /// The inconsistencies of the zones, after all handles have been dropped and all blocks freed.
    ///
    /// # Errors
    /// The per-CPU pages can't be drained.
    pub(super) fn left(&self) -> Result<Leftovers, AllocatorError> {
        self.allocator.drain()?;
        let mut left = Leftovers::default();
        for (zone, initial) in self.allocator.zones().iter().zip(&self.initial) {
            let (free, managed) = (zone.free_pages() as u64, zone.managed() as u64);
            left.pages_lost += managed.saturating_sub(free);
            left.pages_gained += free.saturating_sub(managed);
            left.misdirected += self.allocator.stats(zone.id()).map_or(0, |stats| stats.misdirected as u64);
            left.zones_changed += u64::from(zone.free_by_order() != *initial);
        }
        Ok(left)
    }
}

/// A small zone. Its watermarks and reserves make requests of different urgency fail at different levels.
fn small(zone: ZoneId, frames: u64) -> ZonePlan {
    let mut watermarks = ZoneWatermarks { min: 40, low: 50, high: 60, ..ZoneWatermarks::default() };
    if zone.kind() == Dma32 {
        watermarks.reserve[Normal.index()] = 30;
        watermarks.reserve[Movable.index()] = 45;
    }
    (zone, frames, watermarks)
}

/// The reserved zone: its lowmem reserve keeps all of it from requests that admit another kind.
fn reserve() -> ZonePlan {
    let mut watermarks = ZoneWatermarks { min: 16, low: 20, high: 24, ..ZoneWatermarks::default() };
    ZoneKind::ALL
        .into_iter()
        .filter(|&kind| kind > Dma)
        .for_each(|kind| watermarks.reserve[kind.index()] = RESERVE_FRAMES);
    (RESERVE, RESERVE_FRAMES, watermarks)
}

/// The lists without this zone: a node's own zones first, by descending kind.
fn version(without: Option<ZoneId>) -> Result<Zonelists, NodeSpanError> {
    let (mut zonerefs, mut rows) = (Vec::new(), Vec::new());
    for [near, far] in [NODES, [NODES[1], NODES[0]]] {
        let start = zonerefs.len();
        for node in [near, far] {
            let zones = SMALL.into_iter().map(|(zone, _)| zone).chain([RESERVE]);
            let mut zones: Vec<ZoneId> = zones.filter(|zone| zone.node() == node && Some(*zone) != without).collect();
            zones.sort_by_key(|zone| std::cmp::Reverse(zone.kind()));
            zonerefs.extend(zones.into_iter().map(Zoneref::new));
        }
        let own = zonerefs[start..].iter().filter(|entry| entry.node() == near).count();
        rows.push(NodeSpan { start: start as u32, len: (zonerefs.len() - start) as u32, own: own as u32 });
    }
    ZonelistsRef::new(&zonerefs, &rows).map(Zonelists::from)
}

#[cfg(test)]
mod tests {
    use zonelist_core::{Request, zonelist::Scope};

    use super::*;

    #[test]
    fn the_reserved_zone_is_on_every_list_and_alone_admitted() {
        let versions: Vec<_> =
            [None, Some(SMALL[0].0), Some(SMALL[3].0)].map(|without| version(without).unwrap()).into();
        for (lists, zones) in versions.iter().map(Zonelists::lists).zip([5, 4, 4]) {
            for node in NODES {
                let list = lists.of(node, Scope::Fallback);
                let admitted: Vec<_> =
                    list.iter().filter(|entry| Request::up_to(Dma).admits(entry.zone())).map(|it| it.zone()).collect();
                assert_eq!((list.len(), admitted), (zones, vec![RESERVE]));
            }
        }
    }
}
