//! The zone of a frame: zones that share pageblocks, overlapping spans, and no frame in two zones.

use zonelist_core::{
    Mobility, NodeId, Page, PageAllocator, PageRequest, Pfn, Zone, ZoneId,
    ZoneKind::{Movable, Normal},
    Zoneref,
    page_alloc::SetupError,
    publish::{Published, ReaderSlots},
    stop_world::StopWorld,
    sync::Spin,
    table::{Capacity, Slot, Slots},
    zone::{Order, RangeError},
    zonelist::{NodeSpan, ZonelistsRef},
};

use super::setup::zone_id;

type Allocator = PageAllocator<'static, StopWorld<Box<[Slot]>>>;

const NODE: NodeId = NodeId::new(0).unwrap();
const FRAMES: u64 = 4096;

fn published() -> Published<StopWorld<Box<[Slot]>>> {
    let zonerefs = [Movable, Normal].map(|kind| Zoneref::new(zone_id(0, kind)));
    let published =
        Published::with_slots(StopWorld::new(Slots::boxed(Capacity::new(1, 2).unwrap())), ReaderSlots::boxed(4));
    published.publish(ZonelistsRef::new(&zonerefs, &[NodeSpan { start: 0, len: 2, own: 2 }]).unwrap()).unwrap();
    published
}

fn zone(id: ZoneId, frames: &[std::ops::Range<u64>]) -> Zone<'static> {
    let zone = Zone::boxed(id, Pfn::range(0..FRAMES), Order::MAX, Spin::new()).unwrap();
    frames.iter().for_each(|range| zone.add(Pfn::range(range.clone())).unwrap());
    zone
}

/// Both zones span all frames. Normal manages the first frames, and a few in the middle of those of Movable.
fn shared() -> Allocator {
    let normal = zone(zone_id(0, Normal), &[0..700, 2000..2016]);
    let movable = zone(zone_id(0, Movable), &[700..2000, 2016..FRAMES]);
    PageAllocator::boxed(published(), vec![normal, movable]).unwrap()
}

fn is_normal(pfn: u64) -> bool {
    pfn < 700 || (2000..2016).contains(&pfn)
}

#[test]
fn a_page_found_by_its_frame_is_of_the_zone_that_manages_it() {
    let allocator = shared();
    for pfn in 0..FRAMES + 10 {
        for order in Order::ALL {
            let frames = pfn..pfn + order.pages();
            let one_zones = frames.end <= FRAMES && frames.clone().all(|other| is_normal(other) == is_normal(pfn));
            // SAFETY: the page is not used.
            let page = unsafe { allocator.page(Pfn::new(pfn), order, Mobility::Movable) };
            assert_eq!(page.is_some(), pfn % order.pages() == 0 && one_zones, "frame {pfn} of order {order}");
            if let Some(page) = page {
                let kind = if is_normal(pfn) { Normal } else { Movable };
                assert_eq!((page.pfn(), page.order()), (Pfn::new(pfn), order));
                assert_eq!(allocator.zone_of(&page).unwrap().id().kind(), kind, "frame {pfn} of order {order}");
            }
        }
    }
    for (pfn, order) in [(u64::MAX, Order::ZERO), (u64::MAX - 1023, Order::MAX)] {
        // SAFETY: the page is not used.
        assert_eq!(unsafe { allocator.page(Pfn::new(pfn), order, Mobility::Movable) }, None);
    }
}

#[test]
fn a_free_by_frame_moves_no_frame_to_another_zone() {
    let allocator = shared();
    let request = |highest| allocator.prepare(&PageRequest::up_to(highest).mobility(Mobility::Movable));
    let (any, normal) = (request(Movable), request(Normal));
    let mut local = allocator.local().unwrap();
    for _ in 0..3 {
        // All pages, kept as frame numbers.
        let pfns: Vec<Pfn> =
            std::iter::repeat_with(|| local.alloc(NODE, &any)).map_while(|page| Some(page.ok()?.pfn())).collect();
        assert_eq!(pfns.len() as u64, FRAMES);
        for &pfn in &pfns {
            // SAFETY: the frame was allocated above, and its page given up.
            let page = unsafe { allocator.page(pfn, Order::ZERO, Mobility::Movable) };
            local.free(page.unwrap()).unwrap();
        }
        let mut kept: Vec<Page> = std::iter::repeat_with(|| local.alloc(NODE, &normal)).map_while(Result::ok).collect();
        assert!(kept.iter().all(|page| is_normal(page.pfn().number())), "requests up to Normal get pages of Normal");
        assert_eq!(kept.len(), 716);
        kept.drain(..).for_each(|page| local.free(page).unwrap());
        local.drain();
        for zone in allocator.zones() {
            let stats = allocator.stats(zone.id()).unwrap();
            assert_eq!((stats.free, stats.misdirected), (stats.managed, 0), "{zone:?}");
        }
    }
}

#[test]
fn zones_that_manage_one_frame_are_refused() {
    let made = |normal: std::ops::Range<u64>, movable: std::ops::Range<u64>| {
        let zones = vec![zone(zone_id(0, Normal), &[normal]), zone(zone_id(0, Movable), &[movable])];
        PageAllocator::<_, _>::boxed(published(), zones).map(drop)
    };
    let both = (zone_id(0, Normal), zone_id(0, Movable));
    let overlap = |pfn| Err(SetupError::Overlap { zones: both, pfn });
    assert_eq!(made(0..700, 700..FRAMES), Ok(()));
    assert_eq!(made(0..701, 700..FRAMES), overlap(Pfn::new(700)));
    assert_eq!(made(0..FRAMES, 1000..1001), overlap(Pfn::new(1000)));
    assert_eq!(made(1000..1001, 0..FRAMES), overlap(Pfn::new(1000)));
    let error = made(0..FRAMES, 0..FRAMES).unwrap_err();
    assert_eq!(error.to_string(), "zones 0/Normal and 0/Movable both manage frame 0; expected each frame in one zone");
    // The zones manage every other frame each, and then one frame together.
    let striped = |id, from: u64| {
        let zone = zone(id, &[]);
        (from..FRAMES).step_by(2).for_each(|pfn| zone.add(Pfn::range(pfn..pfn + 1)).unwrap());
        zone
    };
    let zones = || vec![striped(zone_id(0, Normal), 0), striped(zone_id(0, Movable), 1)];
    assert!(PageAllocator::<_, _>::boxed(published(), zones()).is_ok());
    let zones = zones();
    zones[0].add(Pfn::range(FRAMES - 1..FRAMES)).unwrap();
    let error = PageAllocator::<_, _>::boxed(published(), zones).map(drop);
    assert_eq!(error, overlap(Pfn::new(FRAMES - 1)));
}

#[test]
fn a_frame_of_another_zone_is_not_added() {
    let (normal, movable, nowhere) = (zone_id(0, Normal), zone_id(0, Movable), zone_id(1, Normal));
    let allocator = PageAllocator::<_, _>::boxed(published(), vec![zone(normal, &[]), zone(movable, &[])]).unwrap();
    allocator.add(normal, Pfn::range(0..700)).unwrap();
    let owned = |pfn| Err(RangeError::Owned { pfn, zone: normal });
    assert_eq!(allocator.add(movable, Pfn::range(600..FRAMES)), owned(Pfn::new(600)));
    assert_eq!(allocator.add(movable, Pfn::range(699..700)), owned(Pfn::new(699)));
    assert_eq!(allocator.add(normal, Pfn::range(600..800)), Err(RangeError::Managed { pfn: Pfn::new(600) }));
    assert_eq!(allocator.add(nowhere, Pfn::range(0..1)), Err(RangeError::NoZone { zone: nowhere }));
    assert_eq!(allocator.add(movable, Pfn::range(0..u64::MAX)), owned(Pfn::new(0)));
    let outside = Err(RangeError::Outside {
        start: Pfn::new(FRAMES),
        end: Pfn::new(u64::MAX),
        span: (Pfn::new(0), Pfn::new(FRAMES)),
    });
    assert_eq!(allocator.add(movable, Pfn::range(FRAMES..u64::MAX)), outside);
    allocator.add(movable, Pfn::range(700..FRAMES)).unwrap();
    assert_eq!(allocator.zones().iter().map(Zone::managed).collect::<Vec<_>>(), [700, 3396]);

    // Two threads add each frame to different zones: one of them succeeds.
    for zone in allocator.zones() {
        (0..FRAMES).for_each(|pfn| zone.remove(Pfn::range(pfn..pfn + 1)).unwrap_or_default());
    }
    let add = |zone, pfns: &mut dyn Iterator<Item = u64>| {
        pfns.filter(|&pfn| allocator.add(zone, Pfn::range(pfn..pfn + 1)).is_ok()).count() as u64
    };
    let added = std::thread::scope(|scope| {
        let up = scope.spawn(|| add(normal, &mut (0..FRAMES)));
        let down = scope.spawn(|| add(movable, &mut (0..FRAMES).rev()));
        up.join().unwrap() + down.join().unwrap()
    });
    let owners = |pfn| allocator.zones().iter().filter(|zone| zone.manages(pfn)).count();
    assert_eq!((added, (0..FRAMES).filter(|&pfn| owners(Pfn::new(pfn)) == 1).count()), (FRAMES, FRAMES as usize));
}
