//! Where a run takes place: zones that run out, one that must not, and lists that come and go.

use serde::Serialize;
use zonelist_core::{
    Capacity, Lists, MAX_ORDER, Marks, NodeId, Row, RowError, ZoneId,
    ZoneKind::{self, Dma, Dma32, Movable, Normal},
    Zonelists, Zoneref,
    publish::{Barrier, Published},
};
use zonelist_schemes::{
    Buildable, SEATS,
    allocator::{Allocator, AllocatorError, Plan, allocator},
};

use super::owners::Owners;

/// Threads of a run at most.
pub const MOST_THREADS: usize = 16;

/// For each thread its handle, a second one while it starts over, and one that it leaked.
const _: () = assert!(3 * MOST_THREADS <= SEATS);

/// The nodes, and each one's zones.
pub(super) const NODES: [NodeId; 2] = [NodeId::new(0).unwrap(), NodeId::new(1).unwrap()];

/// The zone that is held back.
pub(super) const RESERVE: ZoneId = ZoneId::new(NODES[0], Dma);

/// Its frames: too few for page caches, and enough for all threads to hold one.
const RESERVE_FRAMES: u64 = 120;

/// The other zones, with their frames for each thread: so few that they run out now and then. One at
/// a time is off the lists.
const SMALL: [(ZoneId, u64); 4] = [
    (ZoneId::new(NODES[0], Dma32), 1_450),
    (ZoneId::new(NODES[0], Normal), 2_048),
    (ZoneId::new(NODES[1], Normal), 1_050),
    (ZoneId::new(NODES[1], Movable), 1_024),
];

/// Room for the lists of both nodes, with all zones on each.
pub(super) const CAPACITY: Capacity = Capacity::new(NODES.len(), SMALL.len() + 1).unwrap();

/// What all threads share.
pub(super) struct Ground<S: Buildable, B: Barrier> {
    pub(super) allocator: Allocator<S, B, SEATS>,
    /// The lists with all zones, and without each of the small ones.
    pub(super) versions: Vec<Zonelists>,
    pub(super) owners: Owners,
    /// Free blocks of each zone before anything was taken.
    fresh: Vec<[usize; MAX_ORDER as usize + 1]>,
}

/// What a run has left behind in its zones.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Leftovers {
    /// Pages that did not come back to their zones.
    pub pages_lost: u64,
    /// Pages that their zones have beyond those that they manage.
    pub pages_gained: u64,
    /// Blocks that were found in a cache without having been handed out.
    pub strays: u64,
    /// Zones whose free blocks are not those that they began with.
    pub zones_changed: u64,
}

impl<S: Buildable, B: Barrier> Ground<S, B> {
    pub(super) fn new(threads: usize) -> Result<Self, AllocatorError> {
        let off = [None].into_iter().chain(SMALL.map(|(zone, _)| Some(zone)));
        let versions = off.map(version).collect::<Result<Vec<_>, RowError>>()?;
        let published = Published::new(S::build(CAPACITY));
        published.publish(&versions[0])?;
        let plans: Vec<Plan> =
            SMALL.map(|(zone, frames)| small(zone, frames * threads as u64)).into_iter().chain([reserve()]).collect();
        let allocator = allocator(published, &plans)?;
        let fresh = allocator.zones().iter().map(|zone| zone.free_by_order()).collect();
        let frames = plans.iter().map(|plan| plan.1).sum();
        Ok(Self { allocator, versions, owners: Owners::of(frames), fresh })
    }

    /// What is wrong, when all handles are gone and all pages should be back.
    ///
    /// # Errors
    /// Caches can't be drained.
    pub(super) fn left(&self) -> Result<Leftovers, AllocatorError> {
        self.allocator.drain()?;
        let mut left = Leftovers::default();
        for (zone, fresh) in self.allocator.zones().iter().zip(&self.fresh) {
            let (free, managed) = (zone.free_pages() as u64, zone.managed() as u64);
            left.pages_lost += managed.saturating_sub(free);
            left.pages_gained += free.saturating_sub(managed);
            left.strays += self.allocator.stats(zone.id()).map_or(0, |stats| stats.strays as u64);
            left.zones_changed += u64::from(zone.free_by_order() != *fresh);
        }
        Ok(left)
    }
}

fn small(zone: ZoneId, frames: u64) -> Plan {
    let mut marks = Marks { min: 40, low: 50, high: 60, ..Marks::default() };
    if zone.kind() == Dma32 {
        marks.reserve[Normal.index()] = 30;
        marks.reserve[Movable.index()] = 45;
    }
    (zone, frames, marks)
}

/// All of it is kept back from requests that admit another kind.
fn reserve() -> Plan {
    let mut marks = Marks { min: 16, low: 20, high: 24, ..Marks::default() };
    ZoneKind::ALL.into_iter().filter(|&kind| kind > Dma).for_each(|kind| marks.reserve[kind.index()] = RESERVE_FRAMES);
    (RESERVE, RESERVE_FRAMES, marks)
}

/// The lists without one zone: each node's own zones first, highest kind first.
fn version(off: Option<ZoneId>) -> Result<Zonelists, RowError> {
    let (mut zonerefs, mut rows) = (Vec::new(), Vec::new());
    for [near, far] in [NODES, [NODES[1], NODES[0]]] {
        let start = zonerefs.len();
        for node in [near, far] {
            let zones = SMALL.into_iter().map(|(zone, _)| zone).chain([RESERVE]);
            let mut zones: Vec<ZoneId> = zones.filter(|zone| zone.node() == node && Some(*zone) != off).collect();
            zones.sort_by_key(|zone| std::cmp::Reverse(zone.kind()));
            zonerefs.extend(zones.into_iter().map(Zoneref::new));
        }
        let own = zonerefs[start..].iter().filter(|entry| entry.node() == near).count();
        rows.push(Row { start: start as u32, len: (zonerefs.len() - start) as u32, own: own as u32 });
    }
    Lists::new(&zonerefs, &rows).map(Zonelists::from)
}

#[cfg(test)]
mod tests {
    use zonelist_core::{Request, Scope};

    use super::*;

    #[test]
    fn the_zone_that_is_held_back_is_on_every_list_alone_of_its_kind() {
        let versions: Vec<_> = [None, Some(SMALL[0].0), Some(SMALL[3].0)].map(|off| version(off).unwrap()).into();
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
