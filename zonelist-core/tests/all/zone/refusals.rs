//! Invalid arguments are refused, with the reason.

use zonelist_core::{
    Mobility, NodeId, Pfn, Zone, ZoneId, ZoneKind,
    sync::Spin,
    zone::{FreeError, Order, RangeError, ZoneError},
};

use super::oracle::{Pair, SPAN, empty};

pub(crate) const ID: ZoneId = ZoneId::new(NodeId::new(0).unwrap(), ZoneKind::Normal);

#[test]
fn an_invalid_zone_is_refused() {
    let made = |span: std::ops::Range<u64>, words: usize| {
        Zone::new(ID, Pfn::range(span), Order::MAX, &mut vec![0; words], Spin::new()).map(drop)
    };
    assert_eq!(made(5..5, 0), Err(ZoneError::Span { zone: ID, start: Pfn::new(5), end: Pfn::new(5) }));
    assert_eq!(
        made(0..(1 << 44) + 1, 0),
        Err(ZoneError::Span { zone: ID, start: Pfn::new(0), end: Pfn::new((1 << 44) + 1) })
    );
    let needed = Zone::<Spin>::words(Pfn::range(SPAN));
    assert_eq!(made(SPAN, needed), Ok(()));
    assert!(matches!(made(SPAN, needed - 8), Err(ZoneError::Memory { .. })));
    assert_eq!(Zone::<Spin>::words(Pfn::range(9..9)), 0);
}

#[test]
fn metadata_is_at_most_0_15_byte_a_frame() {
    for frames in [1_u64, 512, 4096, 1 << 18, 1 << 21, 1 << 28, 1 << 31] {
        let bytes = Zone::<Spin>::words(Pfn::range(0..frames)) as u64 * 8;
        let bound = if cfg!(feature = "checked") { 0.65 } else { 0.15 };
        assert!(bytes as f64 <= bound * frames.next_multiple_of(512) as f64 + 600.0, "{bytes} for {frames}");
    }
}

#[test]
fn a_block_that_is_not_allocated_is_not_freed() {
    let mut pair = Pair::new(empty(Order::MAX));
    pair.add(4096..5000);
    let zone = &pair.zone;
    let page = zone.alloc(Order::of::<2>(), Mobility::Movable).unwrap();
    let other = zone.alloc(Order::ZERO, Mobility::Unmovable).unwrap();
    let wrong = |pfn, order| zone.free(pfn, order).unwrap_err();
    assert_eq!(wrong(Pfn::new(SPAN.end), Order::ZERO), FreeError::NoSuchFrame);
    assert_eq!(
        wrong(Pfn::new(3500), Order::ZERO),
        if cfg!(feature = "checked") { FreeError::NeverHandedOut } else { FreeError::NoSuchFrame }
    );
    if cfg!(feature = "checked") {
        assert_eq!(wrong(page, Order::of::<1>()), FreeError::WrongOrder { order: Order::of::<2>() });
        assert_eq!(wrong(page + 1, Order::ZERO), FreeError::NeverHandedOut);
        assert_eq!(wrong(Pfn::new(5001), Order::ZERO), FreeError::NeverHandedOut);
    } else {
        assert_eq!(wrong(page + 1, Order::of::<1>()), FreeError::Misaligned);
        assert_eq!(wrong(page, Order::of::<3>()), FreeError::AlreadyFree);
    }
    zone.free(page, Order::of::<2>()).unwrap();
    assert!(matches!(wrong(page, Order::of::<2>()), FreeError::AlreadyFree | FreeError::NeverHandedOut));
    assert!(zone.free_bulk(&[page, other]).is_err(), "the first is free already");
    assert_eq!(zone.free_pages(), 904, "the second is freed all the same");
    assert!(zone.free_contig(Pfn::range(4096..4097)).is_err() && zone.free_contig(Pfn::range(4096..4096)).is_err());
    assert!(zone.free_contig(Pfn::range(3500..3600)).is_err() && zone.free_contig(Pfn::range(4000..9000)).is_err());
    assert_eq!(zone.alloc_contig(0, 1), None);
    assert_eq!(zone.alloc_contig(1, 3), None, "an alignment is a power of two");
}

#[test]
fn an_invalid_range_is_refused() {
    let mut pair = Pair::new(empty(Order::MAX));
    pair.add(4096..5120);
    let zone = &pair.zone;
    let span = (zone.span().start, zone.span().end);
    assert_eq!(zone.add(Pfn::range(4000..4097)), Err(RangeError::Managed { pfn: Pfn::new(4096) }));
    assert_eq!(zone.add(Pfn::range(0..10)), Err(RangeError::Outside { start: Pfn::new(0), end: Pfn::new(10), span }));
    assert_eq!(
        zone.add(Pfn::range(4096..4096)),
        Err(RangeError::Outside { start: Pfn::new(4096), end: Pfn::new(4096), span })
    );
    assert_eq!(zone.remove(Pfn::range(4096..5121)), Err(RangeError::NotFree { pfn: Pfn::new(5120) }));
    assert_eq!(
        zone.isolate(Pfn::range(4096..4097)),
        Err(RangeError::Unaligned { start: Pfn::new(4096), end: Pfn::new(4097) })
    );
    zone.isolate(Pfn::range(4608..5120)).unwrap();
    assert_eq!(
        zone.isolate(Pfn::range(4096..5120)),
        Err(RangeError::Isolation { pfn: Pfn::new(4608), isolated: true })
    );
    assert_eq!(
        zone.unisolate(Pfn::range(4096..4608)),
        Err(RangeError::Isolation { pfn: Pfn::new(4096), isolated: false })
    );
    assert_eq!(
        zone.set_mobility(Pfn::range(1..2), Mobility::Movable),
        Err(RangeError::Outside { start: Pfn::new(1), end: Pfn::new(2), span })
    );
    zone.remove(Pfn::range(4608..5120)).unwrap();
    assert_eq!((zone.managed(), zone.free_pages()), (512, 512), "isolated frames can be removed");
    let message = zone.isolate(Pfn::range(4608..5120)).unwrap_err().to_string();
    assert_eq!(message, "the pageblock of frame 4608 is isolated already; expected the opposite");
}
