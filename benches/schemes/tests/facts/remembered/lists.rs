//! Two zones of one node, and the lists that name them.

use zonelist_core::zone::ZoneWatermarks;
use zonelist_core::{
    NodeId, PageAllocator, ZoneId,
    ZoneKind::{Dma32, Normal},
    Zonelists, Zoneref,
    publish::{Platform, Published, Scheme},
    sync::Spin,
    table::Capacity,
    zonelist::{NodeSpan, ZonelistsRef},
};
use zonelist_schemes::allocator::allocator as allocator_of;

pub(super) const NODE: NodeId = NodeId::new(0).unwrap();
pub(super) const NEAR: ZoneId = ZoneId::new(NODE, Normal);
pub(super) const FAR: ZoneId = ZoneId::new(NODE, Dma32);

/// Page frames of each zone.
pub(super) const FRAMES: u64 = 4096;

/// The zones of a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedZones(&'static [ZoneId]);

impl ListedZones {
    pub(super) const CAPACITY: Capacity = Capacity::new(1, 2).unwrap();
    pub(super) const BOTH: Self = Self(&[NEAR, FAR]);
    pub(super) const FAR_ONLY: Self = Self(&[FAR]);
    pub(super) const NONE: Self = Self(&[]);

    pub(super) fn build(self) -> Zonelists {
        let zonerefs: Vec<Zoneref> = self.0.iter().copied().map(Zoneref::new).collect();
        let len = zonerefs.len() as u32;
        ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len, own: len }]).unwrap().into()
    }
}

/// An allocator of both zones.
pub(super) fn allocator<S: Scheme, P: Platform<Lock = Spin>>(
    published: Published<S, P>,
) -> PageAllocator<'static, S, P> {
    let plan = |zone| (zone, FRAMES, ZoneWatermarks::default());
    allocator_of(published, &[plan(NEAR), plan(FAR)]).unwrap()
}
