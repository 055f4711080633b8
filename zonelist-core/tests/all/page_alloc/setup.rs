//! The fixture of these tests: four zones on two nodes, one with a hole, and lists without one of them each.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use zonelist_core::{
    NodeId, PageAllocator, Pfn, Zone, ZoneId,
    ZoneKind::{self, Dma32, Movable, Normal},
    Zonelists, Zoneref,
    publish::{
        Allocates, Facts, Guarantee, Platform, Progress, PublishError, Published, ReadToken, ReaderProtocol,
        ReaderSlots, Scheme, StalledReader, Walk, Writer,
    },
    stop_world::{StopWorld, StopWorldPreempted},
    sync::Spin,
    table::{Capacity, Slot, SlotFilter, SlotWalk, Slots},
    zone::{Order, ZoneWatermarks},
    zonelist::{NodeSpan, ZonelistsRef},
};

pub(crate) const READERS: usize = 8;

pub(crate) type Allocator<S, P> = PageAllocator<'static, S, P>;

pub(crate) const fn zone_id(node: u16, kind: ZoneKind) -> ZoneId {
    ZoneId::new(NodeId::new(node).unwrap(), kind)
}

/// The zones, each with the frames that it manages.
#[expect(clippy::single_range_in_vec_init, reason = "a range of frames, and only one")]
pub(crate) const ZONES: [(ZoneId, &[Range<u64>]); 4] = [
    (zone_id(0, Dma32), &[1..700, 1100..3000]),
    (zone_id(0, Normal), &[4096..8192]),
    (zone_id(1, Normal), &[8192..10_240]),
    (zone_id(1, Movable), &[10_240..12_288]),
];

/// The watermarks of a zone; DMA32 has reserves too.
pub(crate) fn watermarks(zone: ZoneId) -> ZoneWatermarks {
    let mut watermarks = ZoneWatermarks { min: 40, low: 50, high: 60, ..ZoneWatermarks::default() };
    if zone.kind() == Dma32 {
        watermarks.reserve[Normal.index()] = 30;
        watermarks.reserve[Movable.index()] = 45;
    }
    watermarks
}

pub(crate) fn zones() -> Vec<Zone<'static>> {
    let zone = |(id, ranges): (ZoneId, &[Range<u64>])| {
        let span = ranges[0].start..ranges[ranges.len() - 1].end;
        let zone = Zone::boxed(id, Pfn::range(span), Order::MAX, Spin::new()).unwrap();
        ranges.iter().for_each(|range| zone.add(Pfn::range(range.clone())).unwrap());
        zone.set_watermarks(&watermarks(id));
        zone
    };
    ZONES.into_iter().map(zone).collect()
}

/// The lists: with all zones, and without one of three zones each.
pub(crate) fn versions() -> Vec<Zonelists> {
    let fallback = |node: u16| {
        let own =
            |node: u16| ZONES.into_iter().rev().map(|zone| zone.0).filter(move |zone| zone.node().number() == node);
        own(node).chain(own(1 - node)).collect::<Vec<ZoneId>>()
    };
    let without = [None, Some(zone_id(0, Normal)), Some(zone_id(1, Movable)), Some(zone_id(0, Dma32))];
    let version = |absent: Option<ZoneId>| {
        let (mut zonerefs, mut rows) = (Vec::new(), Vec::new());
        for node in 0..2 {
            let zones: Vec<ZoneId> = fallback(node).into_iter().filter(|&zone| Some(zone) != absent).collect();
            let own = zones.iter().filter(|zone| zone.node().number() == node).count() as u32;
            rows.push(NodeSpan { start: zonerefs.len() as u32, len: zones.len() as u32, own });
            zonerefs.extend(zones.into_iter().map(Zoneref::new));
        }
        Zonelists::from(ZonelistsRef::new(&zonerefs, &rows).unwrap())
    };
    without.into_iter().map(version).collect()
}

pub(crate) fn allocator<S: Scheme, P: Platform<Lock = Spin>>(
    scheme: impl FnOnce(Slots<Box<[Slot]>>) -> S,
) -> Allocator<S, P> {
    let published =
        Published::with_platform(scheme(Slots::boxed(Capacity::new(2, 4).unwrap())), ReaderSlots::boxed(READERS));
    published.publish(&versions()[0]).unwrap();
    PageAllocator::boxed(published, zones()).unwrap()
}

/// The list of the zone of [`one_zone`].
pub(crate) fn one_zone_lists() -> ZonelistsRef<'static> {
    const NORMAL: &[Zoneref] = &[Zoneref::new(zone_id(0, Normal))];
    ZonelistsRef::new(NORMAL, const { &[NodeSpan { start: 0, len: 1, own: 1 }] }).unwrap()
}

/// An allocator of one zone, 0/Normal, of `frames` free page frames, with `handles` handles.
pub(crate) fn one_zone<S: Scheme>(scheme: S, frames: u64, handles: usize) -> PageAllocator<'static, S> {
    let zone = Zone::boxed(zone_id(0, Normal), Pfn::range(0..frames), Order::MAX, Spin::new()).unwrap();
    zone.add(Pfn::range(0..frames)).unwrap();
    let published = Published::with_slots(scheme, ReaderSlots::boxed(handles));
    published.publish(one_zone_lists()).unwrap();
    PageAllocator::boxed(published, vec![zone]).unwrap()
}

pub(crate) fn stop_world<P: Platform<Lock = Spin>>() -> Allocator<StopWorld<Box<[Slot]>>, P> {
    allocator(StopWorld::new)
}

pub(crate) fn preempted<P: Platform<Lock = Spin>>() -> Allocator<StopWorldPreempted<Box<[Slot]>>, P> {
    allocator(StopWorldPreempted::new)
}

pub(crate) fn no_protocol<P: Platform<Lock = Spin>>() -> Allocator<NoProtocol, P> {
    torn(0)
}

/// An allocator under a scheme that reports its first `walks` walks as torn.
pub(crate) fn torn<P: Platform<Lock = Spin>>(walks: usize) -> Allocator<NoProtocol, P> {
    allocator(|table| NoProtocol { table, torn: AtomicUsize::new(walks) })
}

/// A scheme without a reader protocol: its table is rewritten while readers walk it.
#[derive(Debug)]
pub(crate) struct NoProtocol {
    table: Slots<Box<[Slot]>>,
    torn: AtomicUsize,
}

impl NoProtocol {
    pub(crate) fn new(table: Slots<Box<[Slot]>>) -> Self {
        Self { table, torn: AtomicUsize::new(0) }
    }
}

/// A walk of the table, or an empty torn walk.
#[derive(Clone, Debug)]
pub(crate) struct NoProtocolWalk<'w> {
    walk: SlotWalk<'w, Slot>,
    torn: &'w AtomicUsize,
}

impl Iterator for NoProtocolWalk<'_> {
    type Item = Zoneref;

    fn next(&mut self) -> Option<Zoneref> {
        if self.torn.load(Relaxed) > 0 { None } else { self.walk.next() }
    }
}

impl Walk for NoProtocolWalk<'_> {
    fn must_retry(&self) -> bool {
        self.torn.fetch_update(Relaxed, Relaxed, |torn| torn.checked_sub(1)).is_ok()
    }
}

impl Scheme for NoProtocol {
    const FACTS: Facts = Facts::new("NoProtocol", "test")
        .guarantee(Guarantee::Detected)
        .readers(Progress::WaitFree)
        .writer(Progress::WaitFree)
        .allocates(Allocates::Never)
        .no_registration()
        .interrupt_safe()
        .below_allocator()
        .after_fork()
        .tls_destructor()
        .stalled_reader(StalledReader::Bounded)
        .no_std();
    const PROTOCOL: ReaderProtocol = ReaderProtocol::None;
    type Pinned<'g> = &'g Self;
    type Walk<'w> = NoProtocolWalk<'w>;
    zonelist_core::slot_readers!();

    fn pin<'g>(&'g self, (): &'g (), _: ReadToken<'g, Self>) -> Self::Pinned<'g> {
        self
    }

    fn walk<'w, 'g: 'w>(pinned: &'w Self::Pinned<'g>, node: NodeId, filter: &'w SlotFilter) -> NoProtocolWalk<'w> {
        NoProtocolWalk { walk: pinned.table.walk(node, filter), torn: &pinned.torn }
    }

    fn publish(&self, next: ZonelistsRef<'_>, _: &mut Writer<'_>) -> Result<(), PublishError> {
        Ok(self.table.rewrite(next)?)
    }
}
